"""Examples for training: the mixture and the true signals of the wanted nodes, as tensors."""

from __future__ import annotations  # the aliases of tensors are names, not classes

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import torch
from torch.utils.data import Dataset

from stemtree.audio import Excerpts
from stemtree.corpora.track import Track
from stemtree.errors import OptionError
from stemtree.examples.salience import SalienceIndex
from stemtree.examples.sampling import Place, Sampler
from stemtree.hierarchy import MIXTURE, Hierarchy
from stemtree.types import Path, Samples, Waveform


class Example(TypedDict, total=False):
    """One example.

    ``mixture`` is ``(channel, sample)``, ``nodes`` ``(node, channel, sample)``; ``present`` says which nodes are
    salient, ``known`` which may be learned from. ``query`` is ``(channel, sample)`` of the same node in another song,
    where queries are drawn. ``track``, ``start`` (in seconds) and ``target`` tell where it comes from.
    """

    mixture: Waveform
    nodes: Waveform
    present: torch.Tensor
    known: torch.Tensor
    query: Waveform
    track: str
    start: float
    target: Path


class Examples(Dataset[Example]):
    """A fixed number of examples, the same whatever the number of workers that read them.

    Parameters
    ----------
    sampler : Sampler
        What is drawn.
    index : SalienceIndex
        The sampler's.
    hierarchy : Hierarchy
        The corpus's.
    nodes : sequence of Path, optional
        The nodes whose signals are wanted. Unset: the target and what lies above it, leaf first, one for each level of
        the path; all targets must then lie equally deep.
    size : int
        How many.
    mono : bool
        Average the channels.

    Raises
    ------
    OptionError
        If the songs differ in sample rate, or the targets' paths in length.
    """

    def __init__(
        self,
        sampler: Sampler,
        index: SalienceIndex,
        hierarchy: Hierarchy,
        nodes: Sequence[Path] | None = None,
        *,
        size: int,
        mono: bool = True,
    ) -> None:
        self._sampler, self._index, self._size, self._mono = sampler, index, size, mono
        self._tracks = sampler.corpus.tracks
        paths = {target: (target, *hierarchy.ancestors(target)[:-1]) for target in sampler.targets}
        self._nodes = {target: tuple(nodes) if nodes is not None else path for target, path in paths.items()}
        rates = {track.sample_rate for track in self._tracks}
        if len(rates) > 1:
            raise OptionError(f"the songs have sample rates of {sorted(rates)} Hz: resample the corpus to one")
        if len({len(path) for path in self._nodes.values()}) > 1:
            raise OptionError("the targets' paths differ in length: name the nodes, or prune the hierarchy")
        self.sample_rate = rates.pop()

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, number: int) -> Example:
        if not 0 <= number < self._size:
            raise IndexError(number)
        draw = self._sampler.draw(number)
        track, nodes = self._tracks[draw.place.track], self._nodes[draw.target]
        start = self._start(draw.place)
        mixture, *signals = self._read(track, start, (MIXTURE, *nodes))
        present = [bool(self._index.salient(track.id, node)[draw.place.chunk]) for node in nodes]
        example = Example(
            mixture=torch.from_numpy(mixture),
            nodes=torch.from_numpy(np.stack(signals)),
            present=torch.tensor(present),
            known=torch.tensor([draw.leaf_known or node != draw.target for node in nodes]),
            track=track.id,
            start=start / self.sample_rate,
            target=draw.target,
        )
        if draw.query is not None:
            (query,) = self._read(self._tracks[draw.query.track], self._start(draw.query), (draw.target,))
            example["query"] = torch.from_numpy(query)
        return example

    def _start(self, place: Place) -> int:
        return int(self._index.chunking.starts(self._tracks[place.track])[place.chunk])

    def _read(self, track: Track, start: int, nodes: Sequence[Path]) -> list[Samples]:
        """Read each stem that is needed once and add it to every node that it belongs to."""
        members = [{id(stem) for stem in track.stems_of(node)} for node in nodes]
        stems = [stem for stem in track.stems if any(id(stem) in member for member in members)]
        length = self._index.chunking.length(self.sample_rate)
        with Excerpts([stem.file.path for stem in stems], [stem.file.stream for stem in stems]) as files:
            audio = files.read(start, length)
        if self._mono:
            audio = [samples if len(samples) == 1 else samples.mean(axis=0, keepdims=True) for samples in audio]
        channels = max((len(samples) for samples in audio), default=1)
        totals = [np.zeros((channels, length), np.float32) for _ in nodes]
        for stem, samples in zip(stems, audio, strict=True):
            for total, member in zip(totals, members, strict=True):
                if id(stem) in member:
                    total[:, : samples.shape[1]] += samples
        return totals
