"""The walk down the tree: one transform of the mixture, masks at every inner node, one inverse transform per leaf."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TypeVar

import numpy as np
import torch

from stemtree.audio import READ_SAMPLES, AudioSource
from stemtree.audio.samples import ExactSamples, Samples, total_of
from stemtree.masks.conserve import normalise
from stemtree.processes import allow_forks
from stemtree.separation.batches import Batches
from stemtree.separation.plan import Plan
from stemtree.separation.splitters.base import CPU, Block, Splitter
from stemtree.separation.steps import Step
from stemtree.separation.trunk import Trunk
from stemtree.spectral import MaskedSpectrogram, Stft, Synthesis, analyse_stream
from stemtree.types import Masks, Spectrogram, Waveform

Begun = TypeVar("Begun")

_SYNTHESISED = 128
"""Frames to transform back at a time on the CPU, where the samples of all stems of a block would take 80 MB."""


@dataclass(frozen=True, slots=True)
class SeparatedBlock:
    """Consecutive samples of a song.

    Parameters
    ----------
    mixture : ExactSamples
        ``(channel, sample)``.
    leaves : Samples
        ``(leaf, channel, sample)`` of the tree's leaves, which add up to the mixture.
    continued : Samples
        ``(node, channel, sample)`` of the nodes that leaves share out, see `Trunk.continued`.
    """

    mixture: ExactSamples
    leaves: Samples
    continued: Samples


def joined(blocks: Iterable[SeparatedBlock]) -> SeparatedBlock:
    """Consecutive blocks as one."""
    parts = list(blocks)
    mixture = np.concatenate([part.mixture for part in parts], axis=-1)
    leaves, continued = (
        np.concatenate(rows, axis=-1) for rows in zip(*((part.leaves, part.continued) for part in parts), strict=True)
    )
    return SeparatedBlock(mixture, leaves, continued)


def walk(plan: Plan, source: AudioSource, batches: Batches | None = None) -> Iterator[SeparatedBlock]:
    """Separate a song into the leaves of `Plan.tree`, block by block, in memory that does not depend on its length.

    Parameters
    ----------
    plan : Plan
        What is separated, by splitters that are on the device.
    source : AudioSource
        The song.
    batches : Batches, optional
        On which device, and how many blocks at once; by default one after the other on the CPU.

    Yields
    ------
    SeparatedBlock
        Consecutive samples.
    """
    allow_forks()
    batches = batches or Batches()
    mixture, trunk = _SampleQueue(), plan.trunk
    finished = _finished(plan, source, mixture, batches)
    for waves in _with_next_begun(finished) if batches.overlap else finished:
        for wait in waves:
            rows = wait()
            if rows.shape[-1]:
                yield _conserve(trunk, mixture.take(rows.shape[-1]), rows)


def _finished(
    plan: Plan, source: AudioSource, mixture: "_SampleQueue", batches: Batches
) -> Iterator[Iterable[Callable[[], Waveform]]]:
    """Compute consecutive samples of all rows, ``(row, channel, sample)``, and begin to copy them from the device.

    On the CPU samples are computed as they are asked for, and all of them must be before the next are.
    """
    stft = plan.stft.at(source.sample_rate)
    synthesis, on_cpu = Synthesis(stft), batches.device == CPU
    size = READ_SAMPLES if on_cpu else plan.block_frames * stft.hop  # one copy for each block
    audio = (torch.from_numpy(mixture.put(block).astype(np.float32)) for block in source.blocks(size))
    spectrograms = analyse_stream(stft, map(batches.link.send, audio), plan.block_frames)
    for blocks in batches.of(with_context(spectrograms, stft, plan.context_frames)):

        def separate(some: Sequence[Block]) -> tuple[Synthesis, Iterable[Waveform]]:
            after = copy(synthesis)  # noqa: B023 - called at once
            frames = _SYNTHESISED if on_cpu else None
            waves = chain.from_iterable(after.add(stems, frames) for stems in split(plan, some))
            return after, waves if on_cpu else list(waves)

        for separated in batches.run(separate, blocks):
            synthesis, waves = separated
            copies = map(batches.link.fetch, waves)
            yield copies if on_cpu else list(copies)
    if synthesis.num_samples < mixture.num_put:
        missing = mixture.num_put - synthesis.num_samples
        yield [batches.link.fetch(synthesis.finish()[..., :missing])]


def _with_next_begun(batches: Iterable[Begun]) -> Iterator[Begun]:
    """Yield each batch when the next has been begun, so that the device computes while the caller does."""
    for begun, _ in pairwise(chain(batches, [None])):
        if begun is not None:
            yield begun


@torch.inference_mode()
def split(plan: Plan, mixture: Sequence[Block]) -> list[list[MaskedSpectrogram]]:
    """Walk down the tree for blocks of equal shape.

    Parameters
    ----------
    plan : Plan
        What is separated.
    mixture : sequence of Block
        Consecutive blocks of a song.

    Returns
    -------
    list of list of MaskedSpectrogram
        For each block the masks of `Trunk.rows`, and the spectrograms that they are masks of (4.7).
    """
    made = {0: [MaskedSpectrogram(block.spectrogram) for block in mixture]}
    kept = {part for numbers in plan.numbers for part in numbers}
    for step in plan.steps:
        parents = made[step.divided] if step.divided in kept else made.pop(step.divided)
        if step.splitter is None:
            made[step.numbers[0]] = parents
            continue
        blocks = mixture
        if step.divided != 0:
            blocks = [
                Block(parent.product(), block.start, block.stft) for parent, block in zip(parents, mixture, strict=True)
            ]
        of_blocks = [_sum_by_part(step, masks) for masks in _masks(step, step.splitter, blocks)]
        for part in of_blocks[0]:
            made[part] = [
                MaskedSpectrogram(block.spectrogram, masks[part])
                for block, masks in zip(blocks, of_blocks, strict=True)
            ]
    return [
        [_total([made[part][number] for part in numbers]) for numbers in plan.numbers] for number in range(len(mixture))
    ]


def _masks(step: Step, splitter: Splitter, blocks: Sequence[Block]) -> Sequence[Masks]:
    """The splitter's masks of every block, on the blocks' device, if need be by way of the splitter's own."""
    device = blocks[0].spectrogram.device
    if splitter.device == device:
        return splitter.part_masks(blocks, step.node, step.outputs)
    moved = [block.to(splitter.device) for block in blocks]
    return [masks.to(device) for masks in splitter.part_masks(moved, step.node, step.outputs)]


