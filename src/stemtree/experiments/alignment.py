"""Bringing the runs of an experiment to the same chunks, and averaging them by song."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from stemtree.evaluation.levels import ALL_LEVELS, CHUNK, all_levels, path_level, same_chunks
from stemtree.evaluation.rows import Status
from stemtree.experiments.comparison import METRIC
from stemtree.experiments.statistics import Arm

NODE = ("track", "start", "node")

MORE_CHUNKS = 1.1
"""Levels without the highest are shown apart where they have so many times the chunks of all levels."""


@dataclass(frozen=True)
class OnTest:
    """What arms reached on one test set, all on the same chunks.

    Parameters
    ----------
    test : str
        Its name.
    levels : tuple of str
        ``all levels``, then from the highest to ``level 1``. Without ``all levels`` where the highest is left out.
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


Tables = Sequence[tuple[str, pl.DataFrame]]
"""For each run its arm and its rows."""


def on_chunks_with_all_levels(test: str, tables: Tables) -> OnTest | None:
    """Average runs over the chunks in which every run has a value at every node that it measured; None without any."""
    tables = [(arm, table) for arm, table in tables if len(table)]
    if not tables:
        return None
    with_targets = bool(tables[0][1]["target"].is_not_null().any())
    return _align(test, [(arm, _counted(table, with_targets)) for arm, table in tables], with_targets)


def on_chunks_without_the_highest(test: str, tables: Tables, whole: OnTest | None) -> OnTest | None:
    """Leave the highest level of the targets' paths out, if that leaves many more chunks than `whole` has.

    A mixture without singing is its accompaniment: at that level there is nothing to separate, at those below there is.
    """
    tables = [(arm, table) for arm, table in tables if table["target"].is_not_null().any()]
    highest = max((table.select(path_level().max()).item() for _, table in tables), default=0)
    lower = [(arm, table.filter(path_level() < highest)) for arm, table in tables]
    lower = [(arm, _counted(table, True)) for arm, table in lower if len(table)]
    found = _align(test, lower, True, all_levels=False) if lower and highest > 1 else None
    return found if found and found.chunks >= MORE_CHUNKS * (whole.chunks if whole else 0) else None


def _align(test: str, counted: Tables, with_targets: bool, *, all_levels: bool = True) -> OnTest | None:
    keys: tuple[str, ...] = CHUNK if with_targets else NODE
    common = _common([table for _, table in counted], keys, with_targets)
    defined = common
    for _, table in counted:
        undefined = table.filter(~pl.col(METRIC).is_finite())
        defined = defined.join(undefined, on=keys, how="anti")
    if defined.is_empty():
        return None
    aligned = [(arm, table.join(defined, on=keys, how="semi").sort(*keys, "order")) for arm, table in counted]
    orders = sorted({order for _, table in aligned for order in table["order"].unique()}, reverse=True)
    levels = (*([ALL_LEVELS] if all_levels else []), *(f"level {order}" for order in orders))
    by_arm: dict[str, list[pl.DataFrame]] = {}
    for arm, table in aligned:
        by_arm.setdefault(arm, []).append(table)
    arms = {arm: _levels(runs, levels, orders, with_targets) for arm, runs in by_arm.items()}
    whole = next((table for _, table in aligned if set(table["order"].unique()) == set(orders)), aligned[0][1])
    unimproved = whole.with_columns(mixture=pl.col("si_sdr") - pl.col(METRIC))
    parts = [*([unimproved] if all_levels else []), *(unimproved.filter(order=order) for order in orders)]
    mixture = {level: _mean(part["mixture"]) for level, part in zip(levels, parts, strict=True)}
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
    for level, order in zip(levels, ((None, *orders) if ALL_LEVELS in levels else orders), strict=True):
        if (order is not None and order not in have) or (order is None and have != set(orders)):
            continue
        if order is not None:
            parts = [run.filter(order=order) for run in runs]
        elif with_targets:
            parts = [all_levels(run, [METRIC]).sort(CHUNK) for run in runs]
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
