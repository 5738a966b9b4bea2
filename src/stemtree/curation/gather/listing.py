"""The listing of a multitrack library: a CSV file or a saved web page."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from stemtree.corpora.track import Problem
from stemtree.curation.sessions.csv_tables import parse_rows, read_text
from stemtree.errors import CorpusError

if TYPE_CHECKING:
    from bs4 import Tag

LISTING_COLUMNS = ("genre", "sub_genre", "title", "artist", "archive", "preview")
_SYNONYMS = {
    "broad_genre": "genre",
    "subgenre": "sub_genre",
    "track_name": "title",
    "artist_name": "artist",
    "archive_url": "archive",
    "preview_mp3": "preview",
    "preview_url": "preview",
}
_ARCHIVE = re.compile(r"\.(zip|rar|7z)$", re.IGNORECASE)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_QUOTED = re.compile("[\"'\u2018\u201c](.+?)[\"'\u2019\u201d](?=\\W|$)")
_QUOTES = "'\"\u2018\u2019\u201c\u201d "
_CLASSES = {"genre": r"genre|style", "title": r"title|track.?name|song.?name", "artist": r"artist"}


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

    CSV files have the columns of `LISTING_COLUMNS` in that order, or a header that names them. `_page` describes how
    songs are found in a page (``.html``, ``.htm``). Relative addresses are paths beside the file.

    Returns
    -------
    entries : list of ListedSong
        Each song once.
    problems : list of Problem
        Rows without a title or an archive, and songs that are listed again.

    Raises
    ------
    CorpusError
        If the file cannot be read or lists no song.
    """
    path = Path(file)
    text = read_text(path, "listing", fallback="cp1252")
    is_page = path.suffix.lower() in (".html", ".htm", ".xhtml", ".mhtml")
    rows = _page(text) if is_page else _table(text, path)
    entries: dict[str, ListedSong] = {}
    problems = []
    for number, row in enumerate(rows, 1):
        entry = ListedSong(*(" ".join(row.get(name, "").split()) for name in LISTING_COLUMNS))
        if not entry.title or not entry.archive:
            missing = "title" if not entry.title else "archive"
            problems.append(Problem(entry.song, "row", f"row {number} of '{path}' lacks the {missing}: complete it"))
        elif entries.setdefault(entry.song.casefold(), entry) != entry:
            message = f"'{entry.song}' stands twice in '{path}', with different archives: the first is taken"
            problems.append(Problem(entry.song, "twice", message))
    if not entries:
        raise CorpusError(f"the listing '{path}' names no songs with an archive: check that it is the right file")
    return list(entries.values()), problems


def _table(text: str, path: Path) -> Iterator[dict[str, str]]:
    """Rows of a CSV file, by their columns."""
    try:
        rows = [row for row in parse_rows(text) if any(cell.strip() for cell in row)]
    except csv.Error:
        raise CorpusError(f"the listing '{path}' is not CSV: save it as that, or as .html") from None
    names = [_column(cell) for cell in rows[0]] if rows else []
    has_header = {"title", "archive"} <= set(names)
    for row in rows[has_header:]:
        yield dict(zip(names if has_header else LISTING_COLUMNS, row, strict=False))


def _column(cell: str) -> str:
    name = re.sub(r"\W+", "_", cell.strip().lower())
    return _SYNONYMS.get(name, name)


def _page(text: str) -> Iterator[dict[str, str]]:
    """Songs of a saved page.

    Every link to a zip, rar or 7z file belongs to a song. A song's block is the largest element around it that holds no
    other song's link; links whose addresses differ only after the last ``_`` (``…_Full.zip``, ``…_Edited.zip``) belong
    to one song, and the full one is taken. From a block come the title (an element whose class says so, or the first
    text in quotation marks), the sub-genre and the preview (a link to an MP3 file, or an audio element). The artist is
    an element of that class, or the nearest heading above; the genre the nearest heading of a higher level than the
    artist's. What is missing is read from the archive's name, ``Artist_Title_Full.zip``.
    """
    from bs4 import BeautifulSoup

    page = BeautifulSoup(text, "html.parser")
    base_tag = page.find("base", href=True)
    base = str(base_tag["href"]) if base_tag else ""
    songs: dict[str, list[Tag]] = {}
    for link in page.find_all("a", href=True):
        if _ARCHIVE.search(urlsplit(str(link["href"])).path):
            songs.setdefault(_stem(str(link["href"])), []).append(link)
    for stem, links in songs.items():
        link = next((one for one in links if "full" in str(one["href"]).lower()), links[0])
        yield _song(stem, link, _block(link, stem), base)


def _song(stem: str, link: Tag, block: Tag, base: str) -> dict[str, str]:
    """The row of one song, from its block."""
    archive_artist, has_artist, archive_title = stem.rpartition("/")[2].partition("_")
    inside = [tag for tag in block.find_all(_HEADINGS) if not _QUOTED.search(_text(tag))]
    headings = [*inside, *block.find_all_previous(_HEADINGS)]
    artist_tag = _tag_of_class(block, "artist")
    artist, _, after = _text(artist_tag or (headings[0] if headings else None)).partition(": ")
    above = [tag for tag in headings if artist_tag is not None or tag.name < headings[0].name]
    quoted = _QUOTED.search(_text(block))
    title = _text(_tag_of_class(block, "title")).strip(_QUOTES) or (quoted[1] if quoted else "")
    sub_genre = re.sub(r"^(sub.?)?genre:?\s*", "", _text(_tag_of_class(block, "genre")), flags=re.IGNORECASE)
    return {
        "genre": _text(above[0] if above else None),
        "sub_genre": sub_genre or after,
        "title": title or _spaced(archive_title if has_artist else archive_artist),
        "artist": artist or (_spaced(archive_artist) if has_artist else ""),
        "archive": urljoin(base, str(link["href"])),
        "preview": urljoin(base, _preview(block)),
    }


def _block(link: Tag, stem: str) -> Tag:
    """The largest element around a link that holds no other song's link."""
    block = link
    for parent in link.parents:
        others = (tag for tag in parent.find_all("a", href=True) if _ARCHIVE.search(urlsplit(str(tag["href"])).path))
        if parent.name in ("body", "html", "[document]") or any(_stem(str(tag["href"])) != stem for tag in others):
            break
        block = parent
    return block


def _preview(block: Tag) -> str:
    """The address of a block's preview, an MP3 file; empty where there is none."""
    found = [str(tag.get("href") or tag.get("src") or "") for tag in block.find_all(("a", "audio", "source"))]
    sounds = [address for address in found if urlsplit(address).path.lower().endswith(".mp3")]
    return next((address for address in sounds if "preview" in address.lower()), sounds[0] if sounds else "")


def _tag_of_class(block: Tag, what: str) -> Tag | None:
    return block.find(class_=re.compile(_CLASSES[what], re.IGNORECASE))


def _text(tag: Tag | None) -> str:
    return " ".join(tag.get_text(" ").split()) if tag else ""


def _stem(address: str) -> str:
    """The part that the addresses of one song's archives have in common."""
    path = _ARCHIVE.sub("", unquote(urlsplit(address).path))
    return path.rpartition("_")[0] if path.rpartition("/")[2].count("_") > 1 else path


def _spaced(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", name)
