"""Train, validation and test: no artist in two of them, genres and instruments spread alike (thesis, 3.2.1).

Songs that share an artist form a group, and groups are what is dealt out. The aim is, for every label (a song, a family
of genres, an instrument), as many songs in each split as its share of all songs with that label. What is minimised is
the chi-square distance from that aim, genres and instruments each weighing as much as the number of songs: first the
groups are dealt out, rare labels first (iterative stratification, Sechidis et al. 2011, with groups for examples), then
single groups are moved and pairs exchanged as long as that helps.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from stemtree.corpora.layout import SPLITS
from stemtree.corpora.track import Problem
from stemtree.curation.sessions.genres import genre_family
from stemtree.curation.splits.artists import connected, credited, normal_name
from stemtree.errors import CorpusError, OptionError

SHARES = (0.84, 0.06, 0.10)
"""Of the songs in train, validation and test: the thesis's 420, 30 and 50 of 500."""


@dataclass(frozen=True, slots=True)
class Song:
    """What decides where a song goes.

    Parameters
    ----------
    name : str
        Unique.
    artist, title : str
        Who plays, guests included.
    genre : str
        As the library has it; folded to its family.
    instruments : frozenset of str
        Heard in it.
    """

    name: str
    artist: str
    title: str
    genre: str
    instruments: frozenset[str]


@dataclass(frozen=True, slots=True)
class Distances:
    """How far one split is from all songs.

    Parameters
    ----------
    songs : int
        In the split.
    genre, instrument : float
        Total variation of the distributions of genres and of instruments: the share that would have to change.
    genre_bits, instrument_bits : float
        Jensen-Shannon divergence of the same, in bits.
    """

    songs: int
    genre: float
    instrument: float
    genre_bits: float
    instrument_bits: float


@dataclass(frozen=True, slots=True)
class Splits:
    """Where every song goes.

    Parameters
    ----------
    of : dict
        Split of every song, by name.
    distances : dict
        For every split.
    problems : tuple of Problem
        Songs that can be in no split without an artist being in two.
    """

    of: Mapping[str, str]
    distances: Mapping[str, Distances]
    problems: tuple[Problem, ...] = field(default=())


def assign_splits(
    songs: Iterable[Song],
    shares: Sequence[float] = SHARES,
    *,
    fixed: Mapping[str, str] | None = None,
    earlier: Mapping[str, str] | None = None,
) -> Splits:
    """Deal songs out.

    Parameters
    ----------
    songs : iterable of Song
        In any order; the result does not depend on it.
    shares : sequence of float
        Of train, validation and test.
    fixed : mapping, optional
        Songs whose split is given, by name, whatever their spelling; by default `published_test_songs`.
    earlier : mapping, optional
        Splits of an earlier run, by name: none of these songs moves.

    Returns
    -------
    Splits
        The same for the same input.

    Raises
    ------
    OptionError
        If the shares are not three that sum to 1.
    CorpusError
        If two songs have one name, or a given split does not exist.
    """
    if len(shares) != 3 or not all(0 <= share <= 1 for share in shares) or abs(sum(shares) - 1) > 1e-6:
        raise OptionError(f"the shares {tuple(shares)} cannot be: give three that sum to 1")
    ordered = sorted(songs, key=lambda song: song.name)
    if twice := [name for name, count in Counter(song.name for song in ordered).items() if count > 1]:
        raise CorpusError(f"'{twice[0]}' stands twice among the songs: give each its own name")
    of, problems = _settled(ordered, published_test_songs() if fixed is None else fixed, earlier or {})
    left_out = {problem.track for problem in problems}
    dealt = [song for song in ordered if song.name not in left_out]
    of |= _Dealer(dealt, shares).deal(of)
    return Splits(dict(sorted(of.items())), {split: _distances(dealt, of, split) for split in SPLITS}, tuple(problems))


@cache
def published_test_songs() -> Mapping[str, str]:
    """The songs of MUSDB18 in the published test split: names like ``Artist - Title``."""
    lines = (resources.files("stemtree.curation.splits") / "test_songs.txt").read_text("utf-8").splitlines()
    return {line: "test" for line in lines if line and not line.startswith("#")}


def _settled(
    songs: Sequence[Song], fixed: Mapping[str, str], earlier: Mapping[str, str]
) -> tuple[dict[str, str], list[Problem]]:
    """Songs whose split is given, by themselves or by another song of the same artist."""
    for given in (*fixed.values(), *earlier.values()):
        if given not in SPLITS:
            raise CorpusError(f"there is no split '{given}': write {', '.join(SPLITS)}")
    wanted = {_key(*_artist_and_title(name)): split for name, split in fixed.items()}
    of = {song.name: earlier[song.name] for song in songs if song.name in earlier}
    homes: dict[str, set[str]] = {}
    problems: dict[str, Problem] = {}

    def settle(song: Song, splits: set[str]) -> None:
        if len(splits) > 1:
            message = (
                f"'{song.name}' can be in no split: its artists, or a list that gives its split, stand for "
                f"{' and '.join(sorted(splits))}; leave it out, or deal all songs out anew"
            )
            problems[song.name] = Problem(song.name, "between splits", message)
            return
        of.setdefault(song.name, *splits)
        for artist in credited(song.artist, song.title):
            homes.setdefault(artist, set()).update(splits)

    for song in songs:
        if song.name in of:
            settle(song, {of[song.name]})
    for song in songs:
        if song.name not in of and (given := wanted.get(_key(song.artist, song.title), "")):
            settle(song, {given} | _homes(song, homes))
    found = True
    while found:
        found = False
        for song in songs:
            if song.name not in of and song.name not in problems and (splits := _homes(song, homes)):
                settle(song, splits)
                found = True
    return of, list(problems.values())


