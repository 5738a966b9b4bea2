"""The listing of a multitrack library: a CSV file or a saved web page."""

import csv
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stemtree.corpora.track import Problem
from stemtree.curation.gather.page import PAGE_SUFFIXES, archive_name, is_address, songs_of_page
from stemtree.curation.sessions.csv_tables import parse_foreign_rows, read_text
from stemtree.errors import CorpusError

LISTING_COLUMNS = ("genre", "sub_genre", "title", "artist", "archive", "preview")
_SYNONYMS = {
    "genre": "broad_genre main_genre genres",
    "sub_genre": "sub subgenre style subgenres sub_genres",
    "title": "track_name track_title track song song_name song_title name titel titre titulo",
    "artist": "artist_name artists band performer interpret artiste artista",
    "archive": "archive_url archive_link url link href download download_url download_link zip zip_url file multitrack",
    "preview": "preview_mp3 preview_url preview_link mp3 mp3_url full_preview",
}
_REMEDY = f"name them in its first line, as {', '.join(LISTING_COLUMNS)}"


@dataclass(frozen=True, slots=True)
class ListedSong:
    """A song of a listing.

    Parameters
    ----------
    genre, sub_genre, title, artist : str
        As the library spells them.
    archive, preview : str
        Addresses, or paths of files; a preview may be missing (``""``).
    """

    genre: str
    sub_genre: str
    title: str
    artist: str
    archive: str
    preview: str = ""

    @property
    def song(self) -> str:
        """Artist and title, as in the annotation."""
        return f"{self.artist} - {self.title}" if self.artist else self.title


def read_listing(file: str | os.PathLike[str]) -> tuple[list[ListedSong], list[Problem]]:
    """Read a listing.

    CSV files, with commas, semicolons or tabs, have a header that names their columns, or those of `LISTING_COLUMNS` in
    that order. `songs_of_page` describes how songs are found in a page. Relative addresses are paths beside the file.

    Returns
    -------
    entries : list of ListedSong
        Each song once.
    problems : list of Problem
        Rows without a title or an archive, rows of a page whose artist and title the archive's name has the other way
        round, and songs that are listed again.

    Raises
    ------
    CorpusError
        If the file cannot be read, lists no song, or leaves open which of its columns is which.
    """
    path = Path(file)
    is_page = path.suffix.lower() in PAGE_SUFFIXES
    entries: dict[str, ListedSong] = {}
    problems = []
    for number, row in enumerate(songs_of_page(path) if is_page else _table(path), 1):
        entry = ListedSong(*(" ".join(row.get(name, "").split()) for name in LISTING_COLUMNS))
        if wrong := next((one for one in (entry.archive, entry.preview) if one and not is_address(one)), ""):
            message = f"row {number} of '{path}' has the address '{wrong}', which leads nowhere: correct it"
            problems.append(Problem(entry.song, "row", message))
            continue
        if not entry.title or not entry.archive:
            missing = "title" if not entry.title else "archive"
            problems.append(Problem(entry.song, "row", f"row {number} of '{path}' lacks the {missing}: complete it"))
        elif is_page and _agrees(entry.title, entry.artist, entry.archive):
            message = (
                f"'{entry.archive}' names '{entry.title}' as the artist, '{path}' as the title: list it in a CSV file"
            )
            problems.append(Problem(entry.song, "row", message))
        elif entries.setdefault(entry.song.casefold(), entry) != entry:
            message = f"'{entry.song}' stands twice in '{path}', with different archives: the first is taken"
            problems.append(Problem(entry.song, "twice", message))
    if not entries:
        raise CorpusError(f"the listing '{path}' names no songs with an archive: check that it is the right file")
    return list(entries.values()), problems


def _table(path: Path) -> Iterator[dict[str, str]]:
    """Rows of a CSV file, by their columns; raises CorpusError where it is not clear which column is which."""
    text = read_text(path, "listing", fallback="cp1252")  # which takes bytes of any kind for letters
    try:
        if "\0" in text:
            raise csv.Error
        table = parse_foreign_rows(text)
    except csv.Error:
        raise CorpusError(f"the listing '{path}' is not CSV: save it as that, or as .html") from None
    rows = [row for row in table if any(cell.strip() for cell in row)]
    if not rows:
        return
    if rows[0][0].lstrip().startswith("<"):
        raise CorpusError(f"the listing '{path}' is not CSV but a page: name it .html")
    position = dict(zip(LISTING_COLUMNS, range(len(LISTING_COLUMNS)), strict=True))
    if any(map(_is_archive, rows[0])):
        _check_positions(rows, path)
    else:
        position = _header(rows.pop(0), path)
    for row in rows:
        yield {name: row[at] for name, at in position.items() if at < len(row)}


def _header(cells: list[str], path: Path) -> dict[str, int]:
    """Where the columns of `LISTING_COLUMNS` stand, as a first line names them."""
    plain = [re.sub(r"\W+", "_", cell.strip().lower()).strip("_") for cell in cells]
    position = {}
    for name in LISTING_COLUMNS:
        words = ([name], _SYNONYMS[name].split())
        found = next((at for of in words if (at := [i for i, cell in enumerate(plain) if cell in of])), [])
        if len(found) > 1:
            both = " and ".join(f"'{cells[at].strip()}'" for at in found)
            raise CorpusError(f"the listing '{path}' has {both} for the {name}: leave one, or call it '{name}'")
        if found:
            position[name] = found[0]
    if missing := [name for name in ("title", "archive") if name not in position]:
        named = ", ".join(f"'{cell.strip()}'" for cell in cells)
        raise CorpusError(f"the listing '{path}' has the columns {named} and none for the {missing[0]}: {_REMEDY}")
    return position


def _check_positions(rows: list[list[str]], path: Path) -> None:
    """Refuse rows without a header that do not have the columns of `LISTING_COLUMNS` in that order."""
    *_, title, artist, archive, _ = range(len(LISTING_COLUMNS))
    listed = [row for row in rows if any(map(_is_archive, row))]
    if not all(len(row) > archive and _is_archive(row[archive]) for row in listed):
        raise CorpusError(f"the listing '{path}' does not say what its columns are: {_REMEDY}")
    as_named = sum(_agrees(row[artist], row[title], row[archive]) for row in listed)
    if sum(_agrees(row[title], row[artist], row[archive]) for row in listed) > as_named:
        raise CorpusError(f"the listing '{path}' seems to have artists before titles: {_REMEDY}")


def _is_archive(cell: str) -> bool:
    """Whether a cell holds the address or the path of an archive."""
    return bool(re.match(r"\s*(https?|ftp|file)://", cell, re.IGNORECASE) or archive_name(cell.strip()))


def _agrees(artist: str, title: str, archive: str) -> bool:
    """Whether an archive is called ``Artist_Title`` or so."""
    named = archive_name(archive).rpartition("/")[2].split("_")
    return len(named) > 1 and _letters(named[0]) == _letters(artist) and _letters(named[1]) == _letters(title)


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", re.sub(r"\.\w+$", "", text)).casefold()
