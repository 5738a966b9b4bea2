"""From a listing of multitracks to a folder for each song."""

from __future__ import annotations

import json
import os
import re
import shutil
import unicodedata
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

from stemtree.corpora.track import Problem
from stemtree.curation.gather.archives import Limits, unpack
from stemtree.curation.gather.download import Fetching, UnreachableError, download, open_session, sha256
from stemtree.curation.gather.listing import COLUMNS, Entry, read_listing
from stemtree.curation.sessions.csv_tables import format_table
from stemtree.errors import ArchiveError, CorpusError, DownloadError
from stemtree.staging import staging, whole_file

if TYPE_CHECKING:
    from requests import Session

Status = Literal["unpacked", "there", "quarantined", "failed"]
FACTS = "song.json"
TABLE = ("song", *COLUMNS, "status", "files", "sha256", "reason")


@dataclass(frozen=True, slots=True)
class Gathered:
    """What became of one song.

    Parameters
    ----------
    song : str
        Name of its folder.
    entry : Entry
        Its row in the listing.
    status : {"unpacked", "there", "quarantined", "failed"}
        ``there``: by an earlier run. ``quarantined``: its archive is broken or refused and lies in ``quarantine``.
    reason : str
        Why, in a sentence, for the last two.
    files : int
        Audio files unpacked.
    sha256 : str
        Of the archive.
    """

    song: str
    entry: Entry
    status: Status
    reason: str = ""
    files: int = 0
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class GatherSettings:
    """How songs are gathered.

    Parameters
    ----------
    limits : Limits
        What an archive may unpack to.
    fetching : Fetching
        How hard downloads are tried.
    keep_archives : bool
        Whether archives stay in ``archives`` once they are unpacked.
    previews : bool
        Whether previews are fetched.
    """

    limits: Limits = field(default_factory=Limits)
    fetching: Fetching = field(default_factory=Fetching)
    keep_archives: bool = False
    previews: bool = True


def gather(
    listing: str | os.PathLike[str],
    output: str | os.PathLike[str],
    settings: GatherSettings = GatherSettings(),
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Gathered], list[Problem]]:
    """Fetch and unpack every song of a listing.

    ``<output>/songs/<song>/`` holds a song's audio files and ``song.json`` (its row, the archive's checksum, what was
    left out); ``previews``, ``archives`` and ``quarantine`` lie beside ``songs``, and ``songs.csv`` says what became of
    every row. A song whose folder is there is done, unless the listing now names another archive for it; a quarantined
    one is done until its archive is taken out of there.

    Parameters
    ----------
    listing : path-like
        For `read_listing`.
    output : path-like
        Where to; made if it is missing.
    settings : GatherSettings
        Limits and what to keep.
    progress : callable, optional
        Told how many songs are done, and of how many.

    Returns
    -------
    songs : list of Gathered
        In the listing's order.
    problems : list of Problem
        Bad rows and previews that could not be fetched.

    Raises
    ------
    CorpusError
        If the listing cannot be used, or the folder not written.
    """
    entries, problems = read_listing(listing)
    root, beside = Path(output), Path(listing).parent
    work = _Gatherer(root, beside, settings, problems)
    rows = list(zip(folder_names(entries), entries, strict=True))
    done: list[Gathered] = []
    try:
        try:
            for song, entry in rows:
                done.append(work.take(song, entry))
                if progress:
                    progress(len(done), len(entries))
        finally:  # also of an interrupted run, with the songs of earlier ones
            if root.is_dir():
                earlier = [known for song, entry in rows[len(done) :] if (known := work.known(song, entry))]
                _write_table(root / "songs.csv", [*done, *earlier])
    except OSError as error:
        raise CorpusError(f"cannot write to '{root}' ({error.strerror}): make room or choose another folder") from None
    return done, problems


def folder_names(entries: list[Entry]) -> list[str]:
    """The name of each song's folder: what it is called, as far as a file system can; no two alike."""
    names: list[str] = []
    taken: set[str] = set()
    for entry in entries:
        clean = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff]', "_", unicodedata.normalize("NFC", entry.song))
        base = name = _shortened(clean).strip(" .") or "_"
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{base} ({number})"
        taken.add(name.casefold())
        names.append(name)
    return names


def _shortened(name: str, most: int = 200) -> str:
    return name.encode()[:most].decode("utf-8", "ignore")


