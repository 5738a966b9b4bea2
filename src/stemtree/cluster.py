"""One map over tracks: in processes or threads of this machine, or on the machines of a Ray cluster.

Whoever maps does not know which. Jobs may be done more than once, so each writes its results whole: under a temporary
name that it then renames.
"""

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

from stemtree.errors import OptionError, WorkerError
from stemtree.processes import Processes, map_in_processes

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")

LOCAL = "local"
"""The address of a cluster of this machine alone, which is started and ended with the command."""

Place = Literal["processes", "threads", "here"]
"""Where jobs are done without a cluster; ``here`` is one after the other in this process."""

_TIMEOUT = 10.0
"""Seconds to wait for a cluster's answer."""

_addresses: list[str] = []
"""Of the cluster where all threads' jobs are done; empty without one."""


@contextmanager
def on_cluster(address: str | None) -> Iterator[None]:
    """Let what is mapped in this context be done on a cluster; it is asked when the first job is there.

    Parameters
    ----------
    address : str or None
        ``host:port`` of the cluster's head, ``auto`` for the one that this machine belongs to, or `LOCAL`. None
        changes nothing.

    Raises
    ------
    OptionError
        If this is no address.
    """
    if address is None:
        yield
        return
    _host_and_port(address)
    _addresses.append(address)
    try:
        yield
    finally:
        _addresses.pop()
        if not _addresses:
            from stemtree.ray_cluster import disconnect

            disconnect()


def is_on_cluster() -> bool:
    """Whether jobs are done on a cluster; then they do not share this process's memory."""
    return bool(_addresses)


def map_tracks(
    work: Callable[[Job], Outcome],
    jobs: Iterable[Job],
    workers: int | None = None,
    *,
    place: Place = "processes",
    name_of: Callable[[Job], str] = str,
    gpus: float = 0,
    initializer: Callable[..., object] | None = None,
    initargs: tuple[Any, ...] = (),
    spawn_single: bool = False,
) -> Iterator[tuple[Job, Outcome]]:
    """Do every job, and yield jobs with their outcomes in the order of the jobs.

    Parameters
    ----------
    work : callable
        A function of a module, so that it can be pickled. Doing a job again must not do harm.
    jobs : iterable
        Its arguments, one for each call.
    workers : int, optional
        How many at once; by default one per core of this machine, or of the cluster.
    place : {"processes", "threads", "here"}
        Where they are done without a cluster.
    name_of : callable, optional
        The name of a job, for messages.
    gpus : float
        How many GPUs a job needs on a cluster.
    initializer, initargs : callable and tuple, optional
        Called first in every worker process, where `place` is ``processes`` or on a cluster.
    spawn_single : bool
        Start a process even where one worker is enough; otherwise such jobs are done in this process, without
        `initializer`.

    Raises
    ------
    WorkerError
        If a worker process was killed: here at once; on a cluster after three more attempts, when all other jobs are
        done. If a cluster cannot be reached, or has another version of this package.
    """
    if _addresses:
        from stemtree.ray_cluster import Setup, map_on_ray

        setup = Setup(work, initializer, initargs)
        yield from map_on_ray(setup, jobs, reachable(_addresses[-1]), workers, name_of=name_of, gpus=gpus)
    elif place == "processes":
        listed = list(jobs)
        outcomes = map_in_processes(
            work, listed, workers, initializer=initializer, initargs=initargs, spawn_single=spawn_single
        )
        yield from zip(listed, outcomes, strict=True)
    elif place == "threads":
        yield from _in_threads(work, jobs, workers)
    else:
        for job in jobs:
            yield job, work(job)


def in_own_process(work: Callable[[Job], Outcome], job: Job) -> Outcome:
    """Do one job in a process that does nothing else and ends with it, here or on the cluster.

    Raises
    ------
    WorkerError
        As in `map_tracks`.
    """
    if _addresses:
        from stemtree.ray_cluster import do_alone

        return do_alone(work, job, reachable(_addresses[-1]))
    try:
        with Processes(1) as process:
            return process.submit(work, job).result()
    except BrokenProcessPool:
        raise WorkerError("the system ended a worker process, probably for want of memory: run again") from None


def reachable(address: str) -> str:
    """The address, once something answers there.

    Raises
    ------
    WorkerError
        If nothing does.
    """
    if place := _host_and_port(address):
        try:
            socket.create_connection(place, _TIMEOUT).close()
        except OSError as error:
            reason = error.strerror or "no answer"
            raise WorkerError(
                f"the cluster at '{address}' cannot be reached ({reason}): check the address, and that ray runs there"
            ) from None
    return address


def _host_and_port(address: str) -> tuple[str, int] | None:
    if address in (LOCAL, "auto"):
        return None
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise OptionError(f"'{address}' is no address of a cluster: give HOST:PORT, such as 10.0.0.1:6379, or local")
    return host.strip("[]"), int(port)


def _in_threads(
    work: Callable[[Job], Outcome], jobs: Iterable[Job], workers: int | None
) -> Iterator[tuple[Job, Outcome]]:
    pool = ThreadPoolExecutor(workers or os.cpu_count() or 1)
    try:
        futures = [(job, pool.submit(work, job)) for job in jobs]
        for job, future in futures:
            yield job, future.result()
    finally:
        pool.shutdown(cancel_futures=True)
