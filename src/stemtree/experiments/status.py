"""How far a suite is, what it has taken, and about what is left."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from stemtree.experiments.plan import Run
from stemtree.experiments.rows import read_run
from stemtree.experiments.run_folder import State
from stemtree.experiments.suite import Suite

ALL = "all, each run once"


@dataclass(frozen=True, slots=True)
class Line:
    """How far one experiment is.

    Parameters
    ----------
    name : str
        The experiment's, or `ALL`.
    states : Counter
        How many runs are in each state; runs that several experiments share count for each.
    hours : float
        CPU hours that its runs have taken.
    hours_left : float or None
        About what is left, as runs of the same kind have taken; None if none of a kind is finished.
    """

    name: str
    states: Counter[State]
    hours: float
    hours_left: float | None


def summarise(suite: Suite) -> list[Line]:
    """One line for each experiment, and one for all."""
    states = {run: suite.state(run) for run in suite.runs}
    taken = {run: _seconds(suite, run) for run in suite.runs}
    finished: dict[str, list[float]] = {}
    for run in suite.runs:
        if states[run] == State.EVALUATED:
            finished.setdefault(_kind(run), []).append(taken[run])
    names = dict.fromkeys(use.experiment for run in suite.runs for use in run.uses)
    lines = []
    for name in (*names, ALL):
        runs = [run for run in suite.runs if name == ALL or any(use.experiment == name for use in run.uses)]
        left = [run for run in runs if states[run] != State.EVALUATED]
        hours = sum(taken[run] for run in runs) / 3600
        lines.append(Line(name, Counter(states[run] for run in runs), hours, _hours_left(left, taken, finished)))
    return lines


def _hours_left(left: Sequence[Run], taken: dict[Run, float], finished: dict[str, list[float]]) -> float | None:
    known = [run for run in left if _kind(run) in finished]
    if len(known) < len(left):
        return None
    means = {kind: sum(seconds) / len(seconds) for kind, seconds in finished.items()}
    return sum(max(0.0, means[_kind(run)] - taken[run]) for run in left) / 3600


def _seconds(suite: Suite, run: Run) -> float:
    folder = suite.folder_of(run)
    if folder.path.exists():
        return folder.cpu_seconds
    rows = suite.rows_of(run)
    return read_run(rows)[0].cpu_seconds if rows else 0.0


def _kind(run: Run) -> str:
    """Runs of one kind take about as long."""
    settings = run.settings
    length = [settings.epoch, settings.trainer_settings["max_epochs"], settings.chunking.duration]
    return str([run.estimator, settings.hierarchy, settings.targets, settings.network.model_dump(), *length])
