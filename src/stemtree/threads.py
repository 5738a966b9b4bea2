"""How many threads compute, and how they wait for each other; decided before torch is imported, which reads it once."""

import os
import statistics
import sys
import time
from enum import StrEnum

_SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""What a user sets to decide how threads wait."""

_SLEEPING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}

_SAMPLES, _INTERVAL = 5, 0.002
"""Running tasks are counted so often, so many seconds apart: some run for a moment only."""


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
