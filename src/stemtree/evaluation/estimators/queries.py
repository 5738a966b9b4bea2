"""Queries: which chunk of another song serves as the example of a leaf."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from stemtree.corpora.track import Corpus, Track
from stemtree.data.candidates import family_of
from stemtree.data.salience import Chunking, index_file, salience_index
from stemtree.data.signals import node_signals
from stemtree.errors import NoQueryError
from stemtree.evaluation.estimators.base import Batch
from stemtree.hierarchy import Hierarchy, NodePath
from stemtree.types import Waveform


@dataclass(frozen=True, slots=True)
class QueryChunk:
    """A chunk that can serve as a query: its song and its first sample."""

    track: Track
    start: int


@dataclass(frozen=True)
class Queries:
    """The chunks in which each target is salient.

    Parameters
    ----------
    chunks : mapping of NodePath to tuple of QueryChunk
        For each target, in the order of the corpus.
    unreadable : frozenset of str
        Songs whose salience could not be measured: any stem may be salient in any of their chunks.
    seed : int
        Of the draw.
    asked : mapping of NodePath to tuple of NodePath
        For each target the leaves that its queries are examples of; itself where it is not listed.
    """

    chunks: Mapping[NodePath, tuple[QueryChunk, ...]]
    unreadable: frozenset[str]
    seed: int
    asked: Mapping[NodePath, tuple[NodePath, ...]] = field(default_factory=dict)

    def starts_for(self, target: NodePath, track: Track, starts: Sequence[int]) -> list[int]:
        """Select those chunks of a song in which a target is salient."""
        if track.id in self.unreadable:
            return list(starts) if track.stems_of(target) else []
        salient = {chunk.start for chunk in self.chunks[target] if chunk.track.id == track.id}
        return [start for start in starts if start in salient]

    def draw(self, target: NodePath, track: str, start: int) -> tuple[NodePath, QueryChunk]:
        """Draw the query for a target in the chunk of a song, from the other songs: a leaf, and a chunk with it.

        The draw depends on nothing but seed, song, chunk and target.

        Raises
        ------
        NoQueryError
            If none of the leaves that can be asked for is salient in another song.
        """
        generator = np.random.default_rng(
            list(hashlib.sha256(f"{self.seed} {track} {start} {target}".encode()).digest())
        )
        asked = self.asked.get(target, (target,))
        pools = [(leaf, [chunk for chunk in self.chunks[leaf] if chunk.track.id != track]) for leaf in asked]
        pools = [(leaf, chunks) for leaf, chunks in pools if chunks]
        if not pools:
            raise NoQueryError(f"'{asked[0]}' is salient in no song but this one: there is no query for it")
        leaf, others = pools[generator.integers(len(pools))] if len(pools) > 1 else pools[0]
        return leaf, others[generator.integers(len(others))]

    def read(self, target: NodePath, batch: Batch, *, mono: bool) -> Waveform:
        """Draw and read a query for each chunk of a batch: ``(batch, channel, sample)``."""
        queries = []
        for start in batch.starts:
            leaf, query = self.draw(target, batch.track, start)
            queries += node_signals(query.track, (leaf,), query.start, batch.mixture.shape[-1], mono=mono)
        return torch.from_numpy(np.stack(queries))


def leaves_to_ask_for(targets: Sequence[NodePath], kind: str) -> dict[NodePath, tuple[NodePath, ...]]:
    """For each target the other targets that are its queries; targets without any are left out.

    Parameters
    ----------
    targets : sequence of NodePath
        All leaves that queries can be examples of.
    kind : str
        A key of `stemtree.evaluation.settings.QUERY_KINDS`. A target's family is the nearest node above it that holds
        another target.
    """
    if kind == "target":
        return {target: (target,) for target in targets}
    asked = {}
    for target in targets:
        others, family = [other for other in targets if other != target], family_of(target, targets)
        if of_kind := [other for other in others if (other in family) == (kind == "family")]:
            asked[target] = tuple(of_kind)
    return asked


def find_queries(
    corpus: Corpus,
    hierarchy: Hierarchy,
    targets: Sequence[NodePath],
    chunking: Chunking,
    seed: int,
    kind: str = "target",
) -> Queries:
    """Find the chunks in which targets are salient; the corpus's salience index is brought up to date.

    Parameters
    ----------
    corpus : Corpus
        The songs.
    hierarchy : Hierarchy
        Of the corpus.
    targets : sequence of NodePath
        The leaves to look for.
    chunking : Chunking
        How songs are cut, and from which loudness on a node is salient.
    seed : int
        Of the draw of queries.
    kind : str
        See `leaves_to_ask_for`.

    Raises
    ------
    CorpusError
        If the index cannot be written.
    """
    index = salience_index(corpus, hierarchy, index_file(corpus), chunking, skip_bad=True)

    def salient_chunks(target: NodePath) -> tuple[QueryChunk, ...]:
        chunks: list[QueryChunk] = []
        for track in corpus.tracks:
            flags = index.salient(track.id, target)
            chunks += [QueryChunk(track, int(start)) for start in chunking.starts(track)[: len(flags)][flags]]
        return tuple(chunks)

    return Queries(
        {target: salient_chunks(target) for target in targets},
        frozenset(problem.track for problem in index.problems),
        seed,
        leaves_to_ask_for(targets, kind),
    )
