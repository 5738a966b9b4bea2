"""Mapping a function over jobs in worker processes that leave Ctrl-C to their parent and do not outlive it."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from multiprocessing import get_context, parent_process
from typing import Any, ParamSpec, TypeVar

from stemtree.errors import WorkerError

Arguments = ParamSpec("Arguments")
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
    """A pool of spawned processes; forked ones would lack torch's threads, and wait for them forever.

    A terminal sends Ctrl-C to all processes at once. A worker that is busy stops and cleans up; idle workers block the
    signal, instead of each printing a traceback. Workers end with their parent, however it ends, instead of waiting for
    jobs forever.

    Parameters
    ----------
    workers : int
        How many.
    initializer : callable, optional
        Called first in each.
    initargs : tuple
        Arguments of `initializer`.
    """

    def __init__(self, workers: int, initializer: Callable[..., object] | None = None, initargs: tuple[Any, ...] = ()):
        super().__init__(workers, get_context("spawn"), _start, (initializer, initargs))

    def submit(
        self, work: Callable[Arguments, Outcome], /, *args: Arguments.args, **options: Arguments.kwargs
    ) -> Future[Outcome]:
        """See `concurrent.futures.Executor.submit`; it starts a process if none is idle."""
        with _interrupts(blocked=True):  # a new process inherits this
            return super().submit(_interruptible, work, args, options)


@cache
def allow_forks() -> None:
    """Let processes that are forked from this one compute; call it before the first computation.

    A fork does not copy the threads among which torch divides its work; in it, torch would wait for them forever. It
    computes by one thread there.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_use_one_thread)


def _use_one_thread() -> None:
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


def _start(initializer: Callable[..., object] | None, initargs: tuple[Any, ...]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if initializer is not None:
        initializer(*initargs)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


_stopped: list[bool] = []  # in a worker: not empty after an interrupt, when queued jobs must not begin


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
    """Block the signal of Ctrl-C, or unblock it; a signal that arrives while it is blocked is delivered later."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK if blocked else signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
