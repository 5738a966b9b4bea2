"""Queries: which chunk of another song serves as the example of a leaf."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from stemtree.corpora.track import Corpus, Track
from stemtree.data.salience import Chunking, index_file, salience_index
from stemtree.data.signals import node_signals
from stemtree.errors import SamplingError
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
    """

    chunks: Mapping[NodePath, tuple[QueryChunk, ...]]
    unreadable: frozenset[str]
    seed: int

    def starts_for(self, target: NodePath, track: Track, starts: Sequence[int]) -> list[int]:
        """Select those chunks of a song in which a target is salient."""
        if track.id in self.unreadable:
            return list(starts) if track.stems_of(target) else []
        salient = {chunk.start for chunk in self.chunks[target] if chunk.track.id == track.id}
        return [start for start in starts if start in salient]

    def draw(self, target: NodePath, track: str, start: int) -> QueryChunk:
        """Draw the query for a target in the chunk of a song, from the other songs.

        The draw depends on nothing but seed, song, chunk and target.

        Raises
        ------
        SamplingError
            If the target is salient in no other song.
        """
        others = [chunk for chunk in self.chunks[target] if chunk.track.id != track]
        if not others:
            raise SamplingError(f"'{target}' is salient in no song but this one: there is no query for it")
        seed = hashlib.sha256(f"{self.seed} {track} {start} {target}".encode()).digest()
        return others[np.random.default_rng(list(seed)).integers(len(others))]

    def read(self, target: NodePath, batch: Batch, *, mono: bool) -> Waveform:
        """Draw and read a query for each chunk of a batch: ``(batch, channel, sample)``."""
        queries = []
        for start in batch.starts:
            query = self.draw(target, batch.track, start)
            queries += node_signals(query.track, (target,), query.start, batch.mixture.shape[-1], mono=mono)
        return torch.from_numpy(np.stack(queries))


def find_queries(
    corpus: Corpus, hierarchy: Hierarchy, targets: Sequence[NodePath], chunking: Chunking, seed: int
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
    )
