"""The folder of one run of an experiment: how far it is, and what it has cost."""

import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from stemtree.errors import EvaluationError
from stemtree.experiments.rows import read_json
from stemtree.model_files import has_model
from stemtree.staging import lock_folder, whole_file

try:
    import resource
except ImportError:  # Windows, where the time of processes that read examples is not counted
    resource = None  # type: ignore[assignment]

_EVERY = 5.0
"""Seconds between two entries of the ledger: what a run that is killed may lose."""


class State(StrEnum):
    """How far a run is."""

    MISSING = "missing"
    """Its songs are not there."""

    PENDING = "pending"
    """Not begun, or stopped before the end of its training: the next call goes on from its checkpoint."""

    RUNNING = "running"
    """A process works on it."""

    TRAINED = "trained"
    """Its model is there; the measurement is not, or not whole."""

    EVALUATED = "evaluated"
    """Its rows are there, of all test sets."""

    FAILED = "failed"
    """It ended with an error, which ``failure.txt`` says."""


@dataclass(frozen=True, slots=True)
class ExperimentRun:
    """The folder of one run.

    Parameters
    ----------
    path : pathlib.Path
        Named by the run's key; it need not exist yet.
    """

    path: Path

    @property
    def model(self) -> Path:
        """Folder of the training."""
        return self.path / "model"

    @property
    def rows(self) -> Path:
        """The rows of all test sets, with what the run is as metadata."""
        return self.path / "rows.parquet"

    @property
    def failure(self) -> str:
        """What it failed with; empty if it has not."""
        try:
            return self._failure.read_text("utf-8", "backslashreplace").strip()
        except OSError:
            return ""

    @property
    def cpu_seconds(self) -> float:
        """What all attempts at it have taken, those that were killed included."""
        return sum(self._ledger().values())

    def state(self) -> State:
        """How far it is, unless it is evaluated; one that another process works on is `State.RUNNING`."""
        if self.path.exists() and self._is_locked():
            return State.RUNNING
        if self._failure.exists():
            return State.FAILED
        return State.TRAINED if has_model(self.model) else State.PENDING

    def describe(self, description: dict[str, Any]) -> None:
        """Write what the run is, for people; a failure of before is forgotten."""
        self._failure.unlink(missing_ok=True)
        with whole_file(self.path / "run.json") as partial:
            partial.write_text(json.dumps(description, indent=1) + "\n", "utf-8")

    def description(self) -> dict[str, Any]:
        """Read what `describe` wrote; empty if there is none."""
        with suppress(EvaluationError):
            return read_json(self.path / "run.json", dict[str, Any]) or {}
        return {}

    def fail(self, failure: str) -> None:
        """Write down what it failed with."""
        with whole_file(self._failure) as partial:
            partial.write_text(failure + "\n", "utf-8")

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Hold the folder, so that no other process works on it; yields False if another one does."""
        self.path.mkdir(parents=True, exist_ok=True)
        for patience in (0.1, 0.3, None):  # whoever only looks at the state holds it for a moment
            try:
                lock = lock_folder(self.path)
                break
            except BlockingIOError:
                if patience is None:
                    yield False
                    return
                time.sleep(patience)
        try:
            yield True
        finally:
            if lock is not None:
                os.close(lock)

    @contextmanager
    def counted(self, since: float) -> Iterator[None]:
        """Enter the CPU seconds of this process into the ledger, again and again until the block ends.

        Parameters
        ----------
        since : float
            CPU seconds of the process that are not the run's.
        """
        attempt, ended = uuid.uuid4().hex[:8], threading.Event()

        def enter() -> None:
            with suppress(OSError), whole_file(self.path / "ledger.json") as partial:
                partial.write_text(json.dumps(self._ledger() | {attempt: round(cpu_seconds() - since, 1)}), "utf-8")

        def watch() -> None:
            while not ended.wait(_EVERY):
                enter()

        enter()
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
            enter()

    @property
    def _failure(self) -> Path:
        return self.path / "failure.txt"

    def _ledger(self) -> dict[str, float]:
        with suppress(EvaluationError):
            return read_json(self.path / "ledger.json", dict[str, float]) or {}
        return {}

    def _is_locked(self) -> bool:
        try:
            lock = lock_folder(self.path)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        if lock is not None:
            os.close(lock)
        return False


def cpu_seconds() -> float:
    """CPU seconds of this process and of those that it started and that have ended."""
    if resource is None:
        return time.process_time()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
