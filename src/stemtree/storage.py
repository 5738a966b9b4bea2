"""Songs and results in shared storage: URLs that fsspec knows, such as ``s3://bucket/songs``.

A task works on files of its own machine. `at_hand` brings an input there, and `mirrored` brings a folder of results
there and takes what has changed back, so that nothing else knows of URLs.
"""

import glob
import json
import re
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from stemtree.errors import FULL, DiskError, OptionError, StemtreeError, StorageError
from stemtree.extras import library
from stemtree.file_systems import file_system, patiently

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_REST = r"[^\s,'\"\]}]*"
_URL_WITHIN = re.compile(rf"[A-Za-z][A-Za-z0-9+.-]+://{_REST}")
_KINDS = "abfss?|adl|az|file|ftp|gcs|gs|hdfs|hf|https?|oss|s3a?|sftp|smb|ssh|webdav|webhdfs"
"""Of fsspec, those that name a machine, a bucket or a file; ``KIND:/x`` would be a folder ``KIND:`` here."""

_ONE_SLASH = re.compile(rf"(?<![^\s:='\"\[{{,])(?:{_KINDS}):/(?!/){_REST}", re.IGNORECASE)


def is_url(place: object) -> bool:
    """Whether a name, or a path from `to_path`, is a URL."""
    return not isinstance(place, Path) and _URL.match(str(place)) is not None


def find_url(text: str) -> str | None:
    """The first URL within what an option was given, such as that of ``slakh:s3://bucket/corpus``."""
    found = _URL_WITHIN.search(text)
    return found and found[0]


def check_slashes(text: str) -> None:
    """Raise OptionError if what an option was given has a URL with one slash, such as ``s3:/bucket``."""
    if slip := _ONE_SLASH.search(text):
        kind = slip[0].partition(":")[0]
        raise OptionError(
            f"'{slip[0]}' lacks a slash: give storage as s3://BUCKET/DIR, gs:// or hf://, and a folder '{kind}:' of "
            f"this machine as './{slip[0]}'"
        )


def to_path(name: str) -> Path:
    """A path to name files by; of a URL it is no `pathlib.Path`, but has the same methods.

    Raises
    ------
    LibraryError
        If a URL's library is not installed.
    OptionError
        If there is no storage of this kind, or if a URL's second slash is missing.
    """
    check_slashes(name)
    if not is_url(name):
        return Path(name)
    file_system(name)
    path: Path = library("upath", "storage", f"'{name}' needs").UPath(name)
    return path


def find_files(url: str, recursive: bool) -> tuple[list[tuple[Path, Path]], bool]:
    """The files at a URL: one, those in a folder, or those that a glob matches.

    Parameters
    ----------
    url : str
        Of a file or a folder, or a glob.
    recursive : bool
        List folders within a folder too.

    Returns
    -------
    files : list of pair of pathlib.Path
        Each file, as from `to_path`, and its path relative to the folder; its name alone where it is none.
    is_folder : bool
        Whether it is a folder.

    Raises
    ------
    StorageError
        If there is nothing, or if the storage cannot be read.
    """
    system, path = file_system(url)

    def find() -> tuple[list[str], bool]:
        system.invalidate_cache()
        if system.isfile(path):
            return [path], False
        if _is_pattern(system, path):
            return [name for name, row in system.glob(path, detail=True).items() if row["type"] == "file"], False
        rows = list(system.find(path, detail=True).values()) if recursive else system.ls(path, detail=True)
        if not rows:
            raise FileNotFoundError(path)
        names = [row["name"] for row in rows if row["type"] == "file"]
        return [name for name in names if _lies_within(name, path)], True

    names, is_folder = patiently(find, url)
    root = path if is_folder else None
    files = [(system.unstrip_protocol(name), PurePosixPath(name)) for name in sorted(names)]
    return [(to_path(file), Path(name.relative_to(root or name.parent))) for file, name in files], is_folder


def _is_pattern(system: Any, path: str) -> bool:
    """Whether a path is a glob, and not a folder whose name looks like one, as names of buckets never do."""
    bucket = path.partition("/")[0]
    return glob.has_magic(path) and (glob.has_magic(bucket) or not system.isdir(path))


def _lies_within(name: str, folder: str) -> bool:
    """Whether a file that is listed in a folder lies there on this machine too: keys of buckets may have ``..``."""
    return ".." not in PurePosixPath(name).relative_to(folder).parts


