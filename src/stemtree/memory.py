"""Keep memory that was freed for the next allocation."""

import ctypes
import os
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_KEPT_UP_TO = 64 << 20


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
