"""What the runs of an experiment reached: rows found, brought to the same chunks, averaged by song."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from stemtree.evaluation.levels import ALL_LEVELS, CHUNK, same_chunks
from stemtree.evaluation.rows import Status
from stemtree.experiments.plan import TRAINED, Run
from stemtree.experiments.rows import Description, read_descriptions, read_run
from stemtree.experiments.statistics import Arm

METRIC = "si_sdr_improvement"
NODE = ("track", "start", "node")


@dataclass(frozen=True, slots=True)
class Finished:
    """One run whose rows are there."""

    arm: str
    seed: int
    description: Description
    rows: pl.DataFrame


@dataclass(frozen=True)
class OnTest:
    """What arms reached on one test set, all on the same chunks.

    Parameters
    ----------
    test : str
        Its name.
    levels : tuple of str
        ``all levels``, then from the highest to ``level 1``.
    arms : dict
        By arm and level.
    mixture : dict
        Mean SI-SDR of the mixture by level, in dB.
    nodes : dict
        Mean improvement by arm and node, over seeds.
    chunks, songs, undefined : int
        How many chunks and songs these are, and how many chunks more were left out because the metric is NaN in a run.
    """

    test: str
    levels: tuple[str, ...]
    arms: dict[str, dict[str, Arm]]
    mixture: dict[str, float]
    nodes: dict[str, dict[str, float]]
    chunks: int
    songs: int
    undefined: int


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
        How many runs were not used, since they are of other songs than most.
    tests : list of OnTest
        For each test set that has rows.
    """

    finished: list[Finished]
    missing: dict[str, int]
    left_out: int
    tests: list[OnTest]

    @property
    def trained(self) -> dict[str, list[Finished]]:
        """The trained runs of each arm."""
        arms: dict[str, list[Finished]] = {}
        for run in self.finished:
            if run.description.estimator == TRAINED:
                arms.setdefault(run.arm, []).append(run)
        return arms


