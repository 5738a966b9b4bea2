"""Sampling of training chunks: which chunk of which song becomes an example (thesis, 4.4.1; poster, experiment 3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import floor
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stemtree.corpora.track import Corpus
from stemtree.data.candidates import CandidateChunks
from stemtree.data.salience import SalienceIndex
from stemtree.data.withheld import KnownAudio, WithheldTruth
from stemtree.errors import OptionError, SamplingError
from stemtree.hierarchy import Hierarchy, NodePath

_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, slots=True)
class SamplingRules:
    """How chunks are sampled.

    Parameters
    ----------
    absent : float
        Proportion of examples in whose chunk the target is not salient.
    sibling : float
        Proportion of these in whose chunk a sibling of the target is salient. Of several targets, those that have no
        siblings do without.
    family : float
        Proportion of the examples with the target in whose chunk another target of its family is salient too, where
        there is such a chunk. The family is the nearest node above the target that holds another target; a query alone
        tells its members apart.
    missing : float
        Proportion of the audio whose ground truth is withheld, to train with less data; see `WithheldTruth`.
    missing_mode : {"all", "leaf"}
        ``all`` never samples a chunk of it; ``leaf`` samples it and marks the signal of the lowest level of the path,
        the target, as unknown, so that it adds to the loss of the coarser levels only. Queries are drawn from all
        songs: an example of an instrument is no truth about a mixture.
    missing_unit : {"stretch", "song"}
        Whether stretches of songs are withheld, or whole songs.
    leaks : {"ignored", "ancestor"}
        What becomes of stems into which others leak (`Stem.leaks`). ``ignored``: they count as true. ``ancestor``: a
        node that holds only one of the two is unknown, so that truth begins at the lowest node that holds both.
    query : bool
        Also sample a chunk of another song in which the target is salient.
    seed : int
        Of all random choices.

    Raises
    ------
    OptionError
        If a proportion is not in [0, 1], a mode is unknown or the seed negative.
    """

    absent: float = 0.0
    sibling: float = 0.0
    family: float = 0.0
    missing: float = 0.0
    missing_mode: Literal["all", "leaf"] = "leaf"
    missing_unit: Literal["stretch", "song"] = "stretch"
    leaks: Literal["ignored", "ancestor"] = "ignored"
    query: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("absent", "sibling", "family", "missing"):
            if not 0 <= getattr(self, name) <= 1:
                raise OptionError(f"'{name}' is {getattr(self, name)}: give a share between 0 and 1")
        if self.missing_mode not in ("all", "leaf"):
            raise OptionError(f"'missing_mode' is '{self.missing_mode}': give 'all' or 'leaf'")
        if self.missing_unit not in ("stretch", "song"):
            raise OptionError(f"'missing_unit' is '{self.missing_unit}': give 'stretch' or 'song'")
        if self.leaks not in ("ignored", "ancestor"):
            raise OptionError(f"'leaks' is '{self.leaks}': give 'ignored' or 'ancestor'")
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

    The examples of a target take its chunks in random order, none a second time before all were taken.

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
        for target in self.targets:
            hierarchy.node(target)
        self._withheld = WithheldTruth(corpus, index, self.targets, rules.missing, rules.missing_unit, rules.seed)
        self._candidates = {target: CandidateChunks(self, target) for target in self.targets}
        for target, candidates in self._candidates.items():
            self._check(target, candidates)

    def draw(self, number: int) -> ExampleSpec:
        """Sample one example; it depends only on its number, not on the order of calls."""
        turn, place = divmod(number, len(self.targets))
        which = int(_permutation(len(self.targets), self.rules.seed, turn)[place]) if len(self.targets) > 1 else 0
        target = self.targets[which]
        candidates, rules = self._candidates[target], self.rules
        kind, count = self._kind_of(which, turn)
        position = _take(getattr(candidates, kind), count, (rules.seed, which, *kind.encode()))
        query = None
        if rules.query:
            others = candidates.present[candidates.present[:, 0] != position.track]
            query = _position(others[np.random.default_rng((rules.seed, number)).integers(len(others))])
        known = rules.missing_mode == "all" or not self.is_missing(position)
        return ExampleSpec(target, position, known, query)

    def num_chunks(self, size: int) -> dict[NodePath, tuple[int, int]]:
        """For each target: in how many of the first `size` examples it is salient, and in how many chunks."""
        turns = -(-size // len(self.targets))
        return {
            target: (turns - self._num_absent(which, turns), len(self._candidates[target].present))
            for which, target in enumerate(self.targets)
        }

    def is_missing(self, position: ChunkPosition) -> bool:
        """Whether a chunk's ground truth is withheld, or any part of it."""
        start = self.index.chunking.starts(self.corpus.tracks[position.track])[position.chunk]
        return self.is_missing_at(position.track, int(start))

    def is_missing_at(self, track: int, start: int) -> bool:
        """Whether any of the ground truth of the chunk that begins at sample `start` of a song is withheld."""
        return bool(self.rules.missing) and self._withheld.overlaps(track, start)

    def known_audio(self) -> dict[NodePath, KnownAudio]:
        """How much audio with each target keeps its truth."""
        return {target: self._withheld.known_audio(target) for target in self.targets}

    def _kind_of(self, which: int, turn: int) -> tuple[str, int]:
        """Which chunks an example takes one of, and how many examples of the same target took one of them before.

        Shares are kept exactly: example `turn` is the one at which their multiple passes a whole number. Each target's
        multiples begin elsewhere, so that examples without a target do not come one after the other.
        """
        absent = self._num_absent(which, turn)
        if self._num_absent(which, turn + 1) == absent:
            return self._kind_with_family(which, turn - absent)
        share = self._share_of_siblings(self.targets[which])
        siblings = floor(absent * share)
        if floor((absent + 1) * share) > siblings:
            return "sibling", siblings
        return "absent", absent - siblings

    def _share_of_siblings(self, target: NodePath) -> float:
        """`SamplingRules.sibling`; of several targets those without siblings take any chunks without them."""
        has_some = len(self.targets) == 1 or len(self._candidates[target].sibling) > 0
        return self.rules.sibling if self.rules.sibling and has_some else 0.0

    def _kind_with_family(self, which: int, present: int) -> tuple[str, int]:
        """The same for an example with the target, of which there were so many before."""
        if not self.rules.family or not len(self._candidates[self.targets[which]].family):
            return "present", present
        families = floor(present * self.rules.family)
        if floor((present + 1) * self.rules.family) > families:
            return "family", families
        return "present", present - families

    def _num_absent(self, which: int, turn: int) -> int:
        """How many of a target's first examples do not have it."""
        return floor(turn * self.rules.absent + which * _GOLDEN % 1)

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

    def _check(self, target: NodePath, candidates: CandidateChunks) -> None:
        rules, name = self.rules, f"'{target}'"
        if rules.absent < 1 and not len(candidates.present):
            raise SamplingError(f"{name} is salient in no chunk: lower the threshold or leave it out")
        share = self._share_of_siblings(target) if rules.absent > 0 else 0.0
        if rules.absent > 0 and share < 1 and not len(candidates.absent):
            raise SamplingError(f"{name} is salient in every chunk: set the share of absent chunks to 0")
        if rules.absent > 0 and share > 0 and not len(candidates.sibling):
            raise SamplingError(f"no chunk has a sibling of {name} without it: set the share of siblings to 0")
        if rules.query:
            songs = np.unique(candidates.present[:, 0])
            if len(songs) < 2:
                found = f"only in '{self._tracks[songs[0]]}'" if len(songs) else "nowhere"
                raise SamplingError(f"{name} is salient {found}: a query needs a second song, leave it out")


def _take(chunks: NDArray[np.int64], count: int, seed: tuple[int, ...]) -> ChunkPosition:
    """Take the chunk of example `count` of those that share these chunks: all in random order, then in another."""
    turn, place = divmod(count, len(chunks))
    return _position(chunks[_permutation(len(chunks), *seed, turn)[place]])


def _position(numbers: NDArray[np.int64]) -> ChunkPosition:
    track, chunk = numbers
    return ChunkPosition(int(track), int(chunk))


@lru_cache(maxsize=128)
def _permutation(count: int, *seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).permutation(count)
