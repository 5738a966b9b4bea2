"""Files and folders that appear under their final names only when they are whole."""

import errno
import glob
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stemtree.errors import DiskError, StemtreeError

try:
    import fcntl
except ImportError:  # Windows, where leftovers of killed runs stay
    fcntl = None  # type: ignore[assignment]

_FULL = "make room or choose another folder"
_REMEDIES = {
    None: _FULL,
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.ENAMETOOLONG: "choose another folder, or shorter names",
    errno.EILSEQ: "choose another folder, or names of plain letters",
    errno.EMFILE: "allow this program more open files (ulimit -n)",
    errno.ENFILE: "close other programs, which hold too many files open",
    errno.ENOENT: "leave the folder in place while it is written to",
    errno.EIO: "check the disk, or choose another folder",
}
"""What helps, by the number of the system's error; for others, another folder."""


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """Yield a hidden path beside `file` to write to, which becomes `file` at the end.

    If anything fails, `file` stays as it was and the hidden one is removed; the caller turns OSError, which names
    `file` instead of the hidden one, into a message.
    Several threads and processes may write the same file; the last one wins.

    Parameters
    ----------
    file : pathlib.Path
        The final name. Its folder must exist. Of a link, the file that it leads to is replaced.
    """
    target = behind_link(file)
    partial = target.with_name(f".{_beginning(file.name, 100)}.{uuid.uuid4().hex[:8]}.partial")
    try:
        yield partial
        os.replace(partial, target)
    except OSError as error:
        is_of_it = error.filename is None or str(partial) in (str(error.filename), str(error.filename2))
        if is_of_it and error.errno is not None:  # without a number it is a library's, with words of its own
            error.filename = str(file)
            del error.filename2
        raise
    finally:
        partial.unlink(missing_ok=True)


def behind_link(path: Path) -> Path:
    """The file or folder that a link leads to, which need not be there; any other path as it is."""
    return Path(os.path.realpath(path)) if os.path.islink(path) else path


@contextmanager
def staging(final: Path) -> Iterator[Path]:
    """Yield a hidden folder beside a final one, which is removed at the end in any case.

    Rename it to `final`, or move what it holds there, when it is complete. Any number of threads, processes and
    containers may work on one final folder, each in a hidden folder of its own.
    The system locks it for as long as its maker runs. So what a killed run left is told from what is in use, and is
    removed by the next run for that final folder.

    Parameters
    ----------
    final : pathlib.Path
        Nothing is written to it; the caller moves there what is whole. Folders above it are made, see
        `without_empty_folders`.

    Raises
    ------
    DiskError
        If anything in the hidden folder cannot be written.
    StemtreeError
        What the block raised, with the final names in place of the hidden ones.
    """
    prefix = f".{_beginning(final.name, 50)}."  # a name may be as long as the file system allows
    folder, lock = None, None
    with without_empty_folders(final.parent):
        try:
            for left in final.parent.glob(f"{glob.escape(prefix)}*.partial"):
                _remove_unless_in_use(left)
            folder, lock = _make_locked(final.parent, prefix)
            yield folder
        except OSError as error:
            raise unwritable(final.parent, error) from None
        except StemtreeError as error:
            for hidden in (f"{folder}{os.sep}{final.name}", str(folder)):
                error.args = (str(error).replace(hidden, str(final)), *error.args[1:])
            raise
        finally:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            if lock is not None:
                os.close(lock)


@contextmanager
def without_empty_folders(place: Path) -> Iterator[None]:
    """Remove at the end what was made meanwhile of a folder and those above it, where nothing came to be in it.

    Parameters
    ----------
    place : pathlib.Path
        A folder, or a file. Folders that are there already stay.
    """
    place = Path(os.path.normpath(place))
    new = [folder for folder in (place, *place.parents) if not os.path.lexists(folder)]
    try:
        yield
    finally:
        for folder in new:
            with suppress(OSError):  # it was not made, holds something, or is a file
                folder.rmdir()


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Wait until nobody else holds a folder this way, and hold it; nobody is kept out where the system has no locks.

    Parameters
    ----------
    folder : pathlib.Path
        It must exist. Hold it only for as long as its files are moved.
    """
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # such as on network file systems
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_failure(place: Path, error: Exception) -> str:
    """One sentence on why a file or folder could not be written: its name, the system's words, and what helps.

    Parameters
    ----------
    place : pathlib.Path
        The file, or the folder that it was to be in.
    error : Exception
        Without an error number of the system, it counts as a full disk, which libraries seldom report otherwise.
    """
    number = getattr(error, "errno", None)
    reason = getattr(error, "strerror", None) or str(error) or "no room left on the device"
    return f"cannot write to '{place}' ({reason}): {_REMEDIES.get(number, 'choose another folder')}"


def unwritable(place: Path, error: Exception) -> DiskError:
    """The error that `write_failure` is the message of."""
    return DiskError(write_failure(place, error), getattr(error, "errno", None))


def _beginning(name: str, count: int) -> str:
    """As much of a name as fits into so many bytes, which is what file systems count."""
    name = name[:count]
    while len(os.fsencode(name)) > count:
        name = name[:-1]
    return name


def _make_locked(parent: Path, prefix: str) -> tuple[Path, int | None]:
    """Make a hidden folder and lock it; returns None for the lock where the system has none for folders."""
    while True:
        folder = parent / f"{prefix}{uuid.uuid4().hex[:12]}.partial"
        folder.mkdir(parents=True)
        with suppress(BlockingIOError, FileNotFoundError):  # another run took it for a leftover
            lock = lock_folder(folder)
            if lock is None or folder.exists():
                return folder, lock
            os.close(lock)


def _remove_unless_in_use(folder: Path) -> None:
    """Remove a hidden folder unless its maker still runs, or the system cannot tell."""
    with suppress(OSError):
        lock = lock_folder(folder)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def lock_folder(folder: Path) -> int | None:
    """Lock a folder until the descriptor that is returned is closed; None where the system has no locks for folders.

    Raises
    ------
    BlockingIOError
        If it is locked.
    FileNotFoundError
        If there is no such folder.
    """
    if fcntl is None:
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:  # such as on network file systems
        os.close(descriptor)
        return None
    return descriptor
