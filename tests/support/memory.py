"""Memory of the test process."""

import ctypes
import gc
import os
import sys
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _THRESHOLD = -1, -3, 32 << 20  # malloc.h; where glibc's own adaptation ends
_TOLERATED = 100 << 20


class MemoryReturner:
    """Gives freed memory back to the system wherever the process has grown by 100 MB; does nothing without glibc."""

    def __init__(self) -> None:
        self._resident = 0

    def __call__(self) -> None:
        """Return what is free, and undo `stemtree.memory.keep_freed_memory`."""
        if sys.platform != "linux" or _resident() < self._resident + _TOLERATED:
            return
        gc.collect()
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_MMAP_THRESHOLD, _THRESHOLD)
        libc.mallopt(_M_TRIM_THRESHOLD, _THRESHOLD)
        libc.malloc_trim(0)
        self._resident = _resident()


def _resident() -> int:
    """Bytes of the process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
