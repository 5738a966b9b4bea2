"""Models that take queries: every leaf that is heard in a chunk is asked for with a chunk of another song."""

from __future__ import annotations  # the aliases of tensors are names, not classes

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch

from stemtree.corpora.track import Corpus, Track
from stemtree.data.salience import SalienceIndex, index_file, salience_index
from stemtree.data.signals import node_signals
from stemtree.errors import OptionError, SamplingError
from stemtree.evaluation.estimator import Batch
from stemtree.evaluation.rows import Measurer
from stemtree.evaluation.settings import Settings
from stemtree.evaluation.trained import TrainedModel
from stemtree.hierarchy import Hierarchy
from stemtree.types import NodePath, Waveform


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


@dataclass(frozen=True)
class QueryMeasurer:
    """Makes the rows of songs, chunk by chunk the path of every target that is salient there.

    Parameters
    ----------
    measurers : mapping of NodePath to Measurer
        One for each target.
    queries : Queries
        Where they are heard.
    """

    measurers: Mapping[NodePath, Measurer]
    queries: Queries

    def song(self, track: Track, starts: Sequence[int]) -> pl.DataFrame:
        """As `Measurer.song`; the column ``target`` says what was asked for."""
        rows = [
            measurer.song(track, self.queries.heard(target, track, starts)).with_columns(target=pl.lit(target))
            for target, measurer in self.measurers.items()
        ]
        return pl.concat(rows).sort("start", maintain_order=True)


def query_measurer(
    model: QueryModel, nodes: Sequence[NodePath], corpus: Corpus, hierarchy: Hierarchy, settings: Settings
) -> QueryMeasurer:
    """Prepare a model's evaluation; the corpus's salience index is brought up to date with the settings' chunks.

    Parameters
    ----------
    model : QueryModel
        What is evaluated.
    nodes : sequence of NodePath
        Which of its nodes.
    corpus, hierarchy, settings
        See `stemtree.evaluation.evaluate.evaluate`.

    Raises
    ------
    SamplingError
        If no target is heard in the corpus.
    CorpusError
        If the index cannot be written.
    """
    index = salience_index(corpus, hierarchy, index_file(corpus), settings.chunking, skip_bad=True)
    queries = Queries(
        corpus.tracks,
        {target: _salient(corpus, index, target) for target in model.targets},
        frozenset(problem.track for problem in index.problems),
        settings.seed,
    )
    if not any(queries.places.values()) and not queries.unknown:
        raise SamplingError(f"no target of '{model.name}' is salient in these songs: give others")
    measurers = {}
    for target in model.targets:
        if wanted := tuple(node for node in model.path(target) if node in nodes):
            measurers[target] = Measurer(PathEstimator(model, target, queries), wanted, hierarchy, settings)
    return QueryMeasurer(measurers, queries)


def _salient(corpus: Corpus, index: SalienceIndex, target: NodePath) -> tuple[tuple[int, int], ...]:
    places = []
    for number, track in enumerate(corpus.tracks):
        flags = index.salient(track.id, target)
        places += [(number, int(start)) for start in index.chunking.starts(track)[: len(flags)][flags]]
    return tuple(places)
