"""Unpacking archives that nobody has vouched for: zip, rar and 7z."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path as FilePath
from pathlib import PurePosixPath
from typing import Any

from stemtree.audio import is_audio_name
from stemtree.errors import ArchiveError

_BLOCK = 1 << 20
_MAGIC = {b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"Rar!\x1a\x07": "rar", b"7z\xbc\xaf\x27\x1c": "7z"}
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)
Write = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may unpack to; more is refused.

    Parameters
    ----------
    bytes : int
        Of all files together.
    files : int
        How many entries, folders not counted.
    ratio : int
        How many times its own size, beyond the first 64 MB.
    """

    bytes: int = 40 << 30
    files: int = 2000
    ratio: int = 200

    def room(self, packed: int) -> int:
        """How many bytes an archive of `packed` bytes may unpack to."""
        return min(self.bytes, (64 << 20) + packed * self.ratio)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What came out of an archive.

    Parameters
    ----------
    files : tuple of str
        The audio files, as paths below the song's folder.
    left_out : tuple of str
        Entries that are not audio.
    renamed : dict
        Files whose name another file had: the name in the archive by the new one.
    """

    files: tuple[str, ...]
    left_out: tuple[str, ...]
    renamed: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file in an archive; `handle` is what the archive's library knows it by."""

    name: str
    size: int
    is_link: bool
    is_encrypted: bool
    handle: Any


class _Container:
    """An open archive: its entries, and their content piece by piece."""

    entries: list[_Entry]

    def copy(self, targets: list[tuple[_Entry, Write]]) -> None:
        """Hand each entry's content to its function."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the file."""
        raise NotImplementedError


def unpack(archive: str | os.PathLike[str], folder: FilePath, limits: Limits = Limits()) -> Unpacked:
    """Unpack the audio files of an archive into an empty folder.

    A folder that holds everything else in the archive is left out of the paths. The whole archive is refused where one
    of its entries would lie outside the folder, is a link, a device or encrypted, or where it holds too much.

    Parameters
    ----------
    archive : path-like
        A zip, rar or 7z file, known by its first bytes.
    folder : pathlib.Path
        Where to; it exists and is empty.
    limits : Limits
        Sizes and counts are those that were really written, whatever the archive says.

    Raises
    ------
    ArchiveError
        If it is broken, refused, holds no audio, or needs a library that is not installed.
    """
    file = FilePath(archive)
    with _open(file) as container:
        entries = [entry for entry in container.entries if not _is_litter(_path(file, entry))]
        _check(file, container.entries, limits)
        chosen = [entry for entry in entries if is_audio_name(FilePath(_path(file, entry).name))]
        if not chosen:
            raise ArchiveError(f"the archive '{file}' holds no audio files: get another one")
        names, renamed = _final_names([_path(file, entry) for entry in chosen])
        budget = _Budget(file, limits.room(file.stat().st_size))
        with _writers(folder, names, budget) as writers:
            container.copy(list(zip(chosen, writers, strict=True)))
    left_out = tuple(entry.name for entry in entries if entry not in chosen)
    return Unpacked(tuple(names), left_out, renamed)


def kind_of(file: FilePath) -> str | None:
    """``zip``, ``rar`` or ``7z`` by a file's first bytes, else None."""
    with file.open("rb") as content:
        start = content.read(8)
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)


@contextmanager
def _open(file: FilePath) -> Iterator[_Container]:
    """Open an archive; whatever its library then raises is an ArchiveError."""
    try:
        kind = kind_of(file)
        if kind is None:
            raise ArchiveError(f"'{file}' is not a zip, rar or 7z archive (a page instead of a file?): get it again")
        opened: dict[str, Callable[[FilePath], _Container]] = {"zip": _Zip, "rar": _Rar, "7z": _SevenZip}
        container = opened[kind](file)
        try:
            yield container
        finally:
            container.close()
    except ModuleNotFoundError as error:
        raise ArchiveError(
            f"'{file}' needs the package {error.name}: run `pip install {error.name}`, then again"
        ) from None
    except ArchiveError:
        raise
    except _BROKEN as error:
        raise ArchiveError(f"the archive '{file}' is broken ({_reason(error)}): get a whole copy") from None
    except Exception as error:  # rarfile and py7zr have a dozen kinds, which share no base
        if type(error).__module__.partition(".")[0] not in ("rarfile", "py7zr", "_lzma", "lzma"):
            raise
        if type(error).__name__ == "RarCannotExec":
            raise ArchiveError(f"'{file}' needs the program unrar, unar or bsdtar: install one, then again") from None
        raise ArchiveError(f"the archive '{file}' is broken ({_reason(error)}): get a whole copy") from None


def _reason(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]