def _total(parts: list[MaskedSpectrogram]) -> MaskedSpectrogram:
    """The sum of what leaves of the walk are, without a product where they are masks of one spectrogram."""
    first = parts[0]
    if len(parts) == 1:
        return first
    masks = [part.mask for part in parts if part.mask is not None and part.spectrogram is first.spectrogram]
    if len(masks) == len(parts):
        return MaskedSpectrogram(first.spectrogram, torch.stack(masks).sum(dim=0))
    return MaskedSpectrogram(torch.stack([part.product() for part in parts]).sum(dim=0))


def _sum_by_part(step: Step, masks: Masks) -> dict[int, Masks]:
    """The masks of the parts that a step makes; what is no part of the node divided is left to the others."""
    kept = step.kept
    if len(kept) < len(masks):
        masks = normalise(masks[kept])
    sums: dict[int, Masks] = {}
    for part, mask in zip([step.numbers[place] for place in kept], masks, strict=True):
        sums[part] = sums[part] + mask if part in sums else mask
    return sums


def with_context(spectrograms: Iterable[Spectrogram], stft: Stft, context: int) -> Iterator[Block]:
    """Number consecutive blocks of the mixture and add so many frames on both sides of each; see `Block`."""
    start = 0
    if not context:  # nothing to wait for
        for spectrogram in spectrograms:
            yield Block(spectrogram, start, stft)
            start += spectrogram.shape[-1]
        return
    before, current = None, None
    for following in chain(spectrograms, [None]):
        if current is not None:
            yield Block(current, start, stft, before, None if following is None else following[..., :context])
            start += current.shape[-1]
            before = current[..., -context:].clone()  # a view would keep the whole block
        current = following


def _conserve(trunk: Trunk, mixture: ExactSamples, rows: Waveform) -> SeparatedBlock:
    """Spread the rounding error of the transforms (-130 dB of the mixture) over the leaves, so that they add up."""
    samples, num_leaves = rows.numpy(), len(trunk.rows) - len(trunk.continued)
    _add_missing(mixture, [samples[row] for row in trunk.leaf_rows])
    for node, whole in zip(trunk.continued, samples[num_leaves:], strict=True):
        _add_missing(whole, samples[trunk.rows_beneath(node)])
    return SeparatedBlock(mixture, samples[:num_leaves], samples[num_leaves:])


def _add_missing(whole: ExactSamples | Samples, parts: Sequence[Samples] | Samples) -> None:
    """Add to each of the parts an equal share of what they lack to add up to the whole."""
    share = ((whole - total_of(parts)) / len(parts)).astype(np.float32)
    for part in parts:
        part += share


class _SampleQueue:
    """Samples of the mixture that were read and whose leaves are not finished yet."""

    def __init__(self) -> None:
        self._blocks: list[ExactSamples] = []
        self.num_put = 0

    def put(self, block: ExactSamples) -> ExactSamples:
        self._blocks.append(block)
        self.num_put += block.shape[-1]
        return block

    def take(self, count: int) -> ExactSamples:
        """The first `count` samples."""
        samples = np.concatenate(self._blocks, axis=-1)
        self._blocks = [samples[:, count:]]
        return samples[:, :count]