def _homes(song: Song, homes: Mapping[str, set[str]]) -> set[str]:
    return {split for artist in credited(song.artist, song.title) for split in homes.get(artist, ())}


def _key(artist: str, title: str) -> str:
    return normal_name(artist) + normal_name(title)


def _artist_and_title(name: str) -> tuple[str, str]:
    artist, _, title = name.partition(" - ")
    return artist, title


class _Dealer:
    """Deals groups of songs out so that every label comes near its aim in every split."""

    def __init__(self, songs: Sequence[Song], shares: Sequence[float]) -> None:
        self._songs = songs
        self._table, self._weight = _labels(songs)
        totals = self._table.sum(axis=0)
        self._aim = np.array(shares)[:, None] * totals
        self._cost = self._weight / np.maximum(self._aim, 0.1)
        self._rarity = np.where(self._table > 0, totals, np.inf).min(axis=1)

    def deal(self, of: Mapping[str, str]) -> dict[str, str]:
        """Find a split for every song that has none."""
        row = {song.name: number for number, song in enumerate(self._songs)}
        credits = [(song.name, credited(song.artist, song.title)) for song in self._songs if song.name not in of]
        groups = sorted(
            ([row[name] for name in group] for group in connected(credits)),
            key=lambda group: (min(self._rarity[group]), -len(group), self._songs[group[0]].name),
        )
        if not groups:
            return {}
        self._held = np.zeros_like(self._aim)
        for name, split in of.items():
            if name in row:
                self._held[SPLITS.index(split)] += self._table[row[name]]
        sums = np.array([self._table[group].sum(axis=0) for group in groups])
        home = np.zeros(len(groups), np.int64)
        for number, labels in enumerate(sums):
            home[number] = int(np.argmin(self._change(labels)))
            self._held[home[number]] += labels
        while self._move(sums, home) or self._exchange(sums, home):
            pass
        return {
            self._songs[number].name: SPLITS[split]
            for group, split in zip(groups, home, strict=True)
            for number in group
        }

    def _change(self, labels: NDArray[np.float64]) -> NDArray[np.float64]:
        """What adding labels costs each split; ``(..., label)`` to ``(split, ...)``."""
        off = self._held - self._aim
        return np.stack(
            [np.sum((2 * off[split] + labels) * labels * self._cost[split], axis=-1) for split in range(len(SPLITS))]
        )

    def _move(self, sums: NDArray[np.float64], home: NDArray[np.int64]) -> bool:
        """Move single groups as long as that helps."""
        moved = False
        for number, labels in enumerate(sums):
            gain = self._change(labels) + self._change(-labels)[home[number]]
            gain[home[number]] = 0
            best = int(np.argmin(gain))
            if gain[best] < -1e-9:
                self._held[home[number]] -= labels
                self._held[best] += labels
                home[number], moved = best, True
        return moved

    def _exchange(self, sums: NDArray[np.float64], home: NDArray[np.int64]) -> bool:
        """Exchange each group with the one in another split that helps most."""
        exchanged = False
        for number in range(len(sums)):
            difference = sums - sums[number]
            here, there = self._change(difference), self._change(-difference)
            gain = here[home[number]] + there[home, np.arange(len(sums))]
            gain[home == home[number]] = 0
            other = int(np.argmin(gain))
            if gain[other] < -1e-9:
                self._held[home[number]] += difference[other]
                self._held[home[other]] -= difference[other]
                home[number], home[other] = home[other], home[number]
                exchanged = True
        return exchanged


def _labels(songs: Sequence[Song]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``(song, label)``: one column for being a song, then genres, then instruments; and what each column weighs."""
    genres = sorted({genre_family(song.genre) for song in songs})
    instruments = sorted({name for song in songs for name in song.instruments})
    rows = [
        [
            1.0,
            *(genre_family(song.genre) == name for name in genres),
            *(name in song.instruments for name in instruments),
        ]
        for song in songs
    ]
    weight = [1.0] + [1 / len(genres)] * len(genres) + [1 / len(instruments)] * len(instruments) if songs else [1.0]
    return np.array(rows, np.float64).reshape(len(songs), -1 if songs else 1), np.array(weight)


def _distances(songs: Sequence[Song], of: Mapping[str, str], split: str) -> Distances:
    inside = [song for song in songs if of[song.name] == split]
    if not inside:
        return Distances(0, 1.0, 1.0, 1.0, 1.0)

    def compare(labels_of: Callable[[Song], Iterable[str]]) -> tuple[float, float]:
        counts = [Counter(label for song in some for label in labels_of(song)) for some in (inside, songs)]
        names = sorted(counts[1])
        ours, all_songs = (np.array([count[name] for name in names]) / max(1, sum(count.values())) for count in counts)
        middle = (ours + all_songs) / 2
        bits = sum(
            0.5 * float(np.sum(part[part > 0] * np.log2(part[part > 0] / middle[part > 0])))
            for part in (ours, all_songs)
        )
        return float(np.abs(ours - all_songs).sum() / 2), bits

    genre, genre_bits = compare(lambda song: [genre_family(song.genre)])
    instrument, instrument_bits = compare(lambda song: song.instruments)
    return Distances(
        len(inside), round(genre, 4), round(instrument, 4), round(genre_bits, 4), round(instrument_bits, 4)
    )
