"""Doing the runs of a suite: each in a process of its own, until all are done, stopped, or the budget is spent."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stemtree.cluster import in_own_process
from stemtree.errors import StemtreeError, WorkerError
from stemtree.experiments.execute import Job, Outcome, execute
from stemtree.experiments.identity import code_identity
from stemtree.experiments.plan import TRAINED, Run, Songs
from stemtree.experiments.run_folder import ExperimentRun, State
from stemtree.experiments.suite import Suite
from stemtree.hierarchy import load as load_hierarchy

_LOOK = 2.0
"""Seconds between two looks at the ledgers."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a call may take.

    Parameters
    ----------
    jobs : int
        How many runs at once, each one thread of one process; 0 does one after the other in this process.
    cpu_hours : float, optional
        Once the runs of this call have taken so much, no training begins, and what trains stops at its next checkpoint.
        What needs no training, or has had it, may still be measured: that costs next to nothing.
    retry : bool
        Also do runs that have failed before.
    """

    jobs: int = 1
    cpu_hours: float | None = None
    retry: bool = False


def run_suite(
    suite: Suite, songs: Songs, limits: Limits, report: Callable[[str], None] = lambda sentence: None
) -> Counter[Outcome]:
    """Do what is left of a suite, and count how the attempts ended.

    Any number of calls may work on the same folder; none does a run that another one does.

    Parameters
    ----------
    suite : Suite
        Whose code has been chosen, see `Suite.choose_code`.
    songs : Songs
        Loads the corpora, whose salience is measured before the first run.
    limits : Limits
        What the call may take.
    report : callable
        Called with a sentence when a run ends, and on what cannot be done.

    Raises
    ------
    KeyboardInterrupt
        If the user stopped it.
    """
    skipped = {State.EVALUATED, State.MISSING, *(() if limits.retry else (State.FAILED,))}
    left = [run for run in suite.runs if suite.state(run) not in skipped]
    with _stop_file(suite.folder) as stop:
        jobs = _prepare(suite, left, songs, stop, own_process=limits.jobs > 0, report=report)
        progress = _Progress(jobs, limits, stop, report)
        if limits.jobs == 0:
            for job in jobs:
                progress.look()
                progress.ended(job, *_safely(job, execute))
        else:
            _in_processes(jobs, progress, limits.jobs)
    return progress.outcomes + Counter({Outcome.FAILED: len(left) - len(jobs)})  # those that cannot be done


class _Progress:
    """How the attempts of a call ended, and what they took."""

    def __init__(self, jobs: Sequence[Job], limits: Limits, stop: Path, report: Callable[[str], None]) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self._jobs, self._limits, self._stop, self._report = jobs, limits, stop, report
        self._before = {job.folder: ExperimentRun(job.folder).cpu_seconds for job in jobs}

    def look(self) -> None:
        """Ask all runs to stop once the budget is spent."""
        if self._limits.cpu_hours is None or self._stop.exists():
            return
        taken = sum(ExperimentRun(folder).cpu_seconds - before for folder, before in self._before.items())
        if taken >= 3600 * self._limits.cpu_hours:
            self._stop.touch()
            self._report("the budget is spent: runs that train stop at their next checkpoint, no other training begins")

    def ended(self, job: Job, outcome: Outcome, lost: str = "") -> None:
        """Report how an attempt ended, and why it was lost if it was."""
        self.outcomes[outcome] += 1
        if self._stop.exists() and outcome == Outcome.STOPPED:
            return
        folder = ExperimentRun(job.folder)
        place = f"{self.outcomes.total()} of {len(self._jobs)}: {job.run.name}"
        reason = folder.failure.splitlines()[0] if folder.failure else ""
        sentences = {
            Outcome.DONE: f"{place}, {folder.cpu_seconds:.0f} CPU s",
            Outcome.FAILED: f"{place} failed: {reason}",
            Outcome.STOPPED: f"{place} was stopped from outside: run again to go on from its last checkpoint",
            Outcome.LOST: f"{place} was not finished: {lost}",
            Outcome.ELSEWHERE: f"{place} is done by another process",
            Outcome.NOT_INSTALLED: f"{place} is left out: {reason}",
            Outcome.OTHER_CODE: f"{place} was not begun, since the code has changed: run again",
        }
        self._report(sentences[outcome])


def _in_processes(jobs: Sequence[Job], progress: _Progress, count: int) -> None:
    with ThreadPoolExecutor(count) as threads:
        waiting: dict[Future[tuple[Outcome, str]], Job] = {threads.submit(_in_process, job): job for job in jobs}
        try:
            while waiting:
                done, _ = wait(waiting, _LOOK, FIRST_COMPLETED)
                for future in done:
                    progress.ended(waiting.pop(future), *future.result())
                progress.look()
        except BaseException:
            jobs[0].stop.touch()
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _in_process(job: Job) -> tuple[Outcome, str]:
    """Do a run in a process of its own, which ends with it, so that what it takes is known and nothing else fails."""
    if job.stop.exists() and not ExperimentRun(job.folder).path.exists():
        return Outcome.STOPPED, ""
    return _safely(job, lambda job: in_own_process(execute, job))


def _safely(job: Job, attempt: Callable[[Job], Outcome]) -> tuple[Outcome, str]:
    """How an attempt ends, and why its process was lost if it was."""
    try:
        return attempt(job), ""
    except WorkerError as error:
        return Outcome.LOST, str(error)
    except InterruptedError:
        return Outcome.STOPPED, ""
    except OSError as error:
        return _failed(job, f"{error.strerror or error}: check the disk")


def _failed(job: Job, failure: str) -> tuple[Outcome, str]:
    try:
        ExperimentRun(job.folder).fail(failure)
    except OSError:  # such as a full disk, on which not even a failure can be noted
        return Outcome.LOST, f"'{job.folder}' cannot be written to ({failure})"
    return Outcome.FAILED, ""


def _prepare(
    suite: Suite, runs: Sequence[Run], songs: Songs, stop: Path, *, own_process: bool, report: Callable[[str], None]
) -> list[Job]:
    """Measure salience and freeze the lists of chunks, once for all runs."""
    jobs = []
    for run in runs:
        settings, tree = run.settings, load_hierarchy(run.settings.hierarchy)
        try:
            for source in (*settings.train, *settings.validation) if run.estimator == TRAINED else ():
                songs.index(source, settings.hierarchy, settings.chunking)
            chunks = {
                test.name: test.freeze(
                    songs.load(test.corpus, settings.hierarchy),
                    songs.identity(test.corpus, settings.hierarchy),
                    tree,
                    settings,
                    suite.folder / "chunks",
                )
                for test in run.tests
            }
        except StemtreeError as error:
            report(f"{run.name} cannot be done: {error}")
            continue
        jobs.append(Job(run, suite.folder_of(run).path, code_identity(), chunks, stop, own_process))
    return jobs


@contextmanager
def _stop_file(folder: Path) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f".stop-{uuid.uuid4().hex[:8]}"
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)
