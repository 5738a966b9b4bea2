"""Zip, rar and 7z archives as lists of entries with content."""

import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemtree.curation.gather.archive_faults import NO_PASSWORD, PACK_ANEW, explain_library_error
from stemtree.errors import ArchiveError, ArchiveFault

_BLOCK = 1 << 20
_MAGIC = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"PK00PK\x03\x04": "zip",  # marked as what could have been divided over several disks and was not
    b"PK\x07\x08PK\x03\x04": "zip",  # likewise
    b"Rar!\x1a\x07": "rar",
    b"7z\xbc\xaf\x27\x1c": "7z",
}
_ZIP_METHODS = {9: "deflate64", zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "lzma", 93: "zstd", 95: "xz", 98: "PPMd"}
_UNICODE_PATH = 0x7075
_FILTERS = (
    "LZMA",
    "LZMA2",
    "COPY",
    "BZip2",
    "PPMd",
    "BCJ",
    "ARM",
    "ARMT",
    "ARM64",
    "IA64",
    "PPC",
    "SPARC",
    "DELTA",
    "7zAES",
)
"""Methods that py7zr unpacks in pieces of a bounded size, by its names. With others a false size fills the memory."""
_OTHER_FILTERS = {b"\x03\x03\x01\x1b": "BCJ2", b"\x04\xf7\x11\x04": "LZ4", b"\x04\xf7\x11\x02": "Brotli"}
"""Names of methods, by their codes, that py7zr does not have or not name."""

Writer = Callable[[bytes], None]
"""Takes the next piece of an entry's content."""


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
    ArchiveError
        If the archive is broken, encrypted, or of another kind; whatever error its library raises in the ``with``
        block; if a library or program that is needed is not installed.
    """
    try:
        kind = kind_of(file)
        if kind is None:
            raise ArchiveError(
                f"'{file}' is not a zip, rar or 7z archive (a page instead of a file?): get it again",
                ArchiveFault.NO_ARCHIVE,
            )
        opened: dict[str, Callable[[Path], Container]] = {"zip": _Zip, "rar": _Rar, "7z": _SevenZip}
        container = opened[kind](file)
        try:
            yield container
        finally:
            container.close()
    except ArchiveError:
        raise
    except ModuleNotFoundError as error:
        raise ArchiveError(
            f"'{file}' needs the package {error.name}: run `pip install {error.name}`, then again",
            ArchiveFault.NO_READER,
        ) from None
    except Exception as error:  # rarfile and py7zr raise a dozen classes without a common base
        if explained := explain_library_error(file, error):
            raise explained from None
        raise


def _refuse_same_names(file: object, targets: list[tuple[ArchiveEntry, Writer]]) -> None:
    """Refuse entries of one name, which some libraries cannot tell apart."""
    ((name, count),) = Counter(entry.name for entry, _ in targets).most_common(1)
    if count > 1:
        raise ArchiveError(
            f"the archive '{file}' is refused: {count} of its files are called '{name}'; pack it anew",
            ArchiveFault.SAME_NAMES,
        )


def kind_of(file: Path) -> str | None:
    """``zip``, ``rar`` or ``7z`` by a file's first bytes, else None."""
    with file.open("rb") as content:
        start = content.read(8)
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)


class _Zip(Container):
    def __init__(self, file: Path) -> None:
        self._zip = zipfile.ZipFile(file)
        entries = self._zip.infolist()
        if not all(info.filename for info in entries):
            raise ArchiveError(
                f"the archive '{file}' is broken (a file in it has no name): get a whole copy", ArchiveFault.BROKEN
            )
        self.entries = [self._entry(info) for info in entries if not info.is_dir()]

    @staticmethod
    def _entry(info: zipfile.ZipInfo) -> ArchiveEntry:
        mode = info.external_attr >> 16
        is_link = bool(stat.S_IFMT(mode)) and not stat.S_ISREG(mode)
        return ArchiveEntry(_zip_name(info), info.file_size, is_link, bool(info.flag_bits & 1), info)

    def copy(self, targets: list[tuple[ArchiveEntry, Writer]]) -> None:
        for entry, _ in targets:
            method = entry.handle.compress_type
            if method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # zipfile does not bound others
                name = _ZIP_METHODS.get(method, f"method {method}")
                raise ArchiveError(
                    f"'{self._zip.filename}' packs '{entry.name}' with {name}, where stored and deflated are read: "
                    f"{PACK_ANEW}",
                    ArchiveFault.METHOD,
                )
        for entry, write in targets:
            self._accept_other_slashes(entry.handle)
            with self._zip.open(entry.handle) as content:
                while block := content.read(_BLOCK):
                    write(block)

    def _accept_other_slashes(self, info: zipfile.ZipInfo) -> None:
        """Let the name before a file's data differ from the directory's in slashes or encoding, as IZArc writes it.

        Zipfile takes a file whose two names differ for another one.
        """
        with open(self._zip.filename or "", "rb") as content:
            content.seek(info.header_offset + 26)
            length = int.from_bytes(content.read(2), "little")
            content.seek(info.header_offset + 6)
            is_utf8 = bool(int.from_bytes(content.read(2), "little") & 0x800)
            content.seek(info.header_offset + 30)
            name = content.read(length)
        with suppress(UnicodeError):
            before = name.decode("utf-8" if is_utf8 else "cp437")
            if _plain(before) == _plain(info.orig_filename):
                info.orig_filename = before

    def close(self) -> None:
        self._zip.close()


def _zip_name(info: zipfile.ZipInfo) -> str:
    """An entry's name: marked as UTF-8, in UTF-8 beside another, in UTF-8 without saying so, or in code page 437."""
    if info.flag_bits & 0x800:
        return info.filename
    raw, extra = info.orig_filename.encode("cp437", "replace"), info.extra
    while len(extra) >= 4:
        kind, length = (int.from_bytes(extra[at : at + 2], "little") for at in (0, 2))
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == _UNICODE_PATH and field[1:5] == zlib.crc32(raw).to_bytes(4, "little"):  # still of this name
            with suppress(UnicodeError):
                return field[5:].decode("utf-8")
    with suppress(UnicodeError):  # archives made on a Mac
        return info.filename.encode("cp437").decode("utf-8")
    return info.filename


def _plain(name: str) -> str:
    return "".join(character for character in name.replace("\\", "/") if character.isascii())


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
            raise ArchiveError(
                f"the archive '{file}' is encrypted, its file names as well: {NO_PASSWORD}", ArchiveFault.ENCRYPTED
            )

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
        if other := self._other_methods():
            raise ArchiveError(f"the archive '{file}' is packed with {other[0]}: {PACK_ANEW}", ArchiveFault.METHOD)

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

    def _other_methods(self) -> list[str]:
        """Methods in the archive that are not read."""
        from py7zr.compressor import SupportedMethods

        streams = self._archive.header.main_streams
        codes = [
            coder["method"] for folder in (streams.unpackinfo.folders if streams else ()) for coder in folder.coders
        ]
        names = {bytes(method["id"]): str(method["name"]) for method in SupportedMethods.methods} | _OTHER_FILTERS
        return [names.get(code, f"method {code.hex()}") for code in codes if names.get(code) not in _FILTERS]

    def close(self) -> None:
        self._archive.close()
