"""Which leaves of trees of queries were found, of those that are there (thesis, 6.2.4)."""

import polars as pl

from stemtree.masks.presence import fit_presence

LEAVES = pl.Schema(
    {
        "track": pl.String(),
        "leaf": pl.String(),
        "there": pl.Boolean(),  # null: it plays, but nowhere loud enough to count
        "found": pl.Boolean(),
        # What was told by; null where it was the other. See `QueryTree.listen`.
        "loudness_db": pl.Float32(),  # of its estimate where it is loudest, relative to the song
        "log_odds": pl.Float32(),  # that it is there
    }
)
"""Columns of the rows of leaves, one for each song and leaf that was asked for."""

ALL_LEAVES = "all leaves"


def found_figures(leaves: pl.DataFrame) -> pl.DataFrame:
    """Count which leaves were found, pooled over songs; leaves that play too softly to count are left out.

    Parameters
    ----------
    leaves : polars.DataFrame
        With the columns `LEAVES`.

    Returns
    -------
    polars.DataFrame
        Columns ``name`` (`ALL_LEAVES`, then leaves), ``there``, ``found``, ``right`` (both), ``precision`` (right of
        found), ``recall`` (right of there) and ``f1`` (2 right / (there + found)); null where nothing is divided by.
    """
    counted = leaves.filter(pl.col("there").is_not_null())
    counts = (
        pl.col("there").sum().cast(pl.Int64),
        pl.col("found").sum().cast(pl.Int64),
        (pl.col("there") & pl.col("found")).sum().cast(pl.Int64).alias("right"),
    )
    overall = counted.select(pl.lit(ALL_LEAVES).alias("name"), *counts)
    table = pl.concat([overall, counted.group_by(name="leaf", maintain_order=True).agg(*counts)])
    there, found, right = pl.col("there"), pl.col("found"), pl.col("right")
    return table.with_columns(
        precision=pl.when(found > 0).then(right / found),
        recall=pl.when(there > 0).then(right / there),
        f1=pl.when(there + found > 0).then(2 * right / (there + found)),
    )


def fitted_presence(leaves: pl.DataFrame) -> tuple[float, float]:
    """The threshold that would have told most of the leaves right, and its F1; see `fit_presence`."""
    counted = leaves.filter(pl.col("there").is_not_null(), pl.col("loudness_db").is_not_null())
    songs = [
        (dict(song.select("leaf", "loudness_db").iter_rows()), song.filter("there")["leaf"].to_list())
        for _, song in counted.group_by("track", maintain_order=True)
    ]
    return fit_presence(songs)
