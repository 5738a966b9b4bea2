"""Fetching and unpacking one song of a library."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

from stemtree.corpora.track import Problem
from stemtree.curation.gather.archives import UnpackLimits, unpack
from stemtree.curation.gather.download import DownloadSettings, UnreachableError, download, open_session, sha256
from stemtree.curation.gather.listing import ListedSong
from stemtree.curation.gather.notes import SONG_NOTE, note_file, read_note, remove_with_note, write_note
from stemtree.errors import ArchiveError, ArchiveFault, DownloadError
from stemtree.folders import is_empty_folder
from stemtree.staging import staging

if TYPE_CHECKING:
    from requests import Session

GatherStatus = Literal["unpacked", "there", "quarantined", "failed"]


@dataclass(frozen=True, slots=True)
class GatheredSong:
    """The outcome for one song.

    Parameters
    ----------
    song : str
        Name of its folder.
    listed : ListedSong
        Its row in the listing.
    status : {"unpacked", "there", "quarantined", "failed"}
        ``there``: unpacked by an earlier run. ``quarantined``: its archive is broken or refused and lies in
        ``quarantine``.
    reason : str
        Why it is quarantined or failed, in a sentence.
    files : int
        Number of audio files.
    sha256 : str
        Checksum of the archive.
    fault : str
        The kind of `reason`: an `ArchiveFault`, ``download`` or ``in the way``; empty where nothing failed.
    left_out : tuple of str
        Entries of the archive that are not audio.
    """

    song: str
    listed: ListedSong
    status: GatherStatus
    reason: str = ""
    files: int = 0
    sha256: str = ""
    fault: str = ""
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GatherSettings:
    """How songs are gathered.

    Parameters
    ----------
    limits : UnpackLimits
        How much an archive may unpack to.
    download : DownloadSettings
        How often downloads are tried.
    keep_archives : bool
        Whether archives stay in ``archives`` once they are unpacked.
    previews : bool
        Whether previews are fetched.
    """

    limits: UnpackLimits = field(default_factory=UnpackLimits)
    download: DownloadSettings = field(default_factory=DownloadSettings)
    keep_archives: bool = False
    previews: bool = True


class SongGatherer:
    """Fetches and unpacks songs into the folders of a library.

    Parameters
    ----------
    root : pathlib.Path
        The library, with the folders ``songs``, ``previews``, ``archives`` and ``quarantine``.
    listing_folder : pathlib.Path
        Relative addresses in the listing are paths below it.
    settings : GatherSettings
        Limits and what to keep.
    report : callable
        Called with each problem of a preview.
    """

    def __init__(
        self, root: Path, listing_folder: Path, settings: GatherSettings, report: Callable[[Problem], None]
    ) -> None:
        self._root, self._listing_folder, self._settings, self._report = root, listing_folder, settings, report
        self._session: Session | None = None
        self._unreachable: set[str] = set()

    def find(self, song: str, listed: ListedSong) -> GatheredSong | None:
        """A song that an earlier run unpacked or quarantined, unless its archive has changed."""
        note = read_note(self._root / "songs" / song)
        if note is not None and note.get("archive") == listed.archive:
            left_out = tuple(note.get("left_out", ()))
            return GatheredSong(song, listed, "there", "", len(note["files"]), note["sha256"], left_out=left_out)
        held = self._quarantine(song)
        note = read_note(held) if held.exists() else None
        if note is not None and note.get("archive") == listed.archive and not self._is_mended(listed, note["sha256"]):
            fault = note.get("fault", ArchiveFault.BROKEN)
            return GatheredSong(song, listed, "quarantined", note["reason"], sha256=note["sha256"], fault=fault)
        return None

    def gather(self, song: str, listed: ListedSong) -> GatheredSong:
        """Fetch and unpack a song, as far as earlier runs have not."""
        gathered = self.find(song, listed)
        try:
            gathered = gathered or self._unpack(song, listed)
        except DownloadError as error:
            return GatheredSong(song, listed, "failed", str(error), fault="download")
        lacks_preview = gathered.status == "there" and not self._preview_file(song).exists()
        if self._settings.previews and listed.preview and (lacks_preview or gathered.status == "unpacked"):
            self._fetch_preview(song, listed)
        return gathered

    def _unpack(self, song: str, listed: ListedSong) -> GatheredSong:
        folder = self._root / "songs" / song
        if folder.exists() and read_note(folder) is None and not is_empty_folder(folder):
            reason = f"'{folder}' holds something else than a song unpacked here: move it away"
            return GatheredSong(song, listed, "failed", reason, fault="in the way")
        archive, digest = self._fetch_archive(song, listed)
        try:
            with staging(folder) as stage:
                unpacked = unpack(archive, stage, self._settings.limits)
                facts = asdict(listed) | {"song": song, "sha256": digest} | asdict(unpacked)
                (stage / SONG_NOTE).write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", "utf-8")
                if folder.exists():
                    shutil.rmtree(folder)
                stage.rename(folder)
        except ArchiveError as error:
            status: GatherStatus = "failed" if error.fault is ArchiveFault.NO_READER else "quarantined"
            failed = GatheredSong(song, listed, status, str(error), sha256=digest, fault=error.fault)
            if status == "quarantined":
                self._set_aside(failed, archive)
            return failed
        remove_with_note(self._quarantine(song))
        if self._is_downloaded(archive) and not self._settings.keep_archives:
            remove_with_note(archive)
        return GatheredSong(
            song, listed, "unpacked", files=len(unpacked.files), sha256=digest, left_out=unpacked.left_out
        )

    def _fetch_archive(self, song: str, listed: ListedSong) -> tuple[Path, str]:
        """The archive as a file on this machine, and its checksum."""
        if not _is_remote(listed.archive):
            path = self._local_path(listed.archive)
            if not _is_file(path):
                raise DownloadError(f"there is no archive '{path}': correct the listing")
            return path, sha256(path)
        target = self._root / "archives" / f"{song}{Path(urlsplit(listed.archive).path).suffix.lower()}"
        if target.exists() and (note := read_note(target)) and note.get("archive") == listed.archive:
            return target, str(note["sha256"])
        digest = self._download(listed.archive, target)
        write_note(target, {"archive": listed.archive, "sha256": digest})
        return target, digest

    def _download(self, url: str, target: Path) -> str:
        """Download a file; a server that was unreachable is tried only once for every further file."""
        settings, server = self._settings.download, urlsplit(url).netloc
        self._session = self._session or open_session()
        if server in self._unreachable:
            settings = replace(settings, tries=1)
        try:
            digest = download(url, target, self._session, settings)
        except UnreachableError:
            self._unreachable.add(server)
            raise
        self._unreachable.discard(server)
        return digest

    def _fetch_preview(self, song: str, listed: ListedSong) -> None:
        target = self._preview_file(song)
        try:
            if _is_remote(listed.preview):
                self._download(listed.preview, target)
            elif _is_file(path := self._local_path(listed.preview)):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
            else:
                raise DownloadError(f"there is no preview '{path}': correct the listing")
        except DownloadError as error:
            self._report(Problem(song, "preview", str(error)))

    def _set_aside(self, failed: GatheredSong, archive: Path) -> None:
        """Move a downloaded archive to the quarantine; of other files, which stay where they are, only a note."""
        held = self._quarantine(failed.song)
        held.parent.mkdir(parents=True, exist_ok=True)
        if self._is_downloaded(archive):
            archive.replace(held)
            note_file(archive).unlink(missing_ok=True)
        else:
            held.write_bytes(b"")
        facts = {"archive": failed.listed.archive, "sha256": failed.sha256}
        write_note(held, facts | {"fault": failed.fault, "reason": failed.reason})

    def _is_mended(self, listed: ListedSong, digest: str) -> bool:
        """Whether an archive on this machine differs from the one that was quarantined."""
        path = self._local_path(listed.archive)
        return not _is_remote(listed.archive) and _is_file(path) and sha256(path) != digest

    def _is_downloaded(self, archive: Path) -> bool:
        return archive.parent == self._root / "archives"

    def _preview_file(self, song: str) -> Path:
        return self._root / "previews" / f"{song}.mp3"

    def _quarantine(self, song: str) -> Path:
        return self._root / "quarantine" / f"{song}.archive"

    def _local_path(self, address: str) -> Path:
        """The file beside the listing that an address means, as it stands or else as a link (``a%20b.zip?x=1``)."""
        plain = self._listing_folder / address
        if not address.lower().startswith("file:") and _is_file(plain):
            return plain
        linked = self._listing_folder / unquote(urlsplit(address).path)
        return linked if _is_file(linked) or address.lower().startswith("file:") else plain


def _is_remote(address: str) -> bool:
    """Whether an address is one of a server, of whatever scheme."""
    return "://" in address and not address.lower().startswith("file:")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, or with a null character
        return False