class _Zip(_Container):
    def __init__(self, file: FilePath) -> None:
        self._zip = zipfile.ZipFile(file)
        self.entries = [self._entry(info) for info in self._zip.infolist() if not info.is_dir()]

    @staticmethod
    def _entry(info: zipfile.ZipInfo) -> _Entry:
        mode = info.external_attr >> 16
        name = info.filename
        if not info.flag_bits & 0x800:  # not marked as UTF-8, which many a Mac's archive is all the same
            with suppress(UnicodeError):
                name = name.encode("cp437").decode("utf-8")
        is_link = bool(stat.S_IFMT(mode)) and not stat.S_ISREG(mode)
        return _Entry(name, info.file_size, is_link, bool(info.flag_bits & 1), info)

    def copy(self, targets: list[tuple[_Entry, Write]]) -> None:
        for entry, write in targets:
            with self._zip.open(entry.handle) as content:
                while block := content.read(_BLOCK):
                    write(block)

    def close(self) -> None:
        self._zip.close()


class _Rar(_Container):
    def __init__(self, file: FilePath) -> None:
        import rarfile

        self._rar = rarfile.RarFile(file)
        self.entries = [
            _Entry(info.filename, info.file_size, not info.is_file(), info.needs_password(), info)
            for info in self._rar.infolist()
            if not info.is_dir()
        ]

    def copy(self, targets: list[tuple[_Entry, Write]]) -> None:
        for entry, write in targets:
            with self._rar.open(entry.handle) as content:
                while block := content.read(_BLOCK):
                    write(block)

    def close(self) -> None:
        self._rar.close()


class _SevenZip(_Container):
    def __init__(self, file: FilePath) -> None:
        import py7zr

        self._archive = py7zr.SevenZipFile(file)
        locked = self._archive.needs_password()
        self.entries = [
            _Entry(entry.filename, entry.uncompressed, not entry.is_file or entry.is_symlink, locked, entry)
            for entry in self._archive.files
            if not entry.is_directory
        ]

    def copy(self, targets: list[tuple[_Entry, Write]]) -> None:
        from py7zr.io import Py7zIO, WriterFactory

        class Sink(Py7zIO):
            def __init__(self, write: Write) -> None:
                self._write, self._written = write, 0

            def write(self, s: bytes | bytearray) -> int:
                self._write(bytes(s))
                self._written += len(s)
                return len(s)

            def read(self, size: int | None = None) -> bytes:
                return b""

            def seek(self, offset: int, whence: int = 0) -> int:
                return offset

            def flush(self) -> None:
                pass

            def size(self) -> int:
                return self._written

        writes = {entry.name: write for entry, write in targets}

        class Factory(WriterFactory):
            def create(self, filename: str) -> Py7zIO:
                return Sink(writes[filename])

        self._archive.extract(targets=list(writes), factory=Factory())

    def close(self) -> None:
        self._archive.close()


class _Budget:
    """How much may still be written."""

    def __init__(self, file: FilePath, left: int) -> None:
        self._file, self._left, self._room = file, left, left

    def take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise _refused(self._file, f"it unpacks to more than {self._room >> 20} MB")


@contextmanager
def _writers(folder: FilePath, names: list[str], budget: _Budget) -> Iterator[list[Write]]:
    """One function for each file, which opens it when its first piece comes."""
    current: list[tuple[str, Any]] = []

    def writer(name: str) -> Write:
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


def _check(file: FilePath, entries: list[_Entry], limits: Limits) -> None:
    if len(entries) > limits.files:
        raise _refused(file, f"it holds {len(entries)} files, where {limits.files} are the most")
    for entry in entries:
        if entry.is_link:
            raise _refused(file, f"'{entry.name}' is a link or a device")
        if entry.is_encrypted:
            raise _refused(file, f"'{entry.name}' is encrypted")
    _Budget(file, limits.room(file.stat().st_size)).take(sum(entry.size or 0 for entry in entries))


def _path(file: FilePath, entry: _Entry) -> PurePosixPath:
    """An entry's path, which lies below the folder that it is unpacked to."""
    name = unicodedata.normalize("NFC", entry.name.replace("\\", "/"))
    parts = name.split("/")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in parts:
        raise _refused(file, f"'{entry.name}' lies outside its folder")
    clean = [re.sub(r'[\x00-\x1f\x7f<>:"|?*\ud800-\udfff]', "_", part) for part in parts if part not in ("", ".")]
    if not clean or any(len(part.encode()) > 255 for part in clean) or len(clean) > 16:
        raise _refused(file, f"'{entry.name[:60]}' is no path for a file")
    return PurePosixPath(*clean)


def _is_litter(path: PurePosixPath) -> bool:
    """What a Mac or Windows adds to archives on its own."""
    return "__MACOSX" in path.parts or path.name.startswith("._") or path.name in (".DS_Store", "Thumbs.db")


def _final_names(paths: list[PurePosixPath]) -> tuple[list[str], dict[str, str]]:
    """Paths without the folder that all share; of those that a file system would take for one, all but one renamed."""
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


def _refused(file: FilePath, why: str) -> ArchiveError:
    return ArchiveError(
        f"the archive '{file}' is refused: {why}; do not unpack it by hand before you have looked into it"
    )