@contextmanager
def workspace() -> Iterator[Path]:
    """Yield a temporary folder of this machine, which is removed at the end.

    Raises
    ------
    StorageError
        If it cannot be written to; the message names the machine.
    """
    parent = folder = tempfile.gettempdir()  # where even a folder in it finds no room
    try:
        with tempfile.TemporaryDirectory(prefix="stemtree-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    except (OSError, StemtreeError) as error:
        if not _fills(error, folder):
            raise
        raise StorageError(
            f"the folder '{parent}' of the machine '{socket.gethostname()}' is full: make room there, or name "
            "another in TMPDIR"
        ) from None


def _fills(error: Exception, folder: str) -> bool:
    """Whether an error says that the disk of a folder is full."""
    if isinstance(error, OSError):
        return error.errno in FULL
    return isinstance(error, DiskError) and error.is_full and folder in str(error)


@contextmanager
def at_hand(file: Path, folder: Path) -> Iterator[Path]:
    """Yield a file of this machine: the one that is given, or a copy of what a URL names.

    Messages of errors within the context name the URL.

    Parameters
    ----------
    file : pathlib.Path
        From `to_path`.
    folder : pathlib.Path
        For the copy, under the same name.

    Raises
    ------
    StorageError
        If it cannot be read.
    """
    if not is_url(file):
        yield file
        return
    system, path = file_system(str(file))
    copy = folder / PurePosixPath(path).name
    patiently(lambda: system.get_file(path, str(copy)), str(file))
    with naming(copy, file):
        yield copy


@contextmanager
def naming(copy: Path, place: Path) -> Iterator[None]:
    """Let messages of errors within the context name the place that something is a copy of."""
    try:
        yield
    except StemtreeError as error:
        if not isinstance(error, DiskError):
            error.args = (str(error).replace(str(copy), str(place)), *error.args[1:])
        raise


@contextmanager
def mirrored(folder: Path, copy: Path, last: str) -> Iterator[Path]:
    """Yield a folder of this machine whose changes go to a folder in storage at the end, unless something is raised.

    Each file appears whole; `last`, which describes the others, appears after them. What a run that was ended in the
    middle has put there counts as not there, and is replaced by the next one.

    Parameters
    ----------
    folder : pathlib.Path
        From `to_path`; one of this machine is yielded as it is.
    copy : pathlib.Path
        Where the copy goes; its folder must exist.
    last : str
        A file in the folder.

    Raises
    ------
    StorageError
        If it cannot be read or written.
    """
    if not is_url(folder):
        yield folder
        return
    storage = _Folder(str(folder), last)
    storage.fetch(copy)
    before = _stamps(copy)
    with naming(copy, folder):
        yield copy
    after = _stamps(copy)
    changed = [name for name, stamp in after.items() if before.get(name) != stamp]
    storage.put(copy, changed, [name for name in before if name not in after])


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder in storage, and the file in it that is written last."""

    url: str
    last: str

    @property
    def _unfinished(self) -> str:
        """The file that lists what is being written."""
        return f".{self.last}.unfinished"

    def fetch(self, copy: Path) -> None:
        """Bring what is there, except what a run has begun to write and not finished."""
        system, root = file_system(self.url)

        def find() -> list[str]:
            system.invalidate_cache()
            found = [name for name in system.find(root) if _lies_within(name, root)]
            return [str(PurePosixPath(name).relative_to(root)) for name in found]

        names = patiently(find, self.url)
        left = {self._unfinished, *self._left(system, root)} if self._unfinished in names else set()
        for name in (name for name in names if name not in left):
            self._do(name, _bring, system, f"{root}/{name}", copy / name)

    def put(self, copy: Path, changed: list[str], gone: list[str]) -> None:
        """Take files there and remove others."""
        system, root = file_system(self.url)
        names = sorted(changed, key=lambda name: (name == self.last, name))
        if not names and not gone:
            return
        left = self._left(system, root)
        listed = json.dumps(sorted({*names, *left} - {self.last})).encode()
        self._do(self._unfinished, system.pipe_file, f"{root}/{self._unfinished}", listed)
        for name in names:
            self._do(name, system.put_file, str(copy / name), f"{root}/{name}")
        for name in (*gone, *sorted(left - {*names}), self._unfinished):
            self._do(name, _remove, system, f"{root}/{name}")

    def _left(self, system: Any, root: str) -> set[str]:
        """What a run has begun to write and not finished."""

        def read() -> set[str]:
            with suppress(FileNotFoundError):
                return set(json.loads(system.cat_file(f"{root}/{self._unfinished}")))
            return set()

        return patiently(read, f"{self.url.rstrip('/')}/{self._unfinished}")

    def _do(self, name: str, work: Callable[..., object], *arguments: object) -> None:
        """Do something with one file, patiently."""
        patiently(lambda: work(*arguments), f"{self.url.rstrip('/')}/{name}")


def _bring(system: Any, file: str, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    system.get_file(file, str(copy))


def _remove(system: Any, file: str) -> None:
    with suppress(FileNotFoundError):  # at a second attempt
        system.rm_file(file)


def _stamps(folder: Path) -> dict[str, tuple[int, int, int]]:
    """What tells whether files of a folder were written again, by their names in it."""
    stamps = {}
    for file in folder.rglob("*") if folder.is_dir() else ():
        if file.is_file():
            status = file.stat()
            stamps[file.relative_to(folder).as_posix()] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return stamps
