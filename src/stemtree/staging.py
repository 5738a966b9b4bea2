"""Files and folders that appear under their final names only when they are whole."""

import glob
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stemtree.errors import AudioError


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """Yield a hidden path beside `file` to write to, which becomes `file` at the end.

    If anything fails, `file` stays as it was and the hidden one is removed; the caller turns OSError into a message.
    Several threads and processes may write the same file; the last one wins.

    Parameters
    ----------
    file : pathlib.Path
        The final name. Its folder must exist.
    """
    partial = file.with_name(f".{file.name[:100]}.{uuid.uuid4().hex[:8]}.partial")
    try:
        yield partial
        os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def staging(final: Path) -> Iterator[Path]:
    """Yield a hidden folder beside a final one, which is removed at the end in any case.

    Rename it to `final` when it is complete. Its name contains the process's id, so that several processes may work on
    the same folder, and so that what a killed process left behind is recognised and removed.

    Raises
    ------
    AudioError
        If something in it cannot be written.
    """
    prefix = f".{final.name[:50]}."  # a name may be as long as the file system allows
    folder = final.with_name(f"{prefix}{os.getpid()}.partial")
    try:
        for left in final.parent.glob(f"{glob.escape(prefix)}*.partial"):
            if not _is_running(left.suffixes[-2]):
                shutil.rmtree(left, ignore_errors=True)
        folder.mkdir(parents=True)
        yield folder
    except OSError as error:
        reason = error.strerror or "no room left on the device"
        raise AudioError(f"cannot write to '{final.parent}' ({reason}): make room or choose another folder") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_running(suffix: str) -> bool:
    """Whether the process whose id is a folder's suffix still runs; unknown counts as running."""
    if os.name != "posix":  # on Windows os.kill ends the process
        return True
    try:
        os.kill(int(suffix[1:]), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError):
        return True
    return int(suffix[1:]) != os.getpid()
