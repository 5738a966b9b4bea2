"""Doing jobs on the machines of a Ray cluster; `stemtree.cluster` decides when."""

import os
import sys
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from stemtree.errors import WorkerError, counted
from stemtree.extras import library
from stemtree.version import __version__

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")

RETRIES = 3
"""How often a job is done again whose worker died."""

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is told to others
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",  # of workers that are started here: as other processes
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # what it says of dead workers, on standard output: all is skipped
}
"""Ray's, for the environment before it is imported."""

_connecting = threading.Lock()

_WAITING = 4
"""Jobs that wait at a worker, so that none waits for the next one."""


@dataclass(frozen=True)
class Setup:
    """What the workers of one map need besides the jobs."""

    work: Callable[[Any], Any]
    initializer: Callable[..., object] | None = None
    initargs: tuple[Any, ...] = ()
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    version: str = __version__
    folder: str = field(default_factory=os.getcwd)


def connect(address: str, workers: int | None = None) -> Any:
    """Connect with a cluster, or start one on this machine; once connected it stays so until `disconnect`.

    Returns
    -------
    module
        Ray.

    Raises
    ------
    WorkerError
        If it does not answer.
    LibraryError
        If Ray is not installed.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    ray = library("ray", "cluster", "--cluster needs")
    quiet = {"logging_level": "critical", "log_to_driver": False}
    with _connecting:
        if not ray.is_initialized():
            _init(ray, address, workers, quiet)
    return ray


def _init(ray: Any, address: str, workers: int | None, options: dict[str, Any]) -> None:
    try:
        if address == "local":
            ray.init("local", num_cpus=workers or os.cpu_count(), include_dashboard=False, **options)
        else:
            ray.init(address, **options)
    except Exception as error:  # of many kinds; most are a ConnectionError or a RuntimeError
        reason = " ".join(str(error).split()).partition(". ")[0].rstrip(".:")
        raise WorkerError(
            f"the cluster at '{address}' cannot be reached ({reason}): check the address, and that ray runs there"
        ) from None


def disconnect() -> None:
    """Leave the cluster; one that was started here ends."""
    if (ray := sys.modules.get("ray")) and ray.is_initialized():
        ray.shutdown()


def map_on_ray(
    setup: Setup,
    jobs: Iterable[Job],
    address: str,
    workers: int | None = None,
    *,
    name_of: Callable[[Job], str] = str,
    gpus: float = 0,
) -> Iterator[tuple[Job, Any]]:
    """See `stemtree.cluster.map_tracks`.

    Raises
    ------
    WorkerError
        If workers lack this package or have another version of it; and at the end, if workers died with a job.
    """
    listed = list(jobs)
    if not listed:
        return
    ray = connect(address, workers)
    common, remote = ray.put(setup), ray.remote(num_cpus=1, num_gpus=gpus, max_retries=RETRIES)(_do)
    waiting: dict[Any, int] = {}
    outcomes: dict[int, Any] = {}
    lost: list[str] = []
    begun = at = 0
    try:
        while at < len(listed):
            limit = workers or _WAITING * max(1, int(ray.cluster_resources().get("CPU", 1)))
            while begun < len(listed) and len(waiting) < limit:
                waiting[remote.remote(common, listed[begun])] = begun
                begun += 1
            done, _ = ray.wait(list(waiting), num_returns=1) if waiting else ([], [])
            for reference in done:
                number = waiting.pop(reference)
                try:
                    outcomes[number] = _result(ray, reference)
                except _LostError:
                    lost.append(name_of(listed[number]))
                    outcomes[number] = _LostError
            while at in outcomes:
                if (outcome := outcomes.pop(at)) is not _LostError:
                    yield listed[at], outcome
                at += 1
    finally:
        for reference in waiting:
            ray.cancel(reference)  # interrupts it, so that it takes its unfinished files away
    if lost:
        raise WorkerError(
            f"workers died with {counted(len(lost), 'job')} {RETRIES + 1} times each: {', '.join(lost)}; give workers "
            "more memory, or leave these out; all others are done"
        )


def do_alone(work: Callable[[Job], Outcome], job: Job, address: str) -> Outcome:
    """See `stemtree.cluster.in_own_process`."""
    ray = connect(address)
    remote = ray.remote(num_cpus=1, max_retries=RETRIES, max_calls=1)(_do)
    try:
        outcome: Outcome = _result(ray, remote.remote(Setup(work), job))
    except _LostError:
        raise WorkerError(
            f"workers died with the job {RETRIES + 1} times: give them more memory, and run again"
        ) from None
    return outcome


class _LostError(Exception):
    """Workers died with a job as often as it may be tried."""


def _result(ray: Any, reference: Any) -> Any:
    errors = ray.exceptions
    try:
        return ray.get(reference)
    except errors.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, ModuleNotFoundError) or (cause is None and "ModuleNotFoundError" in str(error)):
            raise WorkerError(
                f"workers of the cluster lack stemtree or what it needs ({cause or 'a module is missing'}): install "
                f"stemtree {__version__} with the same extras there"
            ) from None
        raise (cause if isinstance(cause, Exception) else WorkerError(_last_line(error))) from None
    except errors.RuntimeEnvSetupError as error:
        raise WorkerError(f"workers of the cluster cannot be set up: {_last_line(error)}") from None
    except (errors.WorkerCrashedError, errors.OutOfMemoryError, errors.NodeDiedError, errors.ObjectLostError):
        raise _LostError from None
    except errors.RayError as error:
        raise WorkerError(f"the cluster failed ({_last_line(error)}): run again, finished songs are kept") from None


def _last_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__


_ready: list[str] = []
"""In a worker: the key of the map whose initializer was called."""


def _do(setup: Setup, job: Any) -> Any:
    """Do a job in a worker."""
    if setup.version != __version__:
        raise WorkerError(
            f"workers of the cluster have stemtree {__version__}, and this machine {setup.version}: install the same"
        )
    if not Path(setup.folder).is_dir():
        raise WorkerError(f"a machine of the cluster has no '{setup.folder}': run from a folder that all of them share")
    os.chdir(setup.folder)  # as names of files may be relative
    if setup.key not in _ready:
        _ready[:] = [setup.key]
        try:
            if setup.initializer is not None:
                setup.initializer(*setup.initargs)
        except BaseException:
            _ready.clear()
            raise
    return setup.work(job)
