"""Train, validation and test: no artist in two of them, like distributions of genres and instruments (thesis, 3.2.1).

Songs that share an artist form a group, and `stemtree.curation.splits.stratify` assigns groups to splits. Genres and
instruments each weigh as much in its distance as the number of songs.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from stemtree.corpora.layout import SPLITS
from stemtree.corpora.track import Problem
from stemtree.curation.sessions.genres import genre_family
from stemtree.curation.splits.artists import credited, group_by_artist, normal_name
from stemtree.curation.splits.stratify import stratify
from stemtree.errors import CorpusError, OptionError

SHARES = (0.84, 0.06, 0.10)
"""Of the songs in train, validation and test: the thesis's 420, 30 and 50 of 500."""


@dataclass(frozen=True, slots=True)
class Song:
    """What the split of a song depends on.

    Parameters
    ----------
    name : str
        Unique.
    artist, title : str
        The artists, guests included.
    genre : str
        As the library has it; what counts is its family.
    instruments : frozenset of str
        Instruments in the song.
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
    """

    songs: int
    genre: float
    instrument: float


@dataclass(frozen=True, slots=True)
class Splits:
    """The split of every song.

    Parameters
    ----------
    of : dict
        Split of every song, by name.
    distances : dict
        For every split.
    problems : tuple of Problem
        Songs that can be in no split without an artist being in two.
    unknown : tuple of str
        Names in a table of given splits that no song has.
    """

    of: Mapping[str, str]
    distances: Mapping[str, Distances]
    problems: tuple[Problem, ...] = ()
    unknown: tuple[str, ...] = ()


def assign_splits(
    songs: Iterable[Song],
    shares: Sequence[float] = SHARES,
    *,
    fixed: Mapping[str, str] | None = None,
    earlier: Mapping[str, str] | None = None,
) -> Splits:
    """Assign songs to splits.

    Parameters
    ----------
    songs : iterable of Song
        In any order; the result does not depend on it.
    shares : sequence of float
        Of train, validation and test.
    fixed : mapping, optional
        Splits that songs must be in, by name, whatever their spelling; by default `published_test_songs`.
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
        If two songs have one name, or a split in `fixed` or `earlier` does not exist.
    """
    if len(shares) != 3 or not all(0 <= share <= 1 for share in shares) or abs(sum(shares) - 1) > 1e-6:
        raise OptionError(f"the shares {tuple(shares)} cannot be: give three that sum to 1")
    ordered = sorted(songs, key=lambda song: song.name)
    if twice := [name for name, count in Counter(song.name for song in ordered).items() if count > 1]:
        raise CorpusError(f"'{twice[0]}' stands twice among the songs: give each its own name")
    wanted = _by_key(published_test_songs() if fixed is None else fixed)
    settled = _settle(ordered, wanted, earlier or {})
    assigned = [song for song in ordered if song.name not in settled.problems]
    of = settled.of | _assign_groups(assigned, settled.of, shares)
    distances = {split: _distances(assigned, of, split) for split in SPLITS}
    problems = (*settled.problems.values(), *_fixed_too_late(ordered, wanted, earlier or {}))
    return Splits(dict(sorted(of.items())), distances, problems)


def names_without_song(names: Iterable[str], songs: Iterable[Song]) -> list[str]:
    """Those of some names, "Artist - Title" in any spelling, that no song has."""
    known = {_key(song.artist, song.title) for song in songs}
    return [name for name in names if _key(*_artist_and_title(name)) not in known]


@cache
def published_test_songs() -> Mapping[str, str]:
    """The songs of MUSDB18 in the published test split: names like ``Artist - Title``."""
    lines = (resources.files("stemtree.curation.splits") / "test_songs.txt").read_text("utf-8").splitlines()
    return {line: "test" for line in lines if line and not line.startswith("#")}


@dataclass
class _Settled:
    """Songs whose split follows from what is fixed.

    Parameters
    ----------
    of : dict
        Split of each song, by name.
    problems : dict
        Songs that would have to be in two splits, by name.
    of_artist : dict
        Splits of the songs of each artist.
    """

    of: dict[str, str]
    problems: dict[str, Problem] = field(default_factory=dict)
    of_artist: dict[str, set[str]] = field(default_factory=dict)

    def add(self, song: Song, splits: set[str]) -> None:
        """Settle a song that must be in each of `splits`."""
        if len(splits) > 1:
            message = (
                f"'{song.name}' can be in no split: its artists, or a list that gives its split, stand for "
                f"{' and '.join(sorted(splits))}; leave it out, or deal all songs out anew"
            )
            self.problems[song.name] = Problem(song.name, "between splits", message)
            return
        self.of.setdefault(song.name, *splits)
        self.add_artists(song.artist, song.title, splits)

    def add_artists(self, artist: str, title: str, splits: set[str]) -> None:
        """Keep everybody who is credited for a song in its split."""
        for one in credited(artist, title):
            self.of_artist.setdefault(one, set()).update(splits)

    def splits_of_artists(self, song: Song) -> set[str]:
        """The splits that a song's artists are in."""
        return {split for artist in credited(song.artist, song.title) for split in self.of_artist.get(artist, ())}


