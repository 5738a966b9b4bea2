"""Which chunk becomes an example: every rule in one pure, seeded function (thesis, 4.4.1; poster, experiment 3)."""

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
class Rules:
    """How chunks are drawn.

    Parameters
    ----------
    absent : float
        Share of examples in whose chunk the target is not salient.
    sibling : float
        Share of those in whose chunk a sibling of the target is.
    missing : float
        Share of chunks whose truth is taken away, to train with less of it. Which chunks these are depends on the seed
        and the chunk alone.
    missing_mode : {"all", "leaf"}
        ``all`` never draws such a chunk; ``leaf`` draws it and flags the leaf's signal as unknown, so that only the
        coarser levels are learned from.
    query : bool
        Also draw a chunk of another song in which the target is salient.
    seed : int
        Decides everything.

    Raises
    ------
    OptionError
        If a share is not in [0, 1], the mode is unknown or the seed negative.
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
class Place:
    """A chunk: the song's number in its corpus, and the chunk's number in the song."""

    track: int
    chunk: int


@dataclass(frozen=True, slots=True)
class Draw:
    """What one example is made of.

    Parameters
    ----------
    target : NodePath
        The node that was drawn for.
    place : Place
        Where.
    leaf_known : bool
        Whether the signals of the target's leaves may be learned from; those of a leaf are its own.
    query : Place or None
        Where the target is heard in another song.
    """

    target: NodePath
    place: Place
    leaf_known: bool
    query: Place | None = None


class Sampler:
    """Draws examples for one or several targets, each as often as the others.

    Parameters
    ----------
    corpus : Corpus
        The songs.
    index : SalienceIndex
        Of the same songs.
    hierarchy : Hierarchy
        The tree of the index.
    targets : sequence of NodePath
        Nodes to draw for: one for source-specific separation, any leaves for query by example.
    rules : Rules
        See there.

    Raises
    ------
    OptionError
        If there is no target.
    SamplingError
        If the rules cannot be kept for a target: it is nowhere salient, or everywhere, or (for a query) in one song
        only.
    """

    def __init__(
        self, corpus: Corpus, index: SalienceIndex, hierarchy: Hierarchy, targets: Sequence[NodePath], rules: Rules
    ) -> None:
        self.corpus, self.rules, self.targets = corpus, rules, tuple(targets)
        if not self.targets:
            raise OptionError("there is no target to draw for: name one node or more")
        self._tracks = [track.id for track in corpus.tracks]
        self._index = index
        self._pools = {target: _Pools(self, hierarchy, target) for target in self.targets}
        for target, pools in self._pools.items():
            self._check(target, pools)

    def draw(self, number: int) -> Draw:
        """Draw one example; the same number gives the same example, whoever asks and in whatever order."""
        random = np.random.default_rng((self.rules.seed, number))
        target = self.targets[random.integers(len(self.targets))]
        pools, rules = self._pools[target], self.rules
        pool = pools.present
        if random.random() < rules.absent:
            pool = pools.sibling if random.random() < rules.sibling else pools.absent
        place = _pick(pool, random)
        query = None
        if rules.query:
            others = pools.present[pools.present[:, 0] != place.track]
            query = _pick(others, random)
        known = rules.missing_mode == "all" or not self.is_missing(place)
        return Draw(target, place, known, query)

    def is_missing(self, place: Place) -> bool:
        """Whether a chunk's truth was taken away."""
        told = f"{self.rules.seed} {self._tracks[place.track]} {place.chunk}".encode()
        return int.from_bytes(hashlib.sha256(told).digest()[:8], "big") < self.rules.missing * 2**64

    def is_missing_at(self, track: int, start: int) -> bool:
        """Whether the truth of a stretch that begins at a sample was taken away: that of the chunk nearest to it."""
        if not self.rules.missing:
            return False
        nearest = np.argmin(np.abs(self._index.chunking.starts(self.corpus.tracks[track]) - start))
        return self.is_missing(Place(track, int(nearest)))

    def places(self, heard: Sequence[NDArray[np.bool_]]) -> NDArray[np.int64]:
        """``(place, 2)``: song and chunk wherever a flag is set and the chunk may be drawn."""
        numbers = [
            (track, chunk)
            for track, flags in enumerate(heard)
            for chunk in np.flatnonzero(flags)
            if self.rules.missing_mode != "all" or not self.is_missing(Place(track, int(chunk)))
        ]
        return np.asarray(numbers, np.int64).reshape(-1, 2)

    def salient(self, node: NodePath) -> list[NDArray[np.bool_]]:
        """For each song, in which chunks a node is heard."""
        return [self._index.salient(track, node) for track in self._tracks]

    def _check(self, target: NodePath, pools: "_Pools") -> None:
        rules, name = self.rules, f"'{target}'"
        if rules.absent < 1 and not len(pools.present):
            raise SamplingError(f"{name} is salient in no chunk: lower the threshold or leave it out")
        if rules.absent > 0 and rules.sibling < 1 and not len(pools.absent):
            raise SamplingError(f"{name} is salient in every chunk: set the share of absent chunks to 0")
        if rules.absent > 0 and rules.sibling > 0 and not len(pools.sibling):
            raise SamplingError(f"no chunk has a sibling of {name} without it: set the share of siblings to 0")
        if rules.query:
            songs = np.unique(pools.present[:, 0])
            if len(songs) < 2:
                found = f"only in '{self._tracks[songs[0]]}'" if len(songs) else "nowhere"
                raise SamplingError(f"{name} is salient {found}: a query needs a second song, leave it out")


class _Pools:
    """Where a target is heard, where it is not, and where only a sibling is; each found when first needed."""

    def __init__(self, sampler: Sampler, hierarchy: Hierarchy, target: NodePath) -> None:
        self._sampler, self._siblings = sampler, hierarchy.siblings(target)
        self._heard = sampler.salient(target)

    @cached_property
    def present(self) -> NDArray[np.int64]:
        return self._sampler.places(self._heard)

    @cached_property
    def absent(self) -> NDArray[np.int64]:
        return self._sampler.places([~flags for flags in self._heard])

    @cached_property
    def sibling(self) -> NDArray[np.int64]:
        near = [np.zeros_like(flags) for flags in self._heard]
        for sibling in self._siblings:
            near = [known | flags for known, flags in zip(near, self._sampler.salient(sibling), strict=True)]
        return self._sampler.places([flags & ~heard for flags, heard in zip(near, self._heard, strict=True)])


def _pick(pool: NDArray[np.int64], random: np.random.Generator) -> Place:
    track, chunk = pool[random.integers(len(pool))]
    return Place(int(track), int(chunk))
