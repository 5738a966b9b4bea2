"""A whole tree of a song from a folder of examples, one for each leaf (thesis, 6.2.4)."""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch

from stemtree.audio import READ_SAMPLES, AudioSource, OutputFormat, open_source, to_source
from stemtree.devices import AUTO, find_device, full_precision
from stemtree.errors import AudioWarning, OptionError
from stemtree.hierarchy import NodePath, own_name
from stemtree.masks.partition import Partition
from stemtree.masks.presence import PRESENT_DB, greatest_odds, leaf_energies, loudest_db
from stemtree.masks.stacking import stack
from stemtree.separation.batches import Batches
from stemtree.separation.output.layout import StemLayout
from stemtree.separation.output.stem_files import SavedSong
from stemtree.separation.preview import check_presence
from stemtree.separation.result import TreeResult
from stemtree.separation.separator import Progress, Separator
from stemtree.separation.splitters.example import Example
from stemtree.separation.splitters.stacked import QueryStack, StackedSplitter
from stemtree.spectral import analyse_stream
from stemtree.types import Spectrogram

Measured = TypeVar("Measured")


class QueryTree:
    """Separates songs into the tree of those instruments of a folder of examples that are heard in them.

    It goes through a song twice: first to hear which leaves are there, then to separate the tree that they make. What a
    leaf that is not there would have had goes to the others.

    Parameters
    ----------
    model : path-like
        A trained model that takes a query.
    examples : path-like or mapping of NodePath to Example
        The folder, see `QueryStack`.
    present_db : float, optional
        A leaf is there if its estimate is not further below the song than this in some 12 s of it, a block of the walk.
        Blocks 20 dB quieter than the loudest do not count. By default the model tells by itself what is there
        (`AnsweringNetwork.evidence`); of one that does not, what its card says, or else a guess,
        `stemtree.masks.presence.PRESENT_DB`.
    device, batch
        See `Separator`.

    Raises
    ------
    ModelError, AudioError, OptionError
        See `QueryStack`; also if `present_db` is not below 0.
    DeviceError
        If this machine has no such device.
    """

    notes: tuple[str, ...] = ()
    """See `Separator.notes`."""

    def __init__(
        self,
        model: str | os.PathLike[str],
        examples: str | os.PathLike[str] | Mapping[NodePath, Example],
        present_db: float | None = None,
        *,
        device: str | torch.device = AUTO,
        batch: int | None = None,
    ) -> None:
        check_presence(present_db)
        self._batches = Batches(find_device(device), batch)
        self.stack = QueryStack(model, examples)
        self.stack.to(self.device)
        self.by_loudness = present_db is not None or not self.stack.tells_presence
        of_card = self.stack.model.card.present_db
        self.present_db = next(given for given in (present_db, of_card, PRESENT_DB) if given is not None)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._batches.device

    @property
    def blocks_at_once(self) -> int:
        """See `Separator.blocks_at_once`."""
        return self._batches.size

    def separate(
        self,
        song: Any,
        sample_rate: int | None = None,
        progress: Progress | None = None,
        *,
        stream: int | None = None,
        accept_truncated: bool = False,
    ) -> TreeResult:
        """Separate one song in memory; see `Separator.separate`."""
        source = to_source(song, sample_rate, stream=stream, accept_truncated=accept_truncated)
        return self._separator(source, progress).separate(source, progress=_second_half(progress))

    def save(
        self,
        song: str | os.PathLike[str],
        folder: str | os.PathLike[str],
        output: OutputFormat = OutputFormat(),  # noqa: B008 - immutable
        *,
        layout: StemLayout = StemLayout(),  # noqa: B008 - immutable
        overwrite: bool = False,
        progress: Progress | None = None,
        stream: int | None = None,
        accept_truncated: bool = False,
        track: str | None = None,
    ) -> SavedSong:
        """Separate one file into files; see `Separator.save`."""
        source = open_source(song, stream, accept_truncated=accept_truncated)
        return self._separator(source, progress).save(
            source,  # not opened again: a pipe can be read once
            folder,
            output,
            layout=layout,
            overwrite=overwrite,
            progress=_second_half(progress),
            track=track,
        )

    def listen(self, source: AudioSource, progress: Progress | None = None) -> dict[NodePath, float]:
        """Measure what speaks for each leaf, by the name of its example.

        Returns
        -------
        dict of NodePath to float
            ``by_loudness`` how loud it is where it is loudest, were all leaves there (`loudest_db`); else log-odds.
            Empty if all of the song is silent.
        """
        if self.by_loudness:
            partition = StackedSplitter(self.stack, tuple(self.stack.examples)).partition
            return loudest_db(self._measured_blocks(source, partial(self._leaf_energies, partition), progress))
        odds = greatest_odds(self._measured_blocks(source, self.stack.evidence, progress))
        return self.stack.by_example(odds) if len(odds) else {}

    def there(self, evidence: Mapping[NodePath, float]) -> tuple[NodePath, ...]:
        """Which leaves are there, of what `listen` has measured."""
        least = self.present_db if self.by_loudness else 0
        return tuple(leaf for leaf, measured in evidence.items() if measured >= least)

    def separator_of(self, leaves: Iterable[NodePath]) -> Separator:
        """A separator of the tree that some leaves make, there being no others."""
        splitter = StackedSplitter(self.stack, tuple(leaves))
        return Separator(splitter.hierarchy, splitters=[splitter], device=self.device, batch=self._batches.size)

    def _separator(self, source: AudioSource, progress: Progress | None) -> Separator:
        """A separator of the tree of those leaves that are there; warns of the others."""
        examples = self.stack.examples
        there = self.there(self.listen(source, progress))
        if not there:
            below = f" below {self.present_db:g} dB" if self.by_loudness else ""
            raise OptionError(
                f"none of the {len(examples)} instruments of the examples is heard in '{source.name}': give others, or "
                f"a loudness{below} from which on one is there"
            )
        if missing := [own_name(node) for node in examples if node not in there]:
            note = f"not heard in '{source.name}' and left out: {', '.join(missing)}"
            warnings.warn(note, AudioWarning, stacklevel=3)
        return self.separator_of(there)

    @torch.inference_mode()
    def _measured_blocks(
        self, source: AudioSource, measure: Callable[[Spectrogram], Measured], progress: Progress | None
    ) -> Iterator[tuple[float, Measured]]:
        """The energy of each block of a song, and what is measured of it as the model takes it."""
        stft, done = self.stack.stft.at(source.sample_rate), 0
        audio = (torch.from_numpy(block.astype(np.float32)) for block in source.blocks(READ_SAMPLES))
        for spectrogram in analyse_stream(stft, audio, self.stack.block_frames):
            mixture = self.stack.model_input(spectrogram.to(self.device), stft)
            with full_precision(self.device):
                measured = measure(mixture)
            yield float(mixture.abs().square().sum()), measured
            done += spectrogram.shape[-1] * stft.hop
            if progress and source.num_samples is not None:
                progress(min(done, source.num_samples) // 2, source.num_samples)

    def _leaf_energies(self, partition: Partition, mixture: Spectrogram) -> Mapping[NodePath, float]:
        return leaf_energies(stack(self.stack.answers(mixture, partition.leaves), partition), partition, mixture)


def _second_half(progress: Progress | None) -> Progress | None:
    """What reports the second time through a song, when half of the work is done."""
    if progress is None:
        return None
    return lambda done, total: progress(done if total is None else (total + done) // 2, total)