def _fixed_too_late(songs: Sequence[Song], wanted: Mapping[str, str], earlier: Mapping[str, str]) -> Iterator[Problem]:
    """Songs that stay in the split of an earlier run although another one is fixed."""
    for song in songs:
        before, split = earlier.get(song.name), wanted.get(_key(song.artist, song.title))
        if before and split and before != split:
            message = (
                f"'{song.name}' stays in {before}, in which an earlier run put it, and should be in {split}: deal all "
                "songs out anew"
            )
            yield Problem(song.name, "fixed too late", message)


def _settle(songs: Sequence[Song], wanted: Mapping[str, str], earlier: Mapping[str, str]) -> _Settled:
    """Settle songs of an earlier run, then those that are fixed, then songs with an artist of a settled one."""
    for split in (*wanted.values(), *earlier.values()):
        if split not in SPLITS:
            raise CorpusError(f"there is no split '{split}': write {', '.join(SPLITS)}")
    settled = _Settled({song.name: earlier[song.name] for song in songs if song.name in earlier})
    for song in songs:
        if song.name in settled.of:
            settled.add(song, {settled.of[song.name]})
    for name in earlier.keys() - settled.of.keys():  # not here now: their artists stay where they are
        settled.add_artists(*_artist_and_title(name), {earlier[name]})
    for song in songs:
        if song.name not in settled.of and (split := wanted.get(_key(song.artist, song.title), "")):
            settled.add(song, {split} | settled.splits_of_artists(song))
    found = True
    while found:
        found = False
        for song in songs:
            is_open = song.name not in settled.of and song.name not in settled.problems
            if is_open and (splits := settled.splits_of_artists(song)):
                settled.add(song, splits)
                found = True
    return settled


def _by_key(fixed: Mapping[str, str]) -> dict[str, str]:
    return {_key(*_artist_and_title(name)): split for name, split in fixed.items()}


def _key(artist: str, title: str) -> str:
    return normal_name(artist) + normal_name(title)


def _artist_and_title(name: str) -> tuple[str, str]:
    artist, _, title = name.partition(" - ")
    return artist, title


def _assign_groups(songs: Sequence[Song], settled: Mapping[str, str], shares: Sequence[float]) -> dict[str, str]:
    """Find a split for every song that has none."""
    numbers = {song.name: number for number, song in enumerate(songs)}
    credits = [(song.name, credited(song.artist, song.title)) for song in songs if song.name not in settled]
    groups = [[numbers[name] for name in group] for group in group_by_artist(credits)]
    fixed = np.array([SPLITS.index(settled[song.name]) if song.name in settled else -1 for song in songs], np.int64)
    assigned = stratify(*_labels(songs), groups, fixed, shares)
    return {songs[number].name: SPLITS[split] for group, split in assigned for number in group}


def _labels(songs: Sequence[Song]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``(song, label)``: one column for being a song, then genres, then instruments; and the weight of each column."""
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
    weight = [1.0, *(1 / len(names) for names in (genres, instruments) for _ in names)]
    return np.array(rows, np.float64).reshape(len(songs), len(weight)), np.array(weight)


def _distances(songs: Sequence[Song], of: Mapping[str, str], split: str) -> Distances:
    inside = [song for song in songs if of[song.name] == split]
    if not inside:
        return Distances(0, 1.0, 1.0)

    def compare(labels_of: Callable[[Song], Iterable[str]]) -> float:
        counts = [Counter(label for song in some for label in labels_of(song)) for some in (inside, songs)]
        names = sorted(counts[1])
        ours, all_songs = (np.array([count[name] for name in names]) / max(1, sum(count.values())) for count in counts)
        return round(float(np.abs(ours - all_songs).sum() / 2), 4)

    genre = compare(lambda song: [genre_family(song.genre)])
    return Distances(len(inside), genre, compare(lambda song: song.instruments))
