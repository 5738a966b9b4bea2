"""Sampling of training chunks: which chunk of which song becomes an example (thesis, 4.4.1; poster, experiment 3)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stemtree.corpora.track import Corpus
from stemtree.data.salience import SalienceIndex
from stemtree.errors import OptionError, SamplingError
from stemtree.hierarchy import Hierarchy, NodePath


@dataclass(frozen=True, slots=True)
class SamplingRules:
    """How chunks are sampled.

    Parameters
    ----------
    absent : float
        Proportion of examples in whose chunk the target is not salient.
    sibling : float
        Proportion of these in whose chunk a sibling of the target is salient.
    missing : float
        Proportion of chunks whose ground truth is withheld, to train with less data. Which chunks these are depends
        only on the seed and the chunk.
    missing_mode : {"all", "leaf"}
        ``all`` never samples such a chunk; ``leaf`` samples it and marks the signal of the lowest level of the path,
        the target, as unknown, so that it adds to the loss of the coarser levels only.
    query : bool
        Also sample a chunk of another song in which the target is salient.
    seed : int
        Of all random choices.

    Raises
    ------
    OptionError
        If a proportion is not in [0, 1], the mode is unknown or the seed negative.
    """

    absent: float = 0.0
    sibling: float = 0.0
    missing: float = 0.0
    missing_mode: Literal["all", "leaf"] = "leaf"
    query: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("absent", "sibling", "missing"):
            if not 0 <= getattr(self, name) <= 1:
                raise OptionError(f"'{name}' is {getattr(self, name)}: give a share between 0 and 1")
        if self.missing_mode not in ("all", "leaf"):
            raise OptionError(f"'missing_mode' is '{self.missing_mode}': give 'all' or 'leaf'")
        if self.seed < 0:
            raise OptionError(f"'seed' is {self.seed}: give 0 or more")


@dataclass(frozen=True, slots=True)
class ChunkPosition:
    """A chunk of a corpus: the song's number in the corpus and the chunk's number in the song."""

    track: int
    chunk: int


@dataclass(frozen=True, slots=True)
class ExampleSpec:
    """Which chunks an example is made of, before any audio is read.

    Parameters
    ----------
    target : NodePath
        The node to separate.
    position : ChunkPosition
        The chunk that becomes the mixture.
    leaf_known : bool
        Whether the ground truth of the lowest level at or below the target may be used.
    query : ChunkPosition or None
        A chunk of another song in which the target is salient.
    """

    target: NodePath
    position: ChunkPosition
    leaf_known: bool
    query: ChunkPosition | None = None


class ChunkSampler:
    """Samples chunks for one or several targets, all equally often.

    Parameters
    ----------
    corpus : Corpus
        The songs.
    index : SalienceIndex
        Of the same songs.
    hierarchy : Hierarchy
        The tree of the index.
    targets : sequence of NodePath
        One node for source-specific separation, any leaves for query by example.
    rules : SamplingRules
        How chunks are sampled.

    Raises
    ------
    OptionError
        If there is no target.
    SamplingError
        If a target allows no such sampling: it is salient nowhere, or everywhere, or (for a query) in one song only.
    """

    def __init__(
        self,
        corpus: Corpus,
        index: SalienceIndex,
        hierarchy: Hierarchy,
        targets: Sequence[NodePath],
        rules: SamplingRules,
    ) -> None:
        self.corpus, self.rules, self.targets = corpus, rules, tuple(targets)
        if not self.targets:
            raise OptionError("there is no target to sample chunks for: name one node or more")
        self._tracks = [track.id for track in corpus.tracks]
        self.index, self.hierarchy = index, hierarchy
        self._candidates = {target: _CandidateChunks(self, target) for target in self.targets}
        for target, candidates in self._candidates.items():
            self._check(target, candidates)

    def draw(self, number: int) -> ExampleSpec:
        """Sample one example; it depends only on its number, not on the order of calls."""
        generator = np.random.default_rng((self.rules.seed, number))
        target = self.targets[generator.integers(len(self.targets))]
        candidates, rules = self._candidates[target], self.rules
        chunks = candidates.present
        if generator.random() < rules.absent:
            chunks = candidates.sibling if generator.random() < rules.sibling else candidates.absent
        position = _choose(chunks, generator)
        query = None
        if rules.query:
            query = _choose(candidates.present[candidates.present[:, 0] != position.track], generator)
        known = rules.missing_mode == "all" or not self.is_missing(position)
        return ExampleSpec(target, position, known, query)

    def is_missing(self, position: ChunkPosition) -> bool:
        """Whether a chunk's ground truth is withheld."""
        chunk = f"{self.rules.seed} {self._tracks[position.track]} {position.chunk}".encode()
        return int.from_bytes(hashlib.sha256(chunk).digest()[:8], "big") < self.rules.missing * 2**64

    def is_missing_at(self, track: int, start: int) -> bool:
        """Whether the ground truth of the chunk that begins nearest to sample `start` of a song is withheld."""
        if not self.rules.missing:
            return False
        nearest = np.argmin(np.abs(self.index.chunking.starts(self.corpus.tracks[track]) - start))
        return self.is_missing(ChunkPosition(track, int(nearest)))

    def chunks_where(self, flags: Sequence[NDArray[np.bool_]]) -> NDArray[np.int64]:
        """Find the chunks that are flagged and may be sampled.

        Parameters
        ----------
        flags : sequence of ndarray
            For each song ``(chunk,)`` booleans.

        Returns
        -------
        ndarray
            ``(found, 2)``: numbers of song and chunk.
        """
        numbers = [
            (track, chunk)
            for track, of_track in enumerate(flags)
            for chunk in np.flatnonzero(of_track)
            if self.rules.missing_mode != "all" or not self.is_missing(ChunkPosition(track, int(chunk)))
        ]
        return np.asarray(numbers, np.int64).reshape(-1, 2)

    def salient(self, node: NodePath) -> list[NDArray[np.bool_]]:
        """In which chunks of each song a node is salient: ``(chunk,)`` booleans."""
        return [self.index.salient(track, node) for track in self._tracks]

    def _check(self, target: NodePath, candidates: "_CandidateChunks") -> None:
        rules, name = self.rules, f"'{target}'"
        if rules.absent < 1 and not len(candidates.present):
            raise SamplingError(f"{name} is salient in no chunk: lower the threshold or leave it out")
        if rules.absent > 0 and rules.sibling < 1 and not len(candidates.absent):
            raise SamplingError(f"{name} is salient in every chunk: set the share of absent chunks to 0")
        if rules.absent > 0 and rules.sibling > 0 and not len(candidates.sibling):
            raise SamplingError(f"no chunk has a sibling of {name} without it: set the share of siblings to 0")
        if rules.query:
            songs = np.unique(candidates.present[:, 0])
            if len(songs) < 2:
                found = f"only in '{self._tracks[songs[0]]}'" if len(songs) else "nowhere"
                raise SamplingError(f"{name} is salient {found}: a query needs a second song, leave it out")


