"""Zip, rar and 7z archives as lists of entries with content."""

import errno
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemtree.errors import ArchiveError

_BLOCK = 1 << 20
_MAGIC = {b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"Rar!\x1a\x07": "rar", b"7z\xbc\xaf\x27\x1c": "7z"}
_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EMFILE, errno.EIO)
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)
_ZIP_METHODS = {9: "deflate64", zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "lzma"}
_UNBOUNDED = {"DEFLATE": "deflate", "DEFLATE64": "deflate64", "ZStandard": "zstd"}
"""Methods that py7zr unpacks in pieces of any size, so that an archive with a false size could fill the memory."""

Writer = Callable[[bytes], None]
"""Takes the next piece of an entry's content."""


class MissingReaderError(ArchiveError):
    """A library or program that reads this kind of archive is not installed."""


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """A file in an archive; `handle` is the object that the archive's library has for it."""

    name: str
    size: int
    is_link: bool
    is_encrypted: bool
    handle: Any


class Container:
    """An open archive."""

    entries: list[ArchiveEntry]

    def copy(self, targets: list[tuple[ArchiveEntry, Writer]]) -> None:
        """Pass the content of each entry to its writer, piece by piece."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the file."""
        raise NotImplementedError


@contextmanager
def open_archive(file: Path) -> Iterator[Container]:
    """Open an archive, known by its first bytes.

    Raises
    ------
    MissingReaderError
        If a library or program that is needed is not installed.
    ArchiveError
        If the archive is broken, or of another kind; whatever error its library raises in the ``with`` block.
    """
    try:
        kind = kind_of(file)
        if kind is None:
            raise ArchiveError(f"'{file}' is not a zip, rar or 7z archive (a page instead of a file?): get it again")
        opened: dict[str, Callable[[Path], Container]] = {"zip": _Zip, "rar": _Rar, "7z": _SevenZip}
        container = opened[kind](file)
        try:
            yield container
        finally:
            container.close()
    except ModuleNotFoundError as error:
        raise MissingReaderError(
            f"'{file}' needs the package {error.name}: run `pip install {error.name}`, then again"
        ) from None
    except ArchiveError:
        raise
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno in _MACHINE:  # the fault of this machine, not of the archive
            raise
        raise ArchiveError(f"the archive '{file}' is broken ({_reason(error)}): get a whole copy") from None
    except Exception as error:  # rarfile and py7zr raise a dozen classes without a common base
        if type(error).__module__.partition(".")[0] not in ("rarfile", "py7zr", "_lzma", "lzma"):
            raise
        if type(error).__name__ == "RarCannotExec":
            raise MissingReaderError(f"'{file}' needs the program unrar or unar: install one, then again") from None
        raise ArchiveError(f"the archive '{file}' is broken ({_reason(error)}): get a whole copy") from None


def _reason(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]


def _refuse_same_names(file: object, targets: list[tuple[ArchiveEntry, Writer]]) -> None:
    """Refuse entries of one name, which some libraries cannot tell apart."""
    ((name, count),) = Counter(entry.name for entry, _ in targets).most_common(1)
    if count > 1:
        raise ArchiveError(f"the archive '{file}' is refused: {count} of its files are called '{name}'; pack it anew")


def kind_of(file: Path) -> str | None:
    """``zip``, ``rar`` or ``7z`` by a file's first bytes, else None."""
    with file.open("rb") as content:
        start = content.read(8)
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)


class _Zip(Container):
    def __init__(self, file: Path) -> None:
        self._zip = zipfile.ZipFile(file)
        self.entries = [self._entry(info) for info in self._zip.infolist() if not info.is_dir()]

    @staticmethod
    def _entry(info: zipfile.ZipInfo) -> ArchiveEntry:
        mode = info.external_attr >> 16
        name = info.filename
        if not info.flag_bits & 0x800:  # not marked as UTF-8; archives made on a Mac often are nevertheless
            with suppress(UnicodeError):
                name = name.encode("cp437").decode("utf-8")
        is_link = bool(stat.S_IFMT(mode)) and not stat.S_ISREG(mode)
        return ArchiveEntry(name, info.file_size, is_link, bool(info.flag_bits & 1), info)

    def copy(self, targets: list[tuple[ArchiveEntry, Writer]]) -> None:
        for entry, _ in targets:
            method = entry.handle.compress_type
            if method not in (
                zipfile.ZIP_STORED,
                zipfile.ZIP_DEFLATED,
            ):  # zipfile does not bound others
                name = _ZIP_METHODS.get(method, f"method {method}")
                raise ArchiveError(
                    f"'{self._zip.filename}' packs '{entry.name}' with {name}, where stored and deflated are read: "
                    "pack it anew"
                )
        for entry, write in targets:
            with self._zip.open(entry.handle) as content:
                while block := content.read(_BLOCK):
                    write(block)

    def close(self) -> None:
        self._zip.close()


class _Rar(Container):
    def __init__(self, file: Path) -> None:
        import rarfile

        self._rar = rarfile.RarFile(file)
        self.entries = [
            ArchiveEntry(info.filename, info.file_size, not info.is_file(), info.needs_password(), info)
            for info in self._rar.infolist()
            if not info.is_dir()
        ]
        if self._rar.needs_password() and not self.entries:
            raise ArchiveError(f"the archive '{file}' is encrypted, its file names as well: get one that is not")

    def copy(self, targets: list[tuple[ArchiveEntry, Writer]]) -> None:
        import rarfile

        _refuse_same_names(self._rar.filename, targets)
        if any(entry.handle.compress_type != rarfile.RAR_M0 for entry, _ in targets):
            # rarfile 4.5 calls bsdtar wrongly, and Debian's 7z lacks RAR: both would make a good archive look broken.
            rarfile.tool_setup(bsdtar=False, sevenzip=False, sevenzip2=False, force=True)
        for entry, write in targets:
            with self._rar.open(entry.handle) as content:
                while block := content.read(_BLOCK):
                    write(block)

    def close(self) -> None:
        self._rar.close()


class _SevenZip(Container):
    def __init__(self, file: Path) -> None:
        import py7zr

        self._archive = py7zr.SevenZipFile(file)
        locked = self._archive.needs_password()
        self.entries = [
            ArchiveEntry(entry.filename, entry.uncompressed, not entry.is_file or entry.is_symlink, locked, entry)
            for entry in self._archive.files
            if not entry.is_directory
        ]

    def copy(self, targets: list[tuple[ArchiveEntry, Writer]]) -> None:
        from py7zr.io import Py7zIO, WriterFactory

        file = self._archive.filename
        _refuse_same_names(file, targets)
        if methods := [_UNBOUNDED[name] for name in self._archive.archiveinfo().method_names if name in _UNBOUNDED]:
            raise ArchiveError(
                f"the archive '{file}' is packed with {methods[0]}: pack it anew with LZMA2, as 7-Zip does"
            )

        class Sink(Py7zIO):
            def __init__(self, write: Writer) -> None:
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
