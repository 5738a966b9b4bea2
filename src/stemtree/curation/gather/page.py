"""Songs of a saved web page that lists a multitrack library."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

from stemtree.errors import CorpusError

if TYPE_CHECKING:
    from bs4 import Tag

PAGE_SUFFIXES = (".html", ".htm", ".xhtml", ".mhtml", ".mht")

_ARCHIVE = re.compile(r"\.(zip|rar|7z)$", re.IGNORECASE)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_QUOTED = re.compile("[\"'\u2018\u201c](.+?)[\"'\u2019\u201d](?=\\W|$)")
_QUOTES = "'\"\u2018\u2019\u201c\u201d "
# What the last part of a class name says of an element: m-mtk-track__name, track__name, sub-genre.
_CLASSES = {
    what: re.compile(rf"(?:^|[-_])(?:{names})$", re.IGNORECASE)
    for what, names in {
        "song": r"track|song|item--track",
        "title": r"title|(?:track|song)[-_]*(?:name|title)",
        "artist": r"artist|artist[-_]*name",
        "genre": r"genre|style",
    }.items()
}


def songs_of_page(file: Path) -> Iterator[dict[str, str]]:
    """Songs of a saved page, as rows of a listing.

    Every link to a zip, rar or 7z file belongs to a song; links whose addresses differ only after the last ``_``
    (``…_Full.zip``, ``…_Edited.zip``) belong to one, and the full one is taken. A song's block is the element around
    its link whose class calls it a track or song, or else the largest that holds neither another song's link nor the
    heading of an artist. From a block come the title (an element whose class says so, or the first text in quotation
    marks), the sub-genre and the preview (a link to an MP3 file, or an audio element). The artist is an element of that
    class, or the nearest heading above; the genre the nearest heading of a higher level than the artist's; the
    sub-genre may stand beside the artist. What is missing is read from the archive's name, ``Artist_Title_Full.zip``.

    Raises
    ------
    CorpusError
        If the file cannot be read, or is no page.
    """
    from bs4 import BeautifulSoup, UnusualUsageWarning
    from bs4.exceptions import ParserRejectedMarkup

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnusualUsageWarning)  # of what is only an address, or XML
            page = BeautifulSoup(_markup(file), "html.parser")
    except ParserRejectedMarkup:
        raise CorpusError(f"the listing '{file}' is no whole page: save it again") from None
    base_tag = page.find("base", href=True)
    base = str(base_tag["href"]) if base_tag else ""
    songs: dict[str, list[Tag]] = {}
    for link in page.find_all("a", href=True):
        if name := archive_name(str(link["href"])):
            songs.setdefault(_stem(name), []).append(link)
    for stem, links in songs.items():
        link = next((one for one in links if "full" in str(one["href"]).lower()), links[0])
        yield _song(stem, link, base)


def _markup(file: Path) -> bytes:
    """The page itself; of a web archive (MHTML), the part in HTML."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CorpusError(f"cannot read the listing '{file}': {error.strerror}; check the path") from None
    if file.suffix.lower() not in (".mhtml", ".mht"):
        return content
    parts = (part for part in message_from_bytes(content).walk() if part.get_content_type() == "text/html")
    decoded = next((part.get_payload(decode=True) for part in parts), content)
    return decoded if isinstance(decoded, bytes) else content


