"""Mapping a function over jobs in worker processes that leave Ctrl-C to their parent and do not outlive it."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing import active_children, get_context, parent_process
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
    pool = Processes(count, initializer, initargs, clear_when_terminated=True)
    try:
        yield from pool.map(work, jobs)
    except KeyboardInterrupt:
        pool.interrupt()
        raise
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
    clear_when_terminated : bool
        Let a worker that is busy clean up when the system asks it to end (SIGTERM), as it does at Ctrl-C. Not for jobs
        that have an answer of their own, as Lightning's trainer.
    """

    def __init__(
        self,
        workers: int,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        clear_when_terminated: bool = False,
    ):
        super().__init__(workers, get_context("spawn"), _start, (initializer, initargs, clear_when_terminated))

    def submit(
        self, work: Callable[Arguments, Outcome], /, *args: Arguments.args, **options: Arguments.kwargs
    ) -> Future[Outcome]:
        """See `concurrent.futures.Executor.submit`; it starts a process if none is idle."""
        with _interrupts(blocked=True):  # a new process inherits this
            return super().submit(_interruptible, work, args, options)

    def interrupt(self) -> None:
        """Stop what is being done, where Ctrl-C or the system's wish to end (SIGTERM) reached this process alone."""
        if hasattr(signal, "pthread_sigmask"):  # not Windows
            for worker in active_children():
                with suppress(ProcessLookupError):
                    os.kill(worker.pid or 0, signal.SIGINT)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See `concurrent.futures.Executor.shutdown`.

        A second Ctrl-C waits until it is done: threads that are joined count as ended where that is interrupted, so
        that Python would then take the workers' queue away before they are told to end.
        """
        with _interrupts(blocked=True, terminations=True):
            super().shutdown(wait, cancel_futures=cancel_futures)


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


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Answer the system's wish to end (SIGTERM) as Ctrl-C, once; `was_terminated` tells it from that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before, process = signal.getsignal(signal.SIGTERM), os.getpid()

    def interrupt(number: int, frame: object) -> None:
        if os.getpid() != process:  # a fork
            _end_by_signal(number)
        if not _terminated:
            _terminated.append(True)
            raise KeyboardInterrupt

    _terminated.clear()
    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


_terminated: list[bool] = []  # not empty after SIGTERM


def was_terminated() -> bool:
    """Whether the last KeyboardInterrupt was the system's wish to end."""
    return bool(_terminated)


def _end_by_signal(number: int) -> None:
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _start(
    initializer: Callable[..., object] | None, initargs: tuple[Any, ...], clear_when_terminated: bool = False
) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, _interrupt_once)
    _clears_when_terminated[:] = [True] * clear_when_terminated
    if initializer is not None:
        initializer(*initargs)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


_stopped: list[int] = []  # in a worker: signals; after the first, queued jobs must not begin
_clears_when_terminated: list[bool] = []  # in a worker: not empty if SIGTERM lets it clean up


def _interrupt_once(number: int, frame: object) -> None:
    """Interrupt what a worker does; a second signal does not interrupt its cleaning up."""
    _stopped.append(number)
    if len(_stopped) == 1:
        raise KeyboardInterrupt


def _interruptible(work: Callable[..., Outcome], args: tuple[Any, ...], options: dict[str, Any]) -> Outcome:
    if _stopped:
        raise KeyboardInterrupt
    if _clears_when_terminated:
        signal.signal(signal.SIGTERM, _interrupt_once)
    try:
        with _interrupts(blocked=False):
            return work(*args, **options)
    except KeyboardInterrupt:
        if signal.SIGTERM in _stopped:
            _end_by_signal(signal.SIGTERM)
        _stopped.append(signal.SIGINT)
        raise
    finally:
        if _clears_when_terminated:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def _interrupts(blocked: bool, terminations: bool = False) -> Iterator[None]:
    """Block the signal of Ctrl-C, and SIGTERM, or unblock it; one that arrives meanwhile is delivered later."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    signals = {signal.SIGINT, signal.SIGTERM} if terminations else {signal.SIGINT}
    before = signal.pthread_sigmask(signal.SIG_BLOCK if blocked else signal.SIG_UNBLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
