"""What C libraries write to the process's stderr."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.Lock()
_users, _saved_stderr = 0, -1  # global, because stderr belongs to the whole process


@contextmanager
def silence_stderr() -> Iterator[None]:
    """Discard what C libraries write to the process's stderr, such as the warnings of libmpg123 inside libsndfile.

    Several threads may be inside at once: the first one redirects stderr and the last one restores it. A process
    without stderr (``2>&-``, daemons, ``pythonw``) stays as it is, see `reserve_stderr`.
    """
    global _users, _saved_stderr
    with _LOCK:
        if not _users:
            _saved_stderr = _redirect()
        _users += 1
    try:
        yield
    finally:
        with _LOCK:
            _users -= 1
            if not _users and _saved_stderr >= 0:
                os.dup2(_saved_stderr, 2)
                os.close(_saved_stderr)


def reserve_stderr() -> None:
    """Open the null device as file descriptor 2 if that is closed.

    Otherwise the next file that the process opens would become descriptor 2, and C libraries would write their
    warnings into it.
    """
    try:
        os.fstat(2)
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        if null != 2:
            os.dup2(null, 2)
            os.close(null)


def _redirect() -> int:
    """Redirect stderr to the null device; return a duplicate of it, or -1 where descriptor 2 is not stderr."""
    reserve_stderr()
    if sys.__stderr__ is None:  # closed when Python started: descriptor 2 may be any file by now
        return -1
    saved = os.dup(2)
    with open(os.devnull, "wb") as null:
        os.dup2(null.fileno(), 2)
    return saved


reserve_stderr()
