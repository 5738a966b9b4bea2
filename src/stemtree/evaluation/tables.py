"""From rows to tables."""

from collections.abc import Callable, Iterator

import polars as pl
import torch

from stemtree.evaluation.measure import ABSENT, COUNTED, FAILED, FRAMEWISE, METRICS, STATUSES
from stemtree.hierarchy import Hierarchy
from stemtree.metrics.statistics import framewise_mean, framewise_median, global_sdr

STATISTICS = ("chunk mean", "chunk median", "framewise mean", "framewise median", "global mean")
"""What a figure is, in the order of tables.

- ``chunk mean``, ``chunk median``: over the counted chunks of all songs, each measured as a whole.
- ``framewise mean``, ``framewise median``: over the frames of a song's counted chunks; then the mean, or the median,
  over songs and nodes (museval's is the median of medians).
- ``global mean``: one ratio for each song from all its chunks, those included in which the node is not counted (Music
  Demixing Challenge 2021); then the mean over songs and nodes. Songs in which it is counted nowhere are left out.
"""


def summarise(rows: pl.DataFrame, hierarchy: Hierarchy) -> pl.DataFrame:
    """Every statistic of every metric: over all nodes, for each level and for each node.

    A level's nodes are those that make up the mixture there (`Hierarchy.at_level`), so a leaf also stands for the
    levels that its branch lacks.

    Parameters
    ----------
    rows : polars.DataFrame
        From `stemtree.evaluation.evaluate.evaluate`.
    hierarchy : Hierarchy
        The corpus's.

    Returns
    -------
    polars.DataFrame
        Columns ``group`` (``overall``, ``level`` or ``node``), ``name``, ``metric``, ``statistic``, ``value`` in dB,
        ``count`` of what it is the mean or median of, and ``undefined``: how many were left out because they are NaN.
    """
    songs = _songs(rows)
    found = []
    for group, name, nodes in groups(rows, hierarchy):
        inside = pl.col("node").is_in(nodes)
        counted = rows.filter(inside, pl.col("status") == COUNTED)
        for metric in METRICS:
            for statistic, reduce in (("chunk mean", _mean), ("chunk median", _median)):
                found.append((group, name, metric, statistic, *reduce(counted[metric])))
        of_group = songs.filter(inside)
        for metric, statistic in of_group.select("metric", "statistic").unique(maintain_order=True).iter_rows():
            values = of_group.filter(metric=metric, statistic=statistic)["value"]
            reduce = _median if statistic == "framewise median" else _mean
            found.append((group, name, metric, statistic, *reduce(values)))
    columns = {"group": pl.String, "name": pl.String, "metric": pl.String, "statistic": pl.String}
    return pl.DataFrame(
        found, schema=columns | {"value": pl.Float64, "count": pl.Int64, "undefined": pl.Int64}, orient="row"
    ).filter(pl.col("count") + pl.col("undefined") > 0)


def counts(rows: pl.DataFrame, hierarchy: Hierarchy) -> pl.DataFrame:
    """How many rows of each group have which status: ``group``, ``name`` and a column for each of `STATUSES`."""
    found = []
    for group, name, nodes in groups(rows, hierarchy):
        statuses = rows.filter(pl.col("node").is_in(nodes))["status"]
        found.append((group, name, *((statuses == status).sum() for status in STATUSES)))
    return pl.DataFrame(found, schema=["group", "name", *STATUSES], orient="row")


def absent(rows: pl.DataFrame) -> pl.DataFrame:
    """How loud the estimates of silent nodes are, in dB relative to the mixture: what unused leaves leak.

    Returns
    -------
    polars.DataFrame
        Columns ``name`` (``overall``, then nodes), ``count``, ``mean``, ``median``, ``p90`` (below which 90 % lie) and
        ``max``.
    """
    levels = rows.filter(pl.col("status") == ABSENT).select("node", level=pl.col("estimate_db").fill_nan(None))
    figures = (
        pl.col("level").count().alias("count"),
        pl.col("level").mean().alias("mean"),
        pl.col("level").median().alias("median"),
        pl.col("level").quantile(0.9, "linear").alias("p90"),
        pl.col("level").max().alias("max"),
    )
    overall = levels.select(pl.lit("overall").alias("name"), *figures)
    return pl.concat([overall, levels.group_by(name="node", maintain_order=True).agg(*figures)])


def failures(rows: pl.DataFrame) -> pl.DataFrame:
    """What went wrong: ``failure``, ``chunks`` and the first of them, ``track`` and ``start``; most frequent first."""
    chunks = rows.filter(pl.col("status") == FAILED).unique(["track", "start", "failure"], maintain_order=True)
    first = (pl.len().alias("chunks"), pl.col("track").first(), pl.col("start").first())
    return chunks.group_by("failure", maintain_order=True).agg(*first).sort("chunks", descending=True)


def groups(rows: pl.DataFrame, hierarchy: Hierarchy) -> Iterator[tuple[str, str, list[str]]]:
    """Yield what figures are given for: group, name and the nodes in it."""
    nodes = rows["node"].unique(maintain_order=True).to_list()
    yield "overall", "overall", nodes
    for level in range(hierarchy.levels, 0, -1):
        if inside := [node for node in hierarchy.at_level(level) if node in nodes]:
            yield "level", f"level {level}", inside
    for node in nodes:
        yield "node", node, [node]


def _songs(rows: pl.DataFrame) -> pl.DataFrame:
    """Framewise and global figures of each song and node that is counted in one chunk at least."""
    found = []
    for (track, node), song in rows.group_by("track", "node", maintain_order=True):
        counted = song.filter(pl.col("status") == COUNTED)
        if counted.is_empty():
            continue
        for name in FRAMEWISE:
            values = _tensor(counted[name].explode())
            if len(values):
                metric = name.removeprefix("framewise_")
                found.append((track, node, metric, "framewise mean", framewise_mean(values).item()))
                found.append((track, node, metric, "framewise median", framewise_median(values).item()))
        whole = song.filter(pl.col("status") != FAILED)
        energies = (_tensor(whole[name]) for name in ("reference_energy", "error_energy"))
        found.append((track, node, "sdr", "global mean", global_sdr(*energies).item()))
    return pl.DataFrame(found, schema=["track", "node", "metric", "statistic", "value"], orient="row")


_Reduced = tuple[float | None, int, int]


def _mean(values: pl.Series) -> _Reduced:
    return _reduced(values, lambda defined: defined.mean())


def _median(values: pl.Series) -> _Reduced:
    return _reduced(values, lambda defined: defined.median())


def _reduced(values: pl.Series, reduce: Callable[[pl.Series], object]) -> _Reduced:
    measured = values.drop_nulls().cast(pl.Float64)
    defined = measured.drop_nans()
    value = reduce(defined)
    return (float(value) if isinstance(value, float) else None), len(defined), len(measured) - len(defined)


def _tensor(values: pl.Series) -> torch.Tensor:
    return torch.tensor(values.drop_nulls().to_list(), dtype=torch.float64)
