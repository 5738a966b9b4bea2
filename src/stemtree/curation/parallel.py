"""The same work for many songs, in processes of their own."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from stemtree.errors import CorpusError
from stemtree.processes import Processes

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")


def in_processes(work: Callable[[Job], Outcome], jobs: Sequence[Job], workers: int | None = None) -> Iterator[Outcome]:
    """Do every job and yield what comes of it, in their order.

    Parameters
    ----------
    work : callable
        A function of a module.
    jobs : sequence
        What it is given.
    workers : int, optional
        Processes, by default one for each core; with one, the work is done here.

    Raises
    ------
    CorpusError
        If the system ended one of the processes.
    """
    count = min(workers or os.cpu_count() or 1, len(jobs))
    if count < 2:
        yield from map(work, jobs)
        return
    try:
        with Processes(count) as pool:
            yield from pool.map(work, jobs)
    except BrokenProcessPool:
        raise CorpusError(
            "the system ended a process, probably for want of memory: give fewer --workers, and run again to go on"
        ) from None
