"""Levels of a target's path over the same chunks, as the papers' tables have them.

Level 1 is the target, and each node above it one level more. A chunk of a target counts if all nodes of the path are
counted in it. "All levels" is the mean of a chunk's levels. For targets of one depth every figure is over the same
chunks, and "all levels" also the mean of the levels' figures; of targets of several depths only the deep ones have the
higher levels.
"""

from collections.abc import Sequence

import polars as pl

from stemtree.evaluation.rows import Status

ALL_LEVELS = "all levels"
CHUNK = ("track", "start", "target")
"""The columns that say which chunk of which target a row is of."""


def path_level() -> pl.Expr:
    """The level of a row's node on its target's path: 1 for the target itself."""
    return (pl.col("target").str.count_matches("/") - pl.col("node").str.count_matches("/") + 1).cast(pl.Int32)


def same_chunks(rows: pl.DataFrame) -> pl.DataFrame:
    """Select the rows of chunks in which every measured node of the target's path is counted, with ``path_level``.

    Rows without a target are left out.
    """
    counted = (pl.col("status") == Status.COUNTED.value).all().over(CHUNK)
    return rows.filter(pl.col("target").is_not_null() & counted).with_columns(path_level=path_level())


def all_levels(rows: pl.DataFrame, metrics: Sequence[str]) -> pl.DataFrame:
    """Average metrics over the levels of each chunk: columns of `CHUNK` and of `metrics`; NaN where one is."""
    return rows.group_by(CHUNK, maintain_order=True).agg(pl.col(metric).mean() for metric in metrics)


def level_table(rows: pl.DataFrame) -> pl.DataFrame:
    """Average each level, and all, over the chunks of `same_chunks`.

    Parameters
    ----------
    rows : polars.DataFrame
        From `stemtree.evaluation.evaluate.evaluate` with chunks that were selected for targets.

    Returns
    -------
    polars.DataFrame
        Columns ``level`` (``all levels``, then from the highest to 1), ``mixture`` (SI-SDR of the mixture),
        ``si_sdr``, ``si_sdr_improvement``, the number of ``chunks`` that these are means of, and ``undefined``, the
        number of further chunks in which the improvement of a level is NaN.
    """
    metrics = ("mixture", "si_sdr", "si_sdr_improvement")
    counted = same_chunks(rows).with_columns(mixture=pl.col("si_sdr") - pl.col("si_sdr_improvement"))
    complete = counted.filter(pl.col("si_sdr_improvement").is_not_nan().all().over(CHUNK))
    undefined = counted.n_unique(CHUNK) - complete.n_unique(CHUNK)
    parts = {ALL_LEVELS: all_levels(complete, metrics)}
    for level in counted["path_level"].unique().sort(descending=True):
        parts[f"level {level}"] = complete.filter(path_level=level)
    lines = [
        part.select(
            pl.lit(name).alias("level"),
            *(pl.col(metric).mean().cast(pl.Float64) for metric in metrics),
            pl.len().cast(pl.Int64).alias("chunks"),
            pl.lit(undefined).alias("undefined"),
        )
        for name, part in parts.items()
    ]
    return pl.concat(lines)
