"""Models that take queries: which chunk of another song stands for a leaf, and the path of masks that it yields."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from stemtree.corpora.track import Track
from stemtree.data.signals import node_signals
from stemtree.errors import OptionError, SamplingError
from stemtree.evaluation.estimators.base import Batch
from stemtree.evaluation.estimators.trained import TrainedModel
from stemtree.hierarchy import NodePath
from stemtree.types import Waveform


@dataclass(frozen=True)
class QueryModel(TrainedModel):
    """A model that separates the path of the leaf that a query is of: one estimator for each leaf that it learned.

    See `TrainedModel`.

    Raises
    ------
    OptionError
        If its card does not say what it was trained on.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.targets:
            raise OptionError(f"the card of '{self.folder}' names no 'targets' in 'training': add what it learned")

    @property
    def targets(self) -> tuple[NodePath, ...]:
        """The leaves whose paths it learned."""
        return tuple(self.model.card.training.get("targets", ()))

    @property
    def nodes(self) -> tuple[NodePath, ...]:
        """All nodes on their paths."""
        return tuple(dict.fromkeys(node for target in self.targets for node in self.path(target)))

    def path(self, target: NodePath) -> tuple[NodePath, ...]:
        """The nodes whose masks it makes for a target: those that lie as deep as the card's."""
        names = target.split("/")
        return tuple("/".join(names[: node.count("/") + 1]) for node in self.model.card.nodes)


@dataclass(frozen=True)
class Queries:
    """Where each target is heard, and which chunk stands for it in another song.

    Parameters
    ----------
    tracks : tuple of Track
        The corpus's.
    places : mapping
        For each target the chunks in which it is salient: the song's number and the first sample.
    unknown : frozenset of str
        Songs that could not be searched, where every stem may be heard.
    seed : int
        Decides what is drawn.
    """

    tracks: tuple[Track, ...]
    places: Mapping[NodePath, tuple[tuple[int, int], ...]]
    unknown: frozenset[str]
    seed: int

    def heard(self, target: NodePath, track: Track, starts: Sequence[int]) -> list[int]:
        """Those of a song's chunks in which a target is salient."""
        if track.id in self.unknown:
            return list(starts) if track.stems_of(target) else []
        salient = {start for number, start in self.places[target] if self.tracks[number].id == track.id}
        return [start for start in starts if start in salient]

    def draw(self, target: NodePath, track: str, start: int) -> tuple[Track, int]:
        """Choose a chunk of another song in which a target is salient: song and first sample.

        Raises
        ------
        SamplingError
            If there is none.
        """
        others = [place for place in self.places[target] if self.tracks[place[0]].id != track]
        if not others:
            raise SamplingError(f"'{target}' is salient in no song but this one: there is no query for it")
        told = hashlib.sha256(f"{self.seed} {track} {start} {target}".encode()).digest()
        number, first = others[np.random.default_rng(list(told)).integers(len(others))]
        return self.tracks[number], first

    def read(self, target: NodePath, batch: Batch, *, mono: bool) -> Waveform:
        """``(batch, channel, sample)``: a query of the target for each chunk."""
        queries = []
        for start in batch.starts:
            song, first = self.draw(target, batch.track, start)
            queries += node_signals(song, (target,), first, batch.mixture.shape[-1], mono=mono)
        return torch.from_numpy(np.stack(queries))


@dataclass(frozen=True)
class PathEstimator:
    """A model that takes queries, always asked for one leaf."""

    asked: QueryModel
    target: NodePath
    queries: Queries

    @property
    def name(self) -> str:
        """The model's."""
        return self.asked.name

    @property
    def nodes(self) -> tuple[NodePath, ...]:
        """The path."""
        return self.asked.path(self.target)

    @property
    def sample_rate(self) -> int:
        """The model's."""
        return self.asked.sample_rate

    @property
    def root(self) -> NodePath:
        """The model's."""
        return self.asked.root

    def estimate(self, batch: Batch) -> Waveform:
        """See `Estimator.estimate`."""
        mono = self.asked.model.card.channels == 1
        return self.asked.mask(batch.mixture, self.queries.read(self.target, batch, mono=mono))

    def provenance(self) -> dict[str, object]:
        """See `Estimator.provenance`."""
        return self.asked.provenance()
