"""Statistics of corpora side by side: the thesis's table 3, and the data of its figures 8 and 10 to 13."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median, pstdev

from stemtree.corpora.layout import SPLITS
from stemtree.curation.sessions.genres import UNKNOWN, genre_families
from stemtree.curation.statistics.records import SongRecord
from stemtree.hierarchy import load, own_name

BIN_SECONDS = 30
"""Width of a bin of durations."""

Cells = tuple[str | float | None, ...]
"""A row; None is unknown."""

Records = Mapping[str, Sequence[SongRecord]]
"""The songs of every corpus, by its name."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header; numbers are rounded.

    Parameters
    ----------
    name : str
        Of its files.
    title : str
        Heading.
    header : tuple of str
        Names of the columns.
    rows : tuple of Cells
        Text and numbers.
    """

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[Cells, ...]


def corpora_table(corpora: Records) -> Table:
    """Thesis, table 3: size, hours, tracks, categories, vocals, leakage, channels."""
    header = (
        "corpus", "songs", "hours", "tracks per song", "tracks, deviation", "categories", "vocals %",
        "leakage %", "vocals leak %", "channels",
    )  # fmt: skip
    return Table("corpora", "Corpora (thesis, table 3)", header, tuple(map(_summarise, corpora, corpora.values())))


def instrument_table(corpora: Records) -> Table:
    """Thesis, figure 8: songs with each instrument, of corpora whose labels belong to instruments."""
    with_instruments = {name: songs for name, songs in corpora.items() if _has_instruments(songs)}
    title = "Instruments (thesis, figure 8)"
    return _count("instruments", title, instrument_names(), with_instruments, _instruments_of)


def genre_table(corpora: Records) -> Table:
    """Thesis, figure 13: songs of each family of genres."""
    with_genres = {name: songs for name, songs in corpora.items() if has_genres(songs)}
    return _count("genres", "Genres (thesis, figure 13)", _families(with_genres), with_genres, _genre_of)


def genre_table_by_split(corpus: str, songs: Sequence[SongRecord]) -> Table:
    """Thesis, figure 10: songs of each family in every split."""
    split = by_split(songs)
    title = f"Genres of {corpus} by split (thesis, figure 10)"
    return _count(f"genres_by_split_{corpus}", title, _families(split), split, _genre_of)


def instrument_table_by_split(corpus: str, songs: Sequence[SongRecord]) -> Table:
    """Thesis, figure 11: songs with each instrument in every split."""
    title = f"Instruments of {corpus} by split (thesis, figure 11)"
    return _count(f"instruments_by_split_{corpus}", title, instrument_names(), by_split(songs), _instruments_of)


def duration_table(corpora: Records) -> Table:
    """Thesis, figure 12: songs by length."""
    lengths = {name: [song.seconds for song in songs if song.seconds is not None] for name, songs in corpora.items()}
    lengths = {name: seconds for name, seconds in lengths.items() if seconds}
    counts = [Counter(int(length // BIN_SECONDS) for length in seconds) for seconds in lengths.values()]
    last = max((number for count in counts for number in count), default=-1)
    rows: list[Cells] = [
        (f"{number * BIN_SECONDS}-{(number + 1) * BIN_SECONDS}", *(count[number] for count in counts))
        for number in range(last + 1)
    ]
    for name, statistic in (("mean", mean), ("median", median), ("deviation", pstdev)):
        rows.append((name, *(round(statistic(seconds), 1) for seconds in lengths.values())))
    return Table("durations", "Songs by length (thesis, figure 12)", ("seconds", *lengths), tuple(rows))


def song_table(corpora: Records) -> Table:
    """Every song with its record."""
    header = (
        "corpus", "song", "split", "seconds", "channels", "tracks", "genre", "vocals", "leakage", "vocal leakage",
        "instruments",
    )  # fmt: skip
    rows = (
        (
            song.corpus, song.song, song.split, None if song.seconds is None else round(song.seconds, 2), song.channels,
            song.tracks, song.genre, int(song.vocals), _flag(song.leakage), _flag(song.vocal_leakage),
            " ".join(sorted(song.instruments)),
        )
        for songs in corpora.values()
        for song in songs
    )  # fmt: skip
    return Table("songs", "Songs", header, tuple(rows))


def by_split(songs: Sequence[SongRecord]) -> dict[str, list[SongRecord]]:
    """The songs of every split that has any."""
    found = {split: [song for song in songs if song.split == split] for split in SPLITS}
    return {split: some for split, some in found.items() if some}


def has_genres(songs: Sequence[SongRecord]) -> bool:
    """Whether the genre of any song is known."""
    return any(song.genre != UNKNOWN for song in songs)


def instrument_names() -> tuple[str, ...]:
    """MS21's fourteen, in the hierarchy's order."""
    return tuple(own_name(path) for path in load("ms21").leaves())


def shares(table: Table) -> dict[str, list[float]]:
    """Each column of a table of counts in percent of its sum."""
    columns = {name: [float(row[number] or 0) for row in table.rows] for number, name in enumerate(table.header[1:], 1)}
    return {name: [100 * value / (sum(values) or 1) for value in values] for name, values in columns.items()}


def _summarise(name: str, songs: Sequence[SongRecord]) -> Cells:
    lengths = [song.seconds for song in songs if song.seconds is not None]
    tracks = [song.tracks for song in songs]
    channels = {song.channels for song in songs} - {None}
    layout = {1: "mono", 2: "stereo"}.get(channels.pop() or 0) if len(channels) == 1 else ("both" if channels else None)
    return (
        name,
        len(songs),
        round(sum(lengths) / 3600, 2) if lengths else None,
        round(mean(tracks), 1) if tracks else None,
        round(pstdev(tracks), 1) if tracks else None,
        len(frozenset().union(*(song.labels for song in songs))),
        _percent(song.vocals for song in songs),
        _percent(song.leakage for song in songs),
        _percent(song.vocal_leakage for song in songs),
        layout,
    )


def _count(
    name: str,
    title: str,
    labels: Sequence[str],
    columns: Mapping[str, Sequence[SongRecord]],
    labels_of: Callable[[SongRecord], Iterable[str]],
) -> Table:
    """Count the songs with each label, in a row, of each group of songs, in a column."""
    counts = {
        column: Counter(label for song in songs for label in labels_of(song)) for column, songs in columns.items()
    }
    rows: tuple[Cells, ...] = tuple((label, *(count[label] for count in counts.values())) for label in labels)
    return Table(name, title, (name.partition("s_by")[0].removesuffix("s"), *counts), rows)


def _instruments_of(song: SongRecord) -> Iterable[str]:
    return song.instruments


def _genre_of(song: SongRecord) -> Iterable[str]:
    return (song.genre,)


def _has_instruments(songs: Sequence[SongRecord]) -> bool:
    """Whether three of four stems have an instrument of MS21."""
    unmapped = sum(song.unmapped for song in songs)
    return unmapped <= 0.25 * (unmapped + sum(len(song.instruments) for song in songs))


def _families(columns: Records) -> tuple[str, ...]:
    unknown = any(song.genre == UNKNOWN for songs in columns.values() for song in songs)
    return (*genre_families(), UNKNOWN) if unknown else genre_families()


def _percent(flags: Iterable[bool | None]) -> float | None:
    known = [flag for flag in flags if flag is not None]
    return round(100 * mean(known), 1) if known else None


def _flag(value: bool | None) -> int | None:
    return None if value is None else int(value)
