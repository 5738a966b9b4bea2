"""Blocks of a song that a device gets at once: as many as its memory holds."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import torch

from stemtree.devices import Link, blocks_at_once, free_cached_memory, full_precision, lacks_memory
from stemtree.errors import DeviceError, DeviceWarning, whole_number
from stemtree.separation.splitters.base import CPU, Block

Outcome = TypeVar("Outcome")


class Batches:
    """Computes on a device with several blocks at once, and with fewer once its memory does not suffice.

    Parameters
    ----------
    device : torch.device
        Where.
    size : int, optional
        How many blocks at once; by default `stemtree.devices.blocks_at_once`.

    Raises
    ------
    OptionError
        If `size` is less than 1.
    """

    def __init__(self, device: torch.device = CPU, size: int | None = None) -> None:
        self.device, self.link = device, Link(device)
        self.size = blocks_at_once(device) if size is None else whole_number(size, "the number of blocks at once", 1)

    @property
    def overlap(self) -> bool:
        """Whether the next blocks should be begun before the results of those before are used."""
        return self.device != CPU

    def of(self, blocks: Iterable[Block]) -> Iterator[list[Block]]:
        """Group consecutive blocks of equal shape."""
        group: list[Block] = []
        for block in blocks:
            if group and (len(group) >= self.size or _shapes(block) != _shapes(group[0])):
                yield group
                group = []
            group.append(block)
        if group:
            yield group

    def run(self, work: Callable[[Sequence[Block]], Outcome], blocks: Sequence[Block]) -> Iterator[Outcome]:
        """Do the work with all blocks, or with one part of them after the other.

        Parameters
        ----------
        work : callable
            Leaves nothing changed if it fails.
        blocks : sequence of Block
            Of equal shape.

        Raises
        ------
        DeviceError
            If the device's memory does not hold one block.

        Warns
        -----
        DeviceWarning
            If it goes on with fewer blocks at once.
        """
        while blocks:
            some = blocks[: self.size]
            done = self._try(work, some)
            if not done:
                self._shrink(len(some))
                continue
            blocks = blocks[len(some) :]
            yield done[0]

    def _try(self, work: Callable[[Sequence[Block]], Outcome], some: Sequence[Block]) -> list[Outcome]:
        """The outcome, or nothing if memory ran out; then the error, which holds on to tensors, is gone."""
        try:
            with full_precision(self.device):
                return [work(some)]
        except (RuntimeError, MemoryError) as error:
            if not lacks_memory(error) or (len(some) == 1 and self.device == CPU):
                raise
            if len(some) == 1:
                raise DeviceError(
                    f"the memory of '{self.device}' does not hold a single block: end what else uses it, or give "
                    "--device cpu"
                ) from None
            return []

    def _shrink(self, failed: int) -> None:
        self.size = failed // 2
        free_cached_memory(self.device)
        warnings.warn(
            f"the memory of '{self.device}' does not hold {failed} blocks at once: going on with {self.size}",
            DeviceWarning,
            stacklevel=2,
        )


def _shapes(block: Block) -> list[torch.Size | None]:
    frames = (block.spectrogram, block.before, block.after)
    return [None if some is None else some.shape for some in frames]
