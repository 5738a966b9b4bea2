"""Keep memory that was freed for the next allocation, and tell when there is none left."""

import ctypes
import errno
import gc
import mmap
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_KEPT_UP_TO = 64 << 20

_TORCH = 600 << 20
"""Bytes of address space that importing torch takes."""

_CONTAINER = "/sys/fs/cgroup"
"""Where a container sees its own limits."""

_OUT_OF_MEMORY = (
    "can't allocate memory",  # torch
    "could not allocate",
    "could not create a primitive",
    "out of memory",
    "not enough memory",
    "bad_alloc",
    "cannot allocate memory",  # the C library, as when a library is loaded
    "failed to map segment",
    "can't start new thread",
)


def keep_freed_memory() -> bool:
    """Keep freed memory in this process instead of returning it to the system, and use large pages.

    By default the C library returns every large block to the system, which clears it page by page before it hands it
    out again. That takes half of the time of training a convolutional network and a tenth of separating a song. The
    price is memory: blocks of up to 64 MB, the size of a batch's masks, stay with the process. Call this before the
    first tensor is made.

    Returns
    -------
    bool
        Whether it worked: on Linux with glibc.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # torch reads it at its first allocation
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _KEPT_UP_TO) and mallopt(_M_TRIM_THRESHOLD, -1))


@contextmanager
def no_collection() -> Iterator[None]:
    """Import torch without searching its objects for garbage again and again, which stay to the end.

    That takes a quarter of the time of the import and of the program's end. Later searches leave out what was there by
    then. Where torch is imported already, nothing changes.
    """
    if "torch" in sys.modules:
        yield
        return
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def available_memory() -> int:
    """Bytes that programs may still take: of the system, and of the container's limit if there is one."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            rows = dict(line.split(":") for line in file)
        available = int(rows["MemAvailable"].split()[0]) << 10
    except (OSError, ValueError, KeyError):
        available = _guess_memory()
    try:
        limit, used = (int(Path(_CONTAINER, name).read_text("ascii")) for name in ("memory.max", "memory.current"))
    except (OSError, ValueError):  # no container, or "max"
        return available
    return max(0, min(available, limit - used + _cached()))


def _cached() -> int:
    """Bytes of the container's memory that hold files read long ago, which it gives up where programs need them."""
    try:
        rows = Path(_CONTAINER, "memory.stat").read_text("ascii").splitlines()
        return next(int(row.split()[1]) for row in rows if row.startswith("inactive_file "))
    except (OSError, ValueError, IndexError, StopIteration):
        return 0


def _guess_memory() -> int:
    """Half of what is installed, or of 8 GiB."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):  # Windows
        return 4 << 30


def check_room_for_torch() -> None:
    """Raise MemoryError unless there is address space for torch, which ends the process when it finds none."""
    try:
        mmap.mmap(-1, _TORCH).close()  # takes no memory: nothing is written to it
    except (OSError, ValueError):
        raise MemoryError from None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the system gave no more memory.

    Python and numpy raise MemoryError. The system's own error has its number; torch, and the loader of libraries, only
    say so in their texts.
    """
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    if not isinstance(error, RuntimeError | ImportError | OSError | SystemError):
        return False
    text = str(error).lower()
    return any(words in text for words in _OUT_OF_MEMORY)