class _CandidateChunks:
    """Chunks that may be sampled for a target: ``(chunk, 2)`` numbers of song and chunk of each kind, on demand."""

    def __init__(self, sampler: ChunkSampler, target: NodePath) -> None:
        self._sampler, self._siblings = sampler, sampler.hierarchy.siblings(target)
        self._salient = sampler.salient(target)

    @cached_property
    def present(self) -> NDArray[np.int64]:
        """Where the target is salient."""
        return self._sampler.chunks_where(self._salient)

    @cached_property
    def absent(self) -> NDArray[np.int64]:
        """Where it is not."""
        return self._sampler.chunks_where([~flags for flags in self._salient])

    @cached_property
    def sibling(self) -> NDArray[np.int64]:
        """Where it is not but a sibling is."""
        any_sibling = [np.zeros_like(flags) for flags in self._salient]
        for sibling in self._siblings:
            salient = self._sampler.salient(sibling)
            any_sibling = [so_far | flags for so_far, flags in zip(any_sibling, salient, strict=True)]
        return self._sampler.chunks_where([flags & ~own for flags, own in zip(any_sibling, self._salient, strict=True)])


def _choose(chunks: NDArray[np.int64], generator: np.random.Generator) -> ChunkPosition:
    track, chunk = chunks[generator.integers(len(chunks))]
    return ChunkPosition(int(track), int(chunk))
