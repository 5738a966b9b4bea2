"""The rows of an evaluation: one for each chunk and node, for an estimator that takes queries one for each query too.

Conventions for missing and undefined values, in rows and in all that is computed from them:

- **null** (``None``) means not measured: only rows with the status ``counted`` have metrics, and SIR and SAR can be
  left out of an evaluation.
- **NaN** means measured but undefined, such as the SI-SDR of a silent estimate. Statistics leave NaN out and count it
  as ``undefined``.
- **Infinity** never occurs: ratios in dB are kept within ± `stemtree.metrics.ratio.LIMIT`.
"""

from enum import StrEnum

import polars as pl

METRICS = ("si_sdr", "si_sdr_improvement", "sdr", "snr", "sir", "sar")
"""Columns with one value in dB for the whole chunk."""

FRAMEWISE = (
    "framewise_si_sdr",
    "framewise_si_sdr_improvement",
    "framewise_sdr",
    "framewise_sir",
    "framewise_sar",
)
"""Columns with a list of values in dB, one for each window of the chunk."""


class Status(StrEnum):
    """Whether a node was measured in a chunk, and why not."""

    COUNTED = "counted"
    """Measured."""

    QUIET = "quiet"
    """The node is too quiet, relative to the mixture."""

    ALONE = "alone"
    """Everything but the node is too quiet, relative to the mixture."""

    ABSENT = "absent"
    """The node is silent."""

    FAILED = "failed"
    """The chunk could not be read or estimated; the column ``failure`` says why."""

    UNASKED = "unasked"
    """No other song has an example to ask for the target with; the column ``failure`` says so."""


SCHEMA = pl.Schema(
    {
        "track": pl.String(),
        "start": pl.Float64(),  # seconds
        "node": pl.String(),
        "level": pl.Int32(),  # of the node in its hierarchy
        "target": pl.String(),  # the leaf that the query is an example of; null for estimators without queries
        "status": pl.String(),  # a `Status`
        "salient": pl.Boolean(),
        "reference_db": pl.Float32(),  # energy of the node's true signal relative to the mixture's
        "estimate_db": pl.Float32(),  # energy of its estimate relative to the mixture's
        **dict.fromkeys(METRICS, pl.Float32()),
        **dict.fromkeys(FRAMEWISE, pl.List(pl.Float32())),
        "reference_energy": pl.Float64(),  # sums of squares, for the global SDR
        "error_energy": pl.Float64(),
        "failure": pl.String(),
    }
)
"""The columns, in order."""

FILLED = ("track", "start", "node", "level", "status")
"""Columns without null."""


def complete(rows: pl.DataFrame, schema: pl.Schema = SCHEMA) -> pl.DataFrame:
    """Add the columns that rows of an earlier version lack, as null: what they hold was not measured."""
    return rows.match_to_schema(schema, missing_columns="insert")
