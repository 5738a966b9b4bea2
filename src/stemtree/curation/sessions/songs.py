"""The table of songs: titles, artists, genres."""

import os
from dataclasses import dataclass

from stemtree.curation.sessions.csv_tables import read_table
from stemtree.curation.sessions.sessions import name_key
from stemtree.errors import CorpusError


@dataclass(frozen=True, slots=True)
class SongFacts:
    """What is known of a song beside its audio.

    Parameters
    ----------
    title, artist : str
        As the table of songs spells them.
    genre, sub_genre : str
        The library's broad genre, and its free description.
    vocal_quality : int or None
        0 where a person heard leakage in the vocal tracks, else 1; None where nobody listened.
    """

    title: str
    artist: str
    genre: str = ""
    sub_genre: str = ""
    vocal_quality: int | None = None


_COLUMNS = {
    "song": ("song", "music_title"),
    "title": ("title", "track_name"),
    "artist": ("artist", "artist_name"),
    "genre": ("genre", "broad_genre"),
    "sub_genre": ("sub_genre",),
    "vocal_quality": ("vocal_quality",),
}
"""The names that a column may have."""


def read_songs(file: str | os.PathLike[str]) -> dict[str, SongFacts]:
    """Read a table of songs: ``song`` (or ``Music_Title``), and any of title, artist, genres and vocal quality.

    Returns
    -------
    dict of str to SongFacts
        By the songs' names as `name_key` has them.

    Raises
    ------
    CorpusError
        If it cannot be read, holds no rows, or has a row without a name or two different rows for one song.
    """
    songs: dict[str, SongFacts] = {}
    rows = read_table(file)
    if not rows:
        raise CorpusError(f"the table '{file}' holds no songs: give one with the column song and a row for each")
    if not {name for column in ("song", "artist", "title") for name in _COLUMNS[column]} & set(rows[0]):
        raise CorpusError(f"the table '{file}' lacks the column 'song': its first line must name it")
    for number, row in enumerate(rows, 2):
        cells = {column: next((row[name] for name in names if row.get(name)), "") for column, names in _COLUMNS.items()}
        song = cells["song"] or " - ".join(filter(None, (cells["artist"], cells["title"])))
        if not song:
            raise CorpusError(f"row {number} of the table '{file}' names no song: complete or remove it")
        facts = _facts(song, cells)
        if songs.setdefault(name_key(song), facts) != facts:
            raise CorpusError(f"'{song}' stands twice in '{file}', with different facts: keep one row")
    return songs


def facts_from_name(song: str) -> SongFacts:
    """Artist and title of a song called ``Artist - Title``."""
    artist, dash, title = song.partition(" - ")
    return SongFacts(title.strip(), artist.strip()) if dash else SongFacts(song.strip(), "")


def _facts(song: str, cells: dict[str, str]) -> SongFacts:
    """The cells of a row; artist and title, where they are missing, from the song's name."""
    by_name = facts_from_name(song)
    quality = int(cells["vocal_quality"]) if cells["vocal_quality"] in ("0", "1") else None
    return SongFacts(
        cells["title"] or by_name.title, cells["artist"] or by_name.artist, cells["genre"], cells["sub_genre"], quality
    )
