"""Unpacking of untrusted archives: zip, rar and 7z."""

import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from stemtree.audio import is_audio_name
from stemtree.curation.gather.archive_faults import NO_PASSWORD
from stemtree.curation.gather.containers import ArchiveEntry, Writer, open_archive
from stemtree.errors import ArchiveError, ArchiveFault, counted

_ENDINGS = {
    ".wav": rb"(RIFF|RF64|BW64)....WAVE",
    ".aiff": rb"FORM....AIF[FC]",
    ".flac": rb"fLaC",
    ".ogg": rb"OggS",
    ".caf": rb"caff",
    ".mp3": rb"ID3",
}
"""How files of these kinds begin."""


_RATIO = 200
"""Greatest size of all files together beyond the first 64 MB, relative to the archive's size."""


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """How much an archive may unpack to; more is refused.

    Parameters
    ----------
    bytes : int
        Size of all files together.
    files : int
        Number of entries, folders not counted.
    """

    bytes: int = 40 << 30
    files: int = 2000

    def room(self, packed: int) -> int:
        """The largest size in bytes that an archive of `packed` bytes may unpack to."""
        return min(self.bytes, (64 << 20) + packed * _RATIO)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The content of an archive that was unpacked.

    Parameters
    ----------
    files : tuple of str
        The audio files, as paths below the song's folder.
    left_out : tuple of str
        Entries that are not audio.
    renamed : dict
        The name in the archive of files that could not keep it: another file has it, or it does not end as audio does.
    """

    files: tuple[str, ...]
    left_out: tuple[str, ...]
    renamed: dict[str, str]


def unpack(archive: str | os.PathLike[str], folder: Path, limits: UnpackLimits = UnpackLimits()) -> Unpacked:
    """Unpack the audio files of an archive into an empty folder.

    Audio is known by the ending of its name, or where there is none by its first bytes. A folder that holds everything
    else in the archive is left out of the paths. The whole archive is refused if one of
    its entries would lie outside the folder, is a link, a device or encrypted, or if it exceeds the limits.

    Parameters
    ----------
    archive : path-like
        A zip, rar or 7z file, known by its first bytes.
    folder : pathlib.Path
        An empty folder.
    limits : UnpackLimits
        Compared with the bytes that are written, whatever sizes the archive states.

    Raises
    ------
    ArchiveError
        If the archive is broken, refused, or holds no audio, or if what reads it is not installed; `fault` says which.
    """
    file = Path(archive)
    with open_archive(file) as container:
        _check(file, container.entries, limits)
        entries = [entry for entry in container.entries if not _is_litter(_path(file, entry))]
        chosen = [entry for entry in entries if _may_be_audio(_path(file, entry))]
        names, renamed = _final_names([_path(file, entry) for entry in chosen]) if chosen else ([], {})
        budget = _Budget(file, limits.room(file.stat().st_size))
        with _writers(folder, names, budget) as writers:
            container.copy(list(zip(chosen, writers, strict=True)))
        for entry, name in zip(chosen, names, strict=True):
            if (folder / name).stat().st_size != entry.size:
                raise ArchiveError(f"the archive '{file}' is broken ('{entry.name}' is not whole): get a whole copy")
    final = [name if is_audio_name(Path(name)) else _with_ending(folder, name, names) for name in names]
    if not any(final):
        raise _without_audio(file, entries)
    kept = {id(entry) for entry, name in zip(chosen, final, strict=True) if name}
    left_out = tuple(entry.name for entry in entries if id(entry) not in kept)
    renamed |= {new: entry.name for entry, old, new in zip(chosen, names, final, strict=True) if new and new != old}
    return Unpacked(tuple(name for name in final if name), left_out, renamed)


def _may_be_audio(path: PurePosixPath) -> bool:
    """Whether a name ends as audio's do, or as no file's do (``01 Kick``, ``Snare.1``)."""
    return is_audio_name(Path(path.name)) or not re.fullmatch(r"\.[A-Za-z][A-Za-z0-9]{1,7}", path.suffix)


def _with_ending(folder: Path, name: str, names: list[str]) -> str:
    """Give a file the ending that its first bytes ask for, and return its name; remove a file that is no audio."""
    old = folder / name
    with old.open("rb") as content:
        start = content.read(12)
    ending = next((ending for ending, pattern in _ENDINGS.items() if re.match(pattern, start, re.DOTALL)), "")
    new = f"{name}{ending}"
    if not ending or new.casefold() in {other.casefold() for other in names}:
        old.unlink()
        for parent in old.parents:
            if parent == folder or any(parent.iterdir()):
                break
            parent.rmdir()
        return ""
    old.rename(folder / new)
    return new


def _without_audio(file: Path, entries: list[ArchiveEntry]) -> ArchiveError:
    inner = [entry.name for entry in entries if re.search(r"\.(zip|rar|7z)$", entry.name, re.IGNORECASE)]
    if not inner:
        return ArchiveError(f"the archive '{file}' holds no audio files: get another one", ArchiveFault.NO_AUDIO)
    holds = f"holds other archives instead of audio files, such as '{inner[0]}'"
    return ArchiveError(f"the archive '{file}' {holds}: unpack it and list those", ArchiveFault.NO_AUDIO)


class _Budget:
    """The bytes that may still be written."""

    def __init__(self, file: Path, left: int) -> None:
        self._file, self._left, self._room = file, left, left

    def take(self, count: int) -> None:
        """Account for `count` bytes; raises ArchiveError if they are too many."""
        self._left -= count
        if self._left < 0:
            raise _refused(self._file, f"it unpacks to more than {self._room >> 20} MB", ArchiveFault.TOO_LARGE)


@contextmanager
def _writers(folder: Path, names: list[str], budget: _Budget) -> Iterator[list[Writer]]:
    """A writer for each file, which opens it at its first piece; only one file is open at a time."""
    current: list[tuple[str, Any]] = []

    def writer(name: str) -> Writer:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()

        def write(block: bytes) -> None:
            budget.take(len(block))
            if not current or current[0][0] != name:
                for _, content in current:
                    content.close()
                current[:] = [(name, target.open("ab"))]
            current[0][1].write(block)

        return write

    try:
        yield [writer(name) for name in names]
    finally:
        for _, content in current:
            content.close()


def _check(file: Path, entries: list[ArchiveEntry], limits: UnpackLimits) -> None:
    """Refuse an archive by what it states of its entries."""
    if len(entries) > limits.files:
        most = f"it holds {counted(len(entries), 'file')}, where {counted(limits.files, 'is', 'are')} the most"
        raise _refused(file, most, ArchiveFault.TOO_LARGE)
    for entry in entries:
        if entry.is_link:
            raise _refused(file, f"'{entry.name}' is a link or a device")
        if entry.is_encrypted:
            raise ArchiveError(
                f"the archive '{file}' is encrypted ('{entry.name}'): {NO_PASSWORD}", ArchiveFault.ENCRYPTED
            )
    _Budget(file, limits.room(file.stat().st_size)).take(sum(entry.size or 0 for entry in entries))


def _path(file: Path, entry: ArchiveEntry) -> PurePosixPath:
    """An entry's path, which lies below the folder that it is unpacked to."""
    name = unicodedata.normalize("NFC", entry.name.replace("\\", "/"))
    parts = [part.rstrip(" ") or part[:1] for part in name.split("/")]  # Windows takes no name that ends in a blank
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in parts:
        raise _refused(file, f"'{entry.name}' lies outside its folder")
    clean = [re.sub(r'[\x00-\x1f\x7f<>:"|?*\ud800-\udfff]', "_", part) for part in parts if part not in ("", ".")]
    clean = [part if part.strip(" ") else "_" for part in clean]
    if not clean or any(len(part.encode()) > 255 for part in clean) or len(clean) > 16:
        raise _refused(file, f"'{entry.name[:60]}' is no path for a file")
    return PurePosixPath(*clean)


