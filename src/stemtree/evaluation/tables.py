"""Tables made of rows. Null and NaN are treated as stated in `stemtree.evaluation.rows`."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import polars as pl
import torch

from stemtree.evaluation.rows import FRAMEWISE, METRICS, Status
from stemtree.hierarchy import Hierarchy
from stemtree.metrics.statistics import framewise_mean, framewise_median, global_sdr

STATISTICS = ("chunk mean", "chunk median", "framewise mean", "framewise median", "global mean")
"""How a figure was computed, in the order of tables.

- ``chunk mean``, ``chunk median``: over the counted chunks of all songs, each measured as a whole.
- ``framewise mean``, ``framewise median``: over the windows of a song's counted chunks; then the mean, or the median,
  over songs and nodes (museval's is the median of medians).
- ``global mean``: one ratio for each song from all its chunks, including those in which the node is not counted (Music
  Demixing Challenge 2021); then the mean over songs and nodes. Songs in which it is counted nowhere are left out.
"""


@dataclass(frozen=True, slots=True)
class Group:
    """Nodes that share a line of a table.

    Parameters
    ----------
    kind : {"overall", "level", "node"}
        Whether they are all nodes, those of a level, or one.
    name : str
        The heading of the line.
    nodes : list of str
        The nodes.
    """

    kind: str
    name: str
    nodes: list[str]


def groups(rows: pl.DataFrame, hierarchy: Hierarchy) -> Iterator[Group]:
    """Yield all nodes together, those of each level from the highest to the leaves, and each node.

    A level's nodes are those that make up the mixture there (`Hierarchy.at_level`), so a leaf also stands for the
    levels that its branch lacks.
    """
    nodes = rows["node"].unique(maintain_order=True).to_list()
    yield Group("overall", "overall", nodes)
    for level in range(hierarchy.levels, 0, -1):
        if inside := [node for node in hierarchy.at_level(level) if node in nodes]:
            yield Group("level", f"level {level}", inside)
    for node in nodes:
        yield Group("node", node, [node])


def summarise(rows: pl.DataFrame, hierarchy: Hierarchy) -> pl.DataFrame:
    """Compute every statistic of every metric for each group.

    Parameters
    ----------
    rows : polars.DataFrame
        From `stemtree.evaluation.evaluate.evaluate`.
    hierarchy : Hierarchy
        Of the corpus.

    Returns
    -------
    polars.DataFrame
        Columns ``group`` and ``name`` (see `groups`), ``metric``, ``statistic`` (of `STATISTICS`), ``value`` in dB,
        ``count`` of the values that it is the mean or median of, and ``undefined``, the number of those that are NaN.
    """
    songs = _song_figures(rows)
    lines: list[dict[str, object]] = []
    for group in groups(rows, hierarchy):
        of_group = pl.col("node").is_in(group.nodes)
        head = {"group": group.kind, "name": group.name}
        counted = rows.filter(of_group, pl.col("status") == Status.COUNTED.value)
        for metric in METRICS:
            for statistic, average in (("chunk mean", _mean), ("chunk median", _median)):
                figure = average(counted[metric])
                lines.append(head | {"metric": metric, "statistic": statistic} | asdict(figure))
        by_figure = songs.filter(of_group).group_by("metric", "statistic", maintain_order=True)
        for (metric, statistic), of_songs in by_figure:
            average = _median if statistic == "framewise median" else _mean
            figure = average(of_songs["value"])
            lines.append(head | {"metric": metric, "statistic": statistic} | asdict(figure))
    columns = {"group": pl.String, "name": pl.String, "metric": pl.String, "statistic": pl.String}
    schema = columns | {"value": pl.Float64, "count": pl.Int64, "undefined": pl.Int64}
    return pl.DataFrame(lines, schema=schema).filter(pl.col("count") + pl.col("undefined") > 0)


def status_counts(rows: pl.DataFrame, hierarchy: Hierarchy) -> pl.DataFrame:
    """Count the rows of each group by status: columns ``group``, ``name`` and one for each `Status`.

    The column ``unasked`` is there only if a row has this status.
    """
    has_unasked = (rows["status"] == Status.UNASKED.value).any()
    shown = [status.value for status in Status if has_unasked or status != Status.UNASKED]
    lines = []
    for group in groups(rows, hierarchy):
        statuses = rows.filter(pl.col("node").is_in(group.nodes))["status"]
        counts = {status: (statuses == status).sum() for status in shown}
        lines.append({"group": group.kind, "name": group.name} | counts)
    return pl.DataFrame(lines, schema=["group", "name", *shown])


def absent_estimates(rows: pl.DataFrame) -> pl.DataFrame:
    """Describe the loudness of estimates of silent nodes, in dB relative to the mixture: what leaks into them.

    Returns
    -------
    polars.DataFrame
        Columns ``name`` (``overall``, then nodes), ``count``, ``mean``, ``median``, ``p90`` (the 90th percentile) and
        ``max``.
    """
    loudness = pl.col("loudness")
    absent = rows.filter(pl.col("status") == Status.ABSENT.value)
    estimates = absent.select("node", loudness=pl.col("estimate_db").fill_nan(None))
    figures = (
        loudness.count().alias("count"),
        loudness.mean().alias("mean"),
        loudness.median().alias("median"),
        loudness.quantile(0.9, "linear").alias("p90"),
        loudness.max().alias("max"),
    )
    overall = estimates.select(pl.lit("overall").alias("name"), *figures)
    return pl.concat([overall, estimates.group_by(name="node", maintain_order=True).agg(*figures)])


def failures(rows: pl.DataFrame) -> pl.DataFrame:
    """List reasons of failure, most frequent first.

    Returns
    -------
    polars.DataFrame
        Columns ``failure``, the number of ``chunks``, and the first of them, ``track`` and ``start``.
    """
    failed = rows.filter(pl.col("status") == Status.FAILED.value)
    chunks = failed.unique(["track", "start", "failure"], maintain_order=True)
    first = (pl.len().alias("chunks"), pl.col("track").first(), pl.col("start").first())
    return chunks.group_by("failure", maintain_order=True).agg(*first).sort("chunks", descending=True)


def _song_figures(rows: pl.DataFrame) -> pl.DataFrame:
    """Compute framewise and global figures of each song and node that is counted in at least one chunk."""
    figures: list[dict[str, object]] = []
    for (track, node), song in rows.group_by("track", "node", maintain_order=True):
        counted = song.filter(pl.col("status") == Status.COUNTED.value)
        if counted.is_empty():
            continue
        head = {"track": track, "node": node}
        for column in FRAMEWISE:
            values = _tensor(counted[column].explode())
            if len(values):
                metric = {"metric": column.removeprefix("framewise_")}
                mean, median = framewise_mean(values).item(), framewise_median(values).item()
                figures.append(head | metric | {"statistic": "framewise mean", "value": mean})
                figures.append(head | metric | {"statistic": "framewise median", "value": median})
        whole = song.filter(~pl.col("status").is_in([Status.FAILED.value, Status.UNASKED.value]))
        value = global_sdr(_tensor(whole["reference_energy"]), _tensor(whole["error_energy"])).item()
        figures.append(head | {"metric": "sdr", "statistic": "global mean", "value": value})
    columns = {"track": pl.String, "node": pl.String, "metric": pl.String, "statistic": pl.String}
    return pl.DataFrame(figures, schema=columns | {"value": pl.Float64})


@dataclass(frozen=True, slots=True)
class _Figure:
    """A mean or median in dB, how many values it is of, and how many more were NaN; None of no value at all."""

    value: float | None
    count: int
    undefined: int


def _mean(values: pl.Series) -> _Figure:
    return _figure(values, lambda defined: defined.mean())


def _median(values: pl.Series) -> _Figure:
    return _figure(values, lambda defined: defined.median())


def _figure(values: pl.Series, average: Callable[[pl.Series], object]) -> _Figure:
    measured = values.drop_nulls().cast(pl.Float64)
    defined = measured.drop_nans()
    value = average(defined)
    return _Figure(float(value) if isinstance(value, float) else None, len(defined), len(measured) - len(defined))


def _tensor(values: pl.Series) -> torch.Tensor:
    return torch.tensor(values.drop_nulls().to_list(), dtype=torch.float64)
