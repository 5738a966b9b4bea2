"""Mapping a function over jobs in worker processes that leave Ctrl-C to their parent and do not outlive it."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import Any, ParamSpec, TypeVar

from stemtree.errors import WorkerError

Given = ParamSpec("Given")
Job = TypeVar("Job")
Outcome = TypeVar("Outcome")


def map_in_processes(
    work: Callable[[Job], Outcome],
    jobs: Sequence[Job],
    workers: int | None = None,
    *,
    initializer: Callable[..., object] | None = None,
    initargs: tuple[Any, ...] = (),
    spawn_single: bool = False,
) -> Iterator[Outcome]:
    """Do every job and yield the outcomes in the order of the jobs.

    Parameters
    ----------
    work : callable
        A function of a module, so that it can be pickled.
    jobs : sequence
        Its arguments, one for each call.
    workers : int, optional
        How many processes; by default one per core.
    initializer : callable, optional
        Called first in every worker process, with `initargs`.
    initargs : tuple
        Arguments of `initializer`.
    spawn_single : bool
        Start a process even where one worker is enough; otherwise such jobs are done in this process, without
        `initializer`.

    Yields
    ------
    Outcome
        What `work` returned.

    Raises
    ------
    WorkerError
        If the system killed a worker process.
    """
    count = min(workers or os.cpu_count() or 1, len(jobs))
    if count < 2 and not spawn_single:
        yield from map(work, jobs)
        return
    if not jobs:
        return
    pool = Processes(count, initializer, initargs)
    try:
        yield from pool.map(work, jobs)
    except BrokenProcessPool:
        raise WorkerError(
            "the system ended a worker process, probably for want of memory: give fewer workers and run again, "
            "finished songs are kept"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


class Processes(ProcessPoolExecutor):
    """Processes started afresh: forked ones would share torch's threads, which do not survive it.

    A terminal sends Ctrl-C to all of them at once. In their work they stop at it, with the clearing up that belongs to
    it; before and after it they do not hear it, instead of each printing where it was. They end with the process that
    started them, however that ends: by themselves they would wait for work that nobody sends.

    Parameters
    ----------
    workers : int
        How many.
    initializer : callable, optional
        Called first in each.
    initargs : tuple
        What it is given.
    """

    def __init__(self, workers: int, initializer: Callable[..., object] | None = None, initargs: tuple[Any, ...] = ()):
        super().__init__(workers, get_context("spawn"), _start, (initializer, initargs))

    def submit(self, work: Callable[Given, Outcome], /, *args: Given.args, **options: Given.kwargs) -> Future[Outcome]:
        """See `concurrent.futures.Executor.submit`, which starts a process where none is idle."""
        with _interrupts(blocked=True):  # which processes inherit
            return super().submit(_interruptible, work, args, options)


def _start(initializer: Callable[..., object] | None, initargs: tuple[Any, ...]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if initializer is not None:
        initializer(*initargs)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


_stopped: list[bool] = []  # of a worker process: once it was interrupted, it begins nothing that was queued


def _interruptible(work: Callable[..., Outcome], args: tuple[Any, ...], options: dict[str, Any]) -> Outcome:
    if _stopped:
        raise KeyboardInterrupt
    try:
        with _interrupts(blocked=False):
            return work(*args, **options)
    except KeyboardInterrupt:
        _stopped.append(True)
        raise


@contextmanager
def _interrupts(blocked: bool) -> Iterator[None]:
    """Block Ctrl-C's signal or let it through; one that comes while it is blocked waits."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK if blocked else signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