class _Gatherer:
    def __init__(self, root: Path, beside: Path, settings: GatherSettings, problems: list[Problem]) -> None:
        self._root, self._beside, self._settings, self._problems = root, beside, settings, problems
        self._session: Session | None = None
        self._silent: set[str] = set()

    def known(self, song: str, entry: Entry) -> Gathered | None:
        """A song that an earlier run was done with."""
        known = _facts(self._root / "songs" / song)
        if known is not None and known.get("archive") == entry.archive:
            return Gathered(song, entry, "there", files=len(known["files"]), sha256=known["sha256"])
        held = self._quarantine(song)
        note = _facts(held) if held.exists() else None
        if note is not None and note.get("archive") == entry.archive and not self._was_mended(entry, note["sha256"]):
            return Gathered(song, entry, "quarantined", note["reason"], sha256=note["sha256"])
        return None

    def take(self, song: str, entry: Entry) -> Gathered:
        """One song, whatever state it is in."""
        result = self.known(song, entry)
        try:
            result = result or self._unpack(song, entry, self._root / "songs" / song)
        except DownloadError as error:
            return Gathered(song, entry, "failed", str(error))
        missing = result.status == "there" and not self._preview_file(song).exists()
        if self._settings.previews and entry.preview and (missing or result.status == "unpacked"):
            self._preview(song, entry)
        return result

    def _was_mended(self, entry: Entry, digest: str) -> bool:
        """Whether an archive on this machine is another than the one that was set aside."""
        path = self._beside / _local(entry.archive)
        return urlsplit(entry.archive).scheme not in ("http", "https") and path.is_file() and sha256(path) != digest

    def _unpack(self, song: str, entry: Entry, folder: Path) -> Gathered:
        archive, digest = self._fetch(song, entry)
        try:
            with staging(folder) as stage:
                unpacked = unpack(archive, stage, self._settings.limits)
                facts = asdict(entry) | {"song": song, "sha256": digest} | asdict(unpacked)
                (stage / FACTS).write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", "utf-8")
                _replace(stage, folder)
        except ArchiveError as error:
            if "needs the " in str(error):  # nothing is wrong with the archive
                return Gathered(song, entry, "failed", str(error), sha256=digest)
            return self._set_aside(song, entry, archive, digest, str(error))
        self._forget(self._quarantine(song))
        if self._is_ours(archive) and not self._settings.keep_archives:
            self._forget(archive)
        return Gathered(song, entry, "unpacked", files=len(unpacked.files), sha256=digest)

    def _fetch(self, song: str, entry: Entry) -> tuple[Path, str]:
        """The archive as a file here, and its checksum."""
        if urlsplit(entry.archive).scheme in ("http", "https"):
            target = self._root / "archives" / f"{song}{Path(urlsplit(entry.archive).path).suffix.lower()}"
            return target, self._download(entry.archive, target)
        path = self._beside / _local(entry.archive)
        if not path.is_file():
            raise DownloadError(f"there is no archive '{path}': correct the listing")
        return path, sha256(path)

    def _download(self, url: str, target: Path) -> str:
        if target.exists() and (note := _facts(target)) and note.get("archive") == url:
            return str(note["sha256"])
        digest = self._get(url, target)
        _note(target, {"archive": url, "sha256": digest})
        return digest

    def _get(self, url: str, target: Path) -> str:
        """Download; a server that could not be reached is tried once for every further file."""
        fetching, server = self._settings.fetching, urlsplit(url).netloc
        self._session = self._session or open_session(fetching)
        if server in self._silent:
            fetching = replace(fetching, tries=1)
        try:
            digest = download(url, target, self._session, fetching)
        except UnreachableError:
            self._silent.add(server)
            raise
        self._silent.discard(server)
        return digest

    def _preview(self, song: str, entry: Entry) -> None:
        target = self._preview_file(song)
        try:
            if urlsplit(entry.preview).scheme in ("http", "https"):
                self._get(entry.preview, target)
            elif (path := self._beside / _local(entry.preview)).is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
            else:
                raise DownloadError(f"there is no preview '{path}': correct the listing")
        except DownloadError as error:
            self._problems.append(Problem(song, "preview", str(error)))

    def _set_aside(self, song: str, entry: Entry, archive: Path, digest: str, reason: str) -> Gathered:
        held = self._quarantine(song)
        held.parent.mkdir(parents=True, exist_ok=True)
        if self._is_ours(archive):
            archive.replace(held)
            _note_of(archive).unlink(missing_ok=True)
        else:
            held.write_bytes(b"")  # somebody else's file stays where it is
        _note(held, {"archive": entry.archive, "sha256": digest, "reason": reason})
        return Gathered(song, entry, "quarantined", reason, sha256=digest)

    def _preview_file(self, song: str) -> Path:
        return self._root / "previews" / f"{song}.mp3"

    def _quarantine(self, song: str) -> Path:
        return self._root / "quarantine" / f"{song}.archive"

    @staticmethod
    def _forget(archive: Path) -> None:
        for file in (archive, _note_of(archive)):
            file.unlink(missing_ok=True)

    def _is_ours(self, archive: Path) -> bool:
        return archive.parent == self._root / "archives"


def _local(address: str) -> str:
    return unquote(urlsplit(address).path) if urlsplit(address).scheme == "file" else address


def _note_of(file: Path) -> Path:
    return file / FACTS if file.is_dir() else file.with_name(f"{file.name}.json")


def _note(file: Path, facts: dict[str, str]) -> None:
    _note_of(file).write_text(json.dumps(facts, ensure_ascii=False) + "\n", "utf-8")


def _facts(file: Path) -> dict[str, str] | None:
    """What was written down about a song or an archive; None where there is nothing that can be read."""
    try:
        facts = json.loads(_note_of(file).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) else None


def _replace(stage: Path, folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    stage.rename(folder)


def _write_table(file: Path, songs: list[Gathered]) -> None:
    rows = (
        (one.song, *asdict(one.entry).values(), one.status, one.files, one.sha256, " ".join(one.reason.split()))
        for one in songs
    )
    with whole_file(file) as partial:
        partial.write_text(format_table(TABLE, rows, "\n"), "utf-8", newline="")