def _is_litter(path: PurePosixPath) -> bool:
    """Whether a Mac or Windows adds such a file to archives by itself."""
    return "__MACOSX" in path.parts or path.name.startswith("._") or path.name in (".DS_Store", "Thumbs.db")


def _final_names(paths: list[PurePosixPath]) -> tuple[list[str], dict[str, str]]:
    """Paths without the folder that all share; renamed where a file system would take two for one.

    Returns
    -------
    names : list of str
        One for each path.
    renamed : dict
        The path in the archive of each new name.
    """
    shared = len(os.path.commonpath([path.parent for path in paths]).split("/")) if paths[0].parent.name else 0
    if any(len(path.parts) <= shared for path in paths) or not os.path.commonpath([path.parent for path in paths]):
        shared = 0
    names: list[str] = []
    taken: set[str] = set()
    renamed = {}
    for path in paths:
        wanted = name = PurePosixPath(*path.parts[shared:])
        number = 1
        while str(name).casefold() in taken:
            number += 1
            name = wanted.with_name(f"{wanted.stem} ({number}){wanted.suffix}")
        if name != wanted:
            renamed[str(name)] = str(path)
        taken.add(str(name).casefold())
        names.append(str(name))
    return names, renamed


def _refused(file: Path, why: str, fault: ArchiveFault = ArchiveFault.UNSAFE) -> ArchiveError:
    message = f"the archive '{file}' is refused: {why}; do not unpack it by hand before you have looked into it"
    return ArchiveError(message, fault)
