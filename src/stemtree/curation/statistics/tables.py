"""Statistics of corpora side by side: thesis, table 3 and what figures 8 and 10 to 13 show."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median, pstdev

from stemtree.corpora.layout import SPLITS
from stemtree.curation.sessions.genres import UNKNOWN, genre_families
from stemtree.curation.statistics.records import SongRecord
from stemtree.hierarchy import load

BIN = 30
"""Width of a bin of durations, in seconds."""

Row = tuple[str | float | None, ...]
"""None is unknown."""

Records = Mapping[str, Sequence[SongRecord]]
"""The songs of every corpus, by its name."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header; numbers are rounded.

    Parameters
    ----------
    name : str
        For files.
    title : str
        For people.
    header : tuple of str
        Names of the columns.
    rows : tuple of Row
        Text and numbers.
    """

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]


def summary(corpora: Records) -> Table:
    """Thesis, table 3: size, hours, tracks, categories, vocals, leakage, channels."""
    header = (
        "corpus", "songs", "hours", "tracks per song", "tracks, deviation", "categories", "vocals %",
        "leakage %", "vocals leak %", "channels",
    )  # fmt: skip
    return Table("corpora", "Corpora (thesis, table 3)", header, tuple(map(_summarise, corpora, corpora.values())))


def instruments(corpora: Records) -> Table:
    """Thesis, figure 8: songs in which each instrument is heard; corpora whose labels do not tell are left out."""
    told = {name: songs for name, songs in corpora.items() if _tells_instruments(songs)}
    return _counted("instruments", "Instruments (thesis, figure 8)", instrument_names(), told, _instruments_of)


def genres(corpora: Records) -> Table:
    """Thesis, figure 13: songs of each family of genres."""
    told = {name: songs for name, songs in corpora.items() if tells_genres(songs)}
    return _counted("genres", "Genres (thesis, figure 13)", _families(told), told, _genre_of)


def genres_by_split(corpus: str, songs: Sequence[SongRecord]) -> Table:
    """Thesis, figure 10: songs of each family in every split."""
    split = by_split(songs)
    title = f"Genres of {corpus} by split (thesis, figure 10)"
    return _counted(f"genres_by_split_{corpus}", title, _families(split), split, _genre_of)


def instruments_by_split(corpus: str, songs: Sequence[SongRecord]) -> Table:
    """Thesis, figure 11: songs with each instrument in every split."""
    title = f"Instruments of {corpus} by split (thesis, figure 11)"
    return _counted(f"instruments_by_split_{corpus}", title, instrument_names(), by_split(songs), _instruments_of)


def durations(corpora: Records) -> Table:
    """Thesis, figure 12: songs by length."""
    told = {name: [song.seconds for song in songs if song.seconds is not None] for name, songs in corpora.items()}
    told = {name: lengths for name, lengths in told.items() if lengths}
    bins = [Counter(int(length // BIN) for length in lengths) for lengths in told.values()]
    last = max((number for counts in bins for number in counts), default=-1)
    rows: list[Row] = [
        (f"{number * BIN}-{(number + 1) * BIN}", *(counts[number] for counts in bins)) for number in range(last + 1)
    ]
    for name, statistic in (("mean", mean), ("median", median), ("deviation", pstdev)):
        rows.append((name, *(round(statistic(lengths), 1) for lengths in told.values())))
    return Table("durations", "Songs by length (thesis, figure 12)", ("seconds", *told), tuple(rows))


def songs_table(corpora: Records) -> Table:
    """Every song, for statistics of one's own."""
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
    """The songs of every split that there is."""
    found = {split: [song for song in songs if song.split == split] for split in SPLITS}
    return {split: some for split, some in found.items() if some}


def tells_genres(songs: Sequence[SongRecord]) -> bool:
    """Whether the genre of any song is known."""
    return any(song.genre != UNKNOWN for song in songs)


def instrument_names() -> tuple[str, ...]:
    """MS21's fourteen, in the hierarchy's order."""
    return tuple(path.rpartition("/")[2] for path in load("ms21").leaves())


def shares(table: Table) -> dict[str, list[float]]:
    """Each column of a table of counts in percent of its sum."""
    columns = {name: [float(row[number] or 0) for row in table.rows] for number, name in enumerate(table.header[1:], 1)}
    return {name: [100 * value / (sum(values) or 1) for value in values] for name, values in columns.items()}


def _summarise(name: str, songs: Sequence[SongRecord]) -> Row:
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


def _counted(
    name: str,
    title: str,
    labels: Sequence[str],
    columns: Mapping[str, Sequence[SongRecord]],
    of: Callable[[SongRecord], Iterable[str]],
) -> Table:
    counts = {column: Counter(label for song in songs for label in of(song)) for column, songs in columns.items()}
    rows: tuple[Row, ...] = tuple((label, *(count[label] for count in counts.values())) for label in labels)
    return Table(name, title, (name.partition("s_by")[0].removesuffix("s"), *counts), rows)


def _instruments_of(song: SongRecord) -> Iterable[str]:
    return song.instruments


def _genre_of(song: SongRecord) -> Iterable[str]:
    return (song.genre,)


def _tells_instruments(songs: Sequence[SongRecord]) -> bool:
    """Whether three of four stems stand for an instrument of MS21."""
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
