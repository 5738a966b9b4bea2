"""How many threads compute, and how they wait for each other; decided before torch is imported, which reads it once."""

import heapq
import os
import statistics
import sys
import time
from collections.abc import Sequence
from enum import StrEnum

_SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""What a user sets to decide how threads wait."""

_SLEEPING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}

_SAMPLES, _INTERVAL = 5, 0.002
"""Running tasks are counted so often, so many seconds apart: some run for a moment only."""


_SECOND = 0.089
"""Seconds that one thread takes for a second of music, the whole tree."""

_PARALLEL = 0.56
"""Part of that which threads divide: two take 0.72 of the time of one."""

_START, _SPAWN = 3.0, 1.0
"""Seconds until a process computes, and how much longer one takes that another process starts."""

_SONG_BYTES = 1 << 30
"""Memory that the whole tree of a song takes, start-up included."""

_MANY = 4
"""Fewer songs are separated one after the other: another process takes a gigabyte."""

_GAIN = 0.9
"""Several songs at once must take at most this part of the time."""


class Waiting(StrEnum):
    """How threads wait for the others of their team."""

    SPINNING = "spinning"
    """They stay on their cores for a while: the fastest if nothing else wants these."""

    SLEEPING = "sleeping"
    """They leave their cores to others at once."""

    AS_SET = "as set"
    """As the environment says, or as was decided when torch was imported."""


def available_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_per_song() -> int:
    """How many threads compute one song: ``OMP_NUM_THREADS`` where that is set, else one for each core."""
    number = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(number) if number.isdecimal() and int(number) else available_cores()


def songs_at_once(seconds: Sequence[float], threads: int, memory: int) -> int:
    """How many songs to separate at once, each in a process of its own with its part of the threads.

    On cores that are free, one thread each makes better use of them than all on one song; unless the songs are so short
    that start-up counts, or one is so much longer than the others that a part of the threads computes it in the end.

    Parameters
    ----------
    seconds : sequence of float
        Lengths of the songs, in their order.
    threads : int
        For all songs together.
    memory : int
        Bytes there are.
    """
    most = min(threads, len(seconds) // 2, memory // _SONG_BYTES) if len(seconds) >= _MANY else 1
    times = {jobs: _time(seconds, jobs, threads) for jobs in range(1, most + 1)}
    fastest = min(times, key=times.__getitem__, default=1)
    return fastest if fastest > 1 and times[fastest] <= _GAIN * times[1] else 1


def _time(seconds: Sequence[float], jobs: int, threads: int) -> float:
    """When the last song is done, if each begins as soon as a process is free."""
    each = _SECOND * (1 - _PARALLEL + _PARALLEL / max(1, threads // jobs))
    free = [_START if jobs == 1 else _START + _SPAWN] * jobs
    for length in seconds:
        heapq.heappush(free, heapq.heappop(free) + length * each)
    return max(free)


def choose_waiting() -> Waiting:
    """Let threads sleep while they wait if other programs want their cores; call it before torch is imported.

    OpenMP's threads spin by default, up to some milliseconds each time. Where another program has the core of one
    thread, the others spin until that one gets it back, and take the cores from whoever could have used them. Sleeping
    and waking costs a tenth of the time where the cores are free. What the environment says stays.

    Returns
    -------
    Waiting
        What was decided. Processes that are started from now on have it too.
    """
    if "torch" in sys.modules or any(name in os.environ for name in _SETTINGS):
        return Waiting.AS_SET
    threads = threads_per_song()
    if threads < 2 or threads + other_load() < available_cores() + 0.5:
        return Waiting.SPINNING
    os.environ.update(_SLEEPING)
    return Waiting.SLEEPING


def other_load() -> float:
    """How many cores other programs want now: on Linux tasks that run or could, elsewhere the last minute's load."""
    try:
        return statistics.median(_running_tasks(wait=bool(sample)) for sample in range(_SAMPLES)) - 1  # but this one
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows has none
        return 0.0


def _running_tasks(wait: bool) -> int:
    """The fourth entry of Linux's load: such as 3 of ``0.75 0.35 0.25 3/512 4242``."""
    if wait:
        time.sleep(_INTERVAL)
    with open("/proc/loadavg", encoding="ascii") as file:
        return int(file.read().split()[3].partition("/")[0])