def read_results(name: str, runs: Sequence[Run], folder: Path, codes: Sequence[str] = ()) -> Results:
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
    """
    wanted = {(use.arm, use.seed): run for run in runs for use in run.uses if use.experiment == name}
    found: dict[str, list[tuple[Path, Description]]] = {}
    for file, description in read_descriptions(folder):
        if not codes or description.code in codes:
            found.setdefault(description.identity, []).append((file, description))
    needed = {run.identity: _trained_on(run) for run in wanted.values()}
    candidates = [entry for identity in needed for entry in found.get(identity, ())]
    songs = {
        place: _most([entry.corpora for _, entry in candidates if needed[entry.identity] == place])
        for place in needed.values()
    }
    lists = {
        test: _most([described.chunks[test] for _, described in candidates if test in described.chunks])
        for test in dict.fromkeys(test for _, described in candidates for test in described.chunks)
    }
    finished, used = [], set()
    for (arm, seed), run in wanted.items():
        for file, described in found.get(run.identity, ()):
            if described.corpora != songs[needed[run.identity]]:
                continue
            rows = read_run(file)[1]
            same = [test for test, chunks in described.chunks.items() if lists[test] == chunks]
            finished.append(Finished(arm, seed, described, rows.filter(pl.col("test").is_in(same))))
            used.add(file)
            break
    there = Counter(done.arm for done in finished)
    missing = {arm: count - there[arm] for arm, count in Counter(arm for arm, _ in wanted).items()}
    tests = [result for test in lists if (result := _on_test(test, finished)) is not None]
    left_out = sum(file not in used for file, _ in candidates)
    return Results(finished, {arm: count for arm, count in missing.items() if count}, left_out, tests)


def _trained_on(run: Run) -> tuple[str, ...]:
    """The estimator if it is not trained, and the corpora whose content must be the same for all runs on them."""
    names = (source.root.name for source in (*run.settings.train, *run.settings.validation))
    return (run.estimator, *names) if run.estimator == TRAINED else (run.estimator,)


def _most(values: Sequence[str]) -> str:
    """The most frequent; of several the first in the alphabet."""
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], value)) if counts else ""


def _on_test(test: str, finished: Sequence[Finished]) -> OnTest | None:
    """Bring runs to the same chunks: those in which every run has a value at every node that it measured."""
    tables = [(run.arm, run.rows.filter(test=test)) for run in finished]
    tables = [(arm, table) for arm, table in tables if len(table)]
    if not tables:
        return None
    with_targets = tables[0][1]["target"].is_not_null().any()
    keys: tuple[str, ...] = CHUNK if with_targets else NODE
    counted = [(arm, _counted(table, with_targets)) for arm, table in tables]
    common = _common([table for _, table in counted], keys, with_targets)
    defined = common
    for _, table in counted:
        undefined = table.filter(~pl.col(METRIC).is_finite())
        defined = defined.join(undefined, on=keys, how="anti")
    if defined.is_empty():
        return None
    aligned = [(arm, table.join(defined, on=keys, how="semi").sort(*keys, "order")) for arm, table in counted]
    orders = sorted({order for _, table in aligned for order in table["order"].unique()}, reverse=True)
    levels = (ALL_LEVELS, *(f"level {order}" for order in orders))
    by_arm: dict[str, list[pl.DataFrame]] = {}
    for arm, table in aligned:
        by_arm.setdefault(arm, []).append(table)
    arms = {arm: _levels(runs, levels, orders, with_targets) for arm, runs in by_arm.items()}
    whole = next((table for _, table in aligned if set(table["order"].unique()) == set(orders)), aligned[0][1])
    unimproved = whole.with_columns(mixture=pl.col("si_sdr") - pl.col(METRIC))
    mixture = {
        level: _mean(part["mixture"])
        for level, part in zip(levels, [unimproved, *(unimproved.filter(order=order) for order in orders)], strict=True)
    }
    return OnTest(
        test,
        levels,
        arms,
        mixture,
        {arm: _by_node(runs) for arm, runs in by_arm.items()},
        defined.n_unique(["track", "start"] if not with_targets else list(CHUNK)),
        defined["track"].n_unique(),
        len(common) - len(defined),
    )


def _common(tables: Sequence[pl.DataFrame], keys: tuple[str, ...], with_targets: bool) -> pl.DataFrame:
    """Chunks that all runs have; without targets, nodes in chunks that all have which measured nodes of that level."""
    everything = pl.concat([table.select(*keys, "order") for table in tables]).unique()
    for table in tables:
        expected = everything if with_targets else everything.filter(pl.col("order").is_in(list(set(table["order"]))))
        everything = everything.join(expected.join(table, on=keys, how="anti"), on=keys, how="anti")
    return everything.select(keys).unique()


def _counted(table: pl.DataFrame, with_targets: bool) -> pl.DataFrame:
    if with_targets:
        return same_chunks(table).rename({"path_level": "order"})
    return table.filter(status=Status.COUNTED.value).rename({"level": "order"})


def _levels(
    runs: Sequence[pl.DataFrame], levels: Sequence[str], orders: Sequence[int], with_targets: bool
) -> dict[str, Arm]:
    """The values of each level that an arm has: a seed for each run."""
    arms: dict[str, Arm] = {}
    have = set(runs[0]["order"].unique())
    for level, order in zip(levels, (None, *orders), strict=True):
        if (order is not None and order not in have) or (order is None and have != set(orders)):
            continue
        if order is not None:
            parts = [run.filter(order=order) for run in runs]
        elif with_targets:
            parts = [run.group_by(CHUNK).agg(pl.col(METRIC).mean()).sort(CHUNK) for run in runs]
        else:
            parts = list(runs)
        arms[level] = _by_song(parts)
    return arms


def _by_song(parts: Sequence[pl.DataFrame]) -> Arm:
    _, song, chunks = np.unique(parts[0]["track"].to_numpy(), return_inverse=True, return_counts=True)
    values = [np.bincount(song, weights=part[METRIC].to_numpy().astype(np.float64)) / chunks for part in parts]
    return Arm(np.stack(values), chunks)


def _by_node(runs: Sequence[pl.DataFrame]) -> dict[str, float]:
    means = pl.concat(runs).group_by("node").agg(pl.col(METRIC).cast(pl.Float64).mean()).sort("node")
    return dict(means.iter_rows())


def _mean(values: pl.Series) -> float:
    return float(values.cast(pl.Float64).to_numpy().mean())


def mean_of(arm: Arm) -> float:
    """The mean over seeds and chunks."""
    return float(np.average(arm.values.mean(axis=0), weights=arm.chunks))


def headroom(level: Mapping[str, float], arm: str, floor: str, ceiling: str) -> float | None:
    """How much of what lies between two baselines an arm reaches; None where one of the three is missing."""
    if not {arm, floor, ceiling} <= level.keys() or level[ceiling] == level[floor]:
        return None
    return (level[arm] - level[floor]) / (level[ceiling] - level[floor])
