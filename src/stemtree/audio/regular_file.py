"""Songs as regular files: pipes and file objects are copied into temporary ones."""

import io
import os
import shutil
import stat
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

from stemtree.errors import AudioError


class RegularFile:
    """A file that can be read several times, from any position.

    Parameters
    ----------
    path : pathlib.Path
        Where its bytes are.
    name : str
        Name for messages and for what is made of it: the path that was named, which may be that of a pipe.
    temporary : bool
        Whether to delete the file with this object.
    """

    def __init__(self, path: Path, name: str, *, temporary: bool = False) -> None:
        self.path, self.name = path, name
        if temporary:
            weakref.finalize(self, _unlink, str(path))


def regular_file(song: Any) -> RegularFile:
    """The regular file that a path or a binary file object stands for.

    Pipes and process substitutions are read to their end into a temporary file, and so are file objects: from the
    beginning if they can be sought.

    Parameters
    ----------
    song : path-like or binary file object

    Raises
    ------
    AudioError
        If there is no such file, if it is a folder, a device or empty, or if it cannot be read or copied.
    """
    if hasattr(song, "read"):
        return _copy_of_object(song)
    path = Path(song)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise AudioError(f"'{path}' is a folder: give an audio file")
        if stat.S_ISFIFO(status.st_mode) or stat.S_ISSOCK(status.st_mode):
            with path.open("rb") as stream:
                return _copy(stream, str(path))
        if not stat.S_ISREG(status.st_mode):  # some never end
            raise AudioError(f"'{path}' is a device: give an audio file or a pipe")
        if status.st_size == 0:
            raise AudioError(f"'{path}' is an empty file: get a whole copy")
        path.open("rb").close()
    except ValueError:  # a null character
        raise AudioError(f"{str(path)!r} is no file name: check the path") from None
    except OSError as error:
        raise AudioError(f"cannot read '{path}': {error.strerror}; check the path and its permissions") from None
    return RegularFile(path, str(path))


def _copy_of_object(stream: Any) -> RegularFile:
    name = getattr(stream, "name", None)
    name = name if isinstance(name, str) else "the file object"
    if isinstance(stream, io.TextIOBase):
        raise AudioError(f"'{name}' is open as text: open it in binary mode ('rb')")
    try:
        with suppress(OSError, AttributeError, io.UnsupportedOperation):
            stream.seek(0)
        return _copy(stream, name)
    except (OSError, ValueError) as error:  # ValueError: it is closed
        raise AudioError(f"cannot read '{name}': {error}; give an open file or a path") from None


def _copy(stream: Any, name: str) -> RegularFile:
    descriptor, path = tempfile.mkstemp(prefix="stemtree-", suffix=Path(name).suffix)
    file = RegularFile(Path(path), name, temporary=True)
    with os.fdopen(descriptor, "wb") as copy:
        try:
            shutil.copyfileobj(stream, copy, 1 << 20)
        except TypeError:
            raise AudioError(f"'{name}' does not read as bytes: open it in binary mode ('rb')") from None
    if file.path.stat().st_size == 0:
        raise AudioError(f"'{name}' holds no data: give audio")
    return file


def _unlink(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)
