"""What the runs of an experiment reached: rows found, brought to the same chunks, averaged by song."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from stemtree.experiments.alignment import OnTest, Tables, on_chunks_with_all_levels, on_chunks_without_the_highest
from stemtree.experiments.plan import TRAINED, Run
from stemtree.experiments.rows import Description, read_descriptions, read_not_run, read_run
from stemtree.experiments.statistics import Arm

Described = tuple[Path, Description]
"""A file of rows and what it says of its run."""

Candidates = Mapping[str, Sequence[Described]]
"""By identity the files of runs that an experiment could use."""


@dataclass(frozen=True, slots=True)
class Finished:
    """One run whose rows are there."""

    arm: str
    seed: int
    description: Description
    rows: pl.DataFrame


@dataclass(frozen=True)
class Results:
    """The finished runs of an experiment.

    Parameters
    ----------
    finished : list of Finished
        In the order of arms and seeds.
    missing : dict
        For each arm how many of its runs are not there.
    left_out : int
        How many runs were not used, or not on all test sets, since they are of other songs than most.
    tests : list of OnTest
        For each test set that has rows. Without the highest level where no chunk has all.
    lower : dict of str to OnTest
        By test set: its levels without the highest, where many more chunks have these.
    over_tests : list of OnTest
        Trained arms on several test sets, see `at`, all on the same chunks: over all levels, then as in `lower`.
    not_run : dict of str to str
        Arms that could not be run where the rows were collected, and why.
    """

    finished: list[Finished]
    missing: dict[str, int]
    left_out: int
    tests: list[OnTest]
    lower: dict[str, OnTest] = field(default_factory=dict)
    over_tests: list[OnTest] = field(default_factory=list)
    not_run: dict[str, str] = field(default_factory=dict)

    @property
    def main(self) -> list[OnTest]:
        """The first test set, on which claims are judged: over all levels, then as in `lower`."""
        return [found for test in self.tests[:1] for found in (test, self.lower.get(test.test)) if found]

    @property
    def trained(self) -> dict[str, list[Finished]]:
        """The trained runs of each arm."""
        arms: dict[str, list[Finished]] = {}
        for run in self.finished:
            if run.description.estimator == TRAINED:
                arms.setdefault(run.arm, []).append(run)
        return arms


def read_results(
    name: str, runs: Sequence[Run], folder: Path, codes: Sequence[str] = (), together: Sequence[str] = ()
) -> Results:
    """Read the rows of an experiment's runs.

    Parameters
    ----------
    name : str
        Of the experiment.
    runs : sequence of Run
        What it needs, see `stemtree.experiments.plan.plan_runs`.
    folder : pathlib.Path
        Of the rows.
    codes : sequence of str
        The versions of the code that count; of none, all.
    together : sequence of str
        Test sets that are compared with each other.
    """
    wanted = {(use.arm, use.seed): run for run in runs for use in run.uses if use.experiment == name}
    found: dict[str, list[Described]] = {}
    for file, description in read_descriptions(folder):
        if not codes or description.code in codes:
            found.setdefault(description.identity, []).append((file, description))
    needed = {run.identity: run for run in wanted.values()}
    candidates = {identity: found.get(identity, []) for identity in needed}
    lists = _common_lists(needed.values(), candidates)
    finished, used = _finished(wanted, candidates, _common_songs(needed, candidates), lists)
    left_out = sum(file not in used for entries in candidates.values() for file, _ in entries)
    not_run, missing = _lacking(wanted, finished, read_not_run(folder))
    results = Results(finished, missing, left_out, [], not_run=not_run)
    _add_tests(results, lists, together)
    return results


def _common_songs(needed: Mapping[str, Run], candidates: Candidates) -> dict[str, str]:
    """For each identity the fingerprint of songs that most runs with its estimator and corpora have."""
    places = {identity: _trained_on(run) for identity, run in needed.items()}
    of_place: dict[tuple[str, ...], list[str]] = {}
    for identity, entries in candidates.items():
        of_place.setdefault(places[identity], []).extend(described.corpora for _, described in entries)
    return {identity: _most(of_place[place]) for identity, place in places.items()}


def _common_lists(needed: Iterable[Run], candidates: Candidates) -> dict[str, str]:
    """For each test set, in the order in which runs name them, the list of chunks that most runs were measured on."""
    lists: dict[str, list[str]] = {test: [] for run in needed for test in run.test_names}
    measured = [described.chunks for entries in candidates.values() for _, described in entries]
    for test in sorted({test for chunks in measured for test in chunks}):
        lists.setdefault(test, []).extend(chunks[test] for chunks in measured if test in chunks)
    return {test: _most(chunks) for test, chunks in lists.items() if chunks}


def _finished(
    wanted: Mapping[tuple[str, int], Run],
    candidates: Candidates,
    songs: Mapping[str, str],
    lists: Mapping[str, str],
) -> tuple[list[Finished], set[Path]]:
    """The rows of each run that learned from the common songs, of the common chunks alone; files of which all count."""
    finished, used = [], set()
    for (arm, seed), run in wanted.items():
        fitting = (entry for entry in candidates[run.identity] if entry[1].corpora == songs[run.identity])
        if entry := next(fitting, None):
            file, described = entry
            same = [test for test, chunks in described.chunks.items() if lists[test] == chunks]
            rows = read_run(file)[1].filter(pl.col("test").is_in(same))
            finished.append(Finished(arm, seed, described, rows))
            if len(same) == len(described.chunks):
                used.add(file)
    return finished, used


def _lacking(
    wanted: Mapping[tuple[str, int], Run], finished: Sequence[Finished], reasons: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, int]]:
    """Why arms were not run at all, and how many runs of the others are missing."""
    there = Counter(done.arm for done in finished)
    not_run = {arm: reasons[run.identity] for (arm, _), run in wanted.items() if run.identity in reasons}
    not_run = {arm: reason for arm, reason in not_run.items() if not there[arm]}
    expected = Counter(arm for arm, _ in wanted if arm not in not_run)
    return not_run, {arm: count - there[arm] for arm, count in expected.items() if count > there[arm]}


def _add_tests(results: Results, tests: Iterable[str], together: Sequence[str]) -> None:
    """Add what the runs have on each test set, and the trained ones on those that are compared."""
    for test in tests:
        tables = [(run.arm, run.rows.filter(test=test)) for run in results.finished]
        whole, lower = _with_and_without_the_highest(test, tables)
        if whole and lower:
            results.lower[test] = lower
        results.tests.extend(found for found in (whole or lower,) if found)
    trained = [run for run in results.finished if run.description.estimator == TRAINED]
    of_tests = [(at(run.arm, test), run.rows.filter(test=test)) for test in together for run in trained]
    results.over_tests.extend(
        found for found in _with_and_without_the_highest(", ".join(together), of_tests) if found is not None
    )


def at(arm: str, test: str) -> str:
    """The name of an arm on a test set in `Results.over_tests`."""
    return f"{arm}, {test}"


def widest(found: Sequence[OnTest]) -> dict[str, dict[str, Arm]]:
    """For each arm and level its values over the most chunks that have that level: those of the last that has it."""
    arms: dict[str, dict[str, Arm]] = {}
    for measured in found:
        for arm, levels in measured.arms.items():
            arms.setdefault(arm, {}).update(levels)
    return arms


def _with_and_without_the_highest(test: str, tables: Tables) -> tuple[OnTest | None, OnTest | None]:
    whole = on_chunks_with_all_levels(test, tables)
    return whole, on_chunks_without_the_highest(test, tables, whole)


def _trained_on(run: Run) -> tuple[str, ...]:
    """The estimator if it is not trained, and the corpora whose content must be the same for all runs on them."""
    names = (source.root.name for source in (*run.settings.train, *run.settings.validation))
    return (run.estimator, *names) if run.estimator == TRAINED else (run.estimator,)


def _most(values: Sequence[str]) -> str:
    """The most frequent; of several the first in the alphabet."""
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], value)) if counts else ""


def headroom(level: Mapping[str, float], arm: str, floor: str, ceiling: str) -> float | None:
    """How much of what lies between two baselines an arm reaches; None where one of the three is missing."""
    if not {arm, floor, ceiling} <= level.keys() or level[ceiling] == level[floor]:
        return None
    return (level[arm] - level[floor]) / (level[ceiling] - level[floor])