def _song(stem: str, link: Tag, base: str) -> dict[str, str]:
    """The row of one song."""
    block = _block(link, stem)
    archive_artist, has_artist, archive_title = stem.rpartition("/")[2].partition("_")
    title = _text(_tag_of_class(block, "title")).strip(_QUOTES)
    if not title and (quoted := _QUOTED.search(_text(block))):
        title = quoted[1]
    title = title or _spaced(archive_title if has_artist else archive_artist)
    headings = [tag for tag in link.find_all_previous(_HEADINGS) if not _is_title(tag, title)]
    artist_tag = _tag_of_class(block, "artist")
    artist, _, after = _text(artist_tag or (headings[0] if headings else None)).partition(": ")
    above = [tag for tag in headings if artist_tag is not None or tag.name < headings[0].name]
    sub_genre = re.sub(r"^(sub.?)?genre:?\s*", "", _text(_tag_of_class(block, "genre")), flags=re.IGNORECASE)
    beside = _beside(headings[0]) if headings and artist_tag is None else ""
    return {
        "genre": _text(above[0] if above else None),
        "sub_genre": sub_genre or after or beside,
        "title": title,
        "artist": artist or (_spaced(archive_artist) if has_artist else ""),
        "archive": _join(base, str(link["href"])),
        "preview": _join(base, _preview(block)),
    }


def _block(link: Tag, stem: str) -> Tag:
    """The element around a link that is about its song alone."""
    block = link
    for parent in link.parents:
        names = (archive_name(str(tag["href"])) for tag in parent.find_all("a", href=True))
        others = any(name and _stem(name) != stem for name in names)
        if others or parent.name in ("body", "html", "[document]"):
            break
        if any(not _QUOTED.search(_text(tag)) for tag in parent.find_all(_HEADINGS)):
            break
        block = parent
        if _has_class(parent, "song"):
            break
    return block


def _is_title(heading: Tag, title: str) -> bool:
    """Whether a heading is the song's own, not its artist's."""
    text = _text(heading)
    return bool(_QUOTED.search(text)) or _letters(text) == _letters(title)


def _beside(heading: Tag) -> str:
    """The text of an element beside a heading that shares its class: the artist's sub-genre."""
    classes = {*(heading.get("class") or ())}
    siblings = (tag for tag in heading.find_next_siblings() if classes & {*(tag.get("class") or ())})
    return next((_text(tag) for tag in siblings if tag.name not in _HEADINGS and not tag.find("a")), "")


def _preview(block: Tag) -> str:
    """The address of a block's preview, an MP3 file; empty where there is none."""
    found = [str(tag.get("href") or tag.get("src") or "") for tag in block.find_all(("a", "audio", "source"))]
    sounds = [address for address in found if is_address(address) and urlsplit(address).path.lower().endswith(".mp3")]
    return next((address for address in sounds if "preview" in address.lower()), sounds[0] if sounds else "")


def _tag_of_class(block: Tag, what: str) -> Tag | None:
    """The first element in a block of such a class that is no container of links."""
    return next((tag for tag in block.find_all(True) if _has_class(tag, what) and not tag.find("a")), None)


def _has_class(tag: Tag, what: str) -> bool:
    return any(_CLASSES[what].search(str(name)) for name in tag.get("class") or ())


def _text(tag: Tag | None) -> str:
    return " ".join(tag.get_text(" ").split()) if tag else ""


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def _join(base: str, address: str) -> str:
    try:
        whole = urljoin(base, address)
    except ValueError:  # such as a server called [
        return address
    return f"https:{whole}" if whole.startswith("//") else whole


def is_address(address: str) -> bool:
    """Whether an address can be taken apart, which one with a server such as ``[`` cannot."""
    try:
        return bool(urlsplit(address).geturl())
    except ValueError:
        return False


def archive_name(address: str) -> str:
    """The path of the archive that an address leads to, also in its query; empty if it is none."""
    try:
        parts = urlsplit(address)
        paths = (unquote(parts.path), *(value for _, value in parse_qsl(parts.query)))
    except ValueError:  # such as a server called [, or a query of thousands of fields
        return ""
    return next((path for path in paths if _ARCHIVE.search(path)), "")


def _stem(name: str) -> str:
    """The part that the paths of one song's archives have in common."""
    path = _ARCHIVE.sub("", name)
    return path.rpartition("_")[0] if path.rpartition("/")[2].count("_") > 1 else path


def _spaced(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", name)
