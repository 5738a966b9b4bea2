import math

import numpy as np
import polars as pl
import pytest

from stemtree.evaluation.rows import SCHEMA, Status
from stemtree.evaluation.tables import absent_estimates, failures, status_counts, summarise
from stemtree.hierarchy import load

BASS, DRUMS, BOTH = "accompaniment/bass", "accompaniment/drums", "accompaniment"


def _rows(*rows: dict) -> pl.DataFrame:
    return pl.DataFrame([{"start": 0.0, "status": "counted"} | row for row in rows], schema=SCHEMA)


def _value(summary: pl.DataFrame, name: str, metric: str, statistic: str) -> tuple:
    (row,) = summary.filter(name=name, metric=metric, statistic=statistic).select("value", "count", "undefined").rows()
    return row


def test_chunks() -> None:
    rows = _rows(
        {"track": "a", "node": BASS, "si_sdr": 1.0},
        {"track": "a", "node": BASS, "si_sdr": 2.0},
        {"track": "b", "node": BASS, "si_sdr": 9.0},
        {"track": "b", "node": BASS, "si_sdr": math.nan},
        {"track": "b", "node": BASS, "status": "quiet"},
        {"track": "b", "node": BOTH, "si_sdr": 6.0},
    )
    summary = summarise(rows, load("musdb18"))
    assert _value(summary, BASS, "si_sdr", "chunk mean") == (pytest.approx(4), 3, 1)
    assert _value(summary, BASS, "si_sdr", "chunk median") == (2, 3, 1)
    assert _value(summary, "overall", "si_sdr", "chunk mean") == (pytest.approx(4.5), 4, 1)
    assert _value(summary, "level 2", "si_sdr", "chunk mean") == (6, 1, 0)
    assert _value(summary, "level 1", "si_sdr", "chunk mean") == (pytest.approx(4), 3, 1)
    assert summary.filter(metric="sir").is_empty()


def test_framewise_and_global() -> None:
    """Songs first, then over songs: a long song counts as much as a short one."""
    rows = _rows(
        {"track": "a", "node": BASS, "framewise_sdr": [1.0, math.nan], "reference_energy": 8.0, "error_energy": 1.0},
        {"track": "a", "node": BASS, "framewise_sdr": [3.0, 8.0], "reference_energy": 1.0, "error_energy": 1.0},
        {"track": "a", "node": BASS, "status": "absent", "reference_energy": 0.0, "error_energy": 1.0},
        {"track": "a", "node": BASS, "status": "failed"},
        {"track": "b", "node": BASS, "framewise_sdr": [10.0, 20.0], "reference_energy": 1.0, "error_energy": 0.1},
        {"track": "c", "node": BASS, "status": "absent", "reference_energy": 0.0, "error_energy": 1.0},
    )
    summary = summarise(rows, load("musdb18"))
    assert _value(summary, BASS, "sdr", "framewise mean") == (pytest.approx((4 + 15) / 2), 2, 0)
    assert _value(summary, BASS, "sdr", "framewise median") == (pytest.approx((3 + 15) / 2), 2, 0)
    by_song = (10 * np.log10(9 / 3), 10)
    assert _value(summary, BASS, "sdr", "global mean") == (pytest.approx(np.mean(by_song), abs=1e-5), 2, 0)


def test_counts_and_failures() -> None:
    statuses = ["counted", "quiet", "alone", "absent", "failed"]
    assert [*statuses, "unasked"] == list(Status)
    rows = _rows(
        *({"track": "a", "node": BASS, "status": status, "start": float(n)} for n, status in enumerate(statuses)),
        {"track": "a", "node": DRUMS, "status": "failed", "start": 4.0, "failure": "x"},
        {"track": "b", "node": DRUMS, "status": "failed", "start": 0.0, "failure": "x"},
        {"track": "b", "node": DRUMS, "status": "failed", "start": 9.0, "failure": "y"},
    ).with_columns(failure=pl.when(status="failed").then(pl.col("failure").fill_null("x")))
    table = status_counts(rows, load("musdb18"))
    assert table.columns == ["group", "name", *statuses]
    assert table.rows() == [
        ("overall", "overall", 1, 1, 1, 1, 4),
        ("level", "level 1", 1, 1, 1, 1, 4),
        ("node", BASS, 1, 1, 1, 1, 1),
        ("node", DRUMS, 0, 0, 0, 0, 3),
    ]
    assert failures(rows).rows() == [("x", 2, "a", 4.0), ("y", 1, "b", 9.0)]


def test_absent() -> None:
    loudness = [-40.0, -20.0, -30.0, math.nan]
    rows = _rows(
        *({"track": "a", "node": BASS, "status": "absent", "estimate_db": value} for value in loudness),
        {"track": "a", "node": DRUMS, "status": "counted", "estimate_db": -1.0},
    )
    assert [row[:5] for row in absent_estimates(rows).rows()] == [
        (name, 3, pytest.approx(-30), pytest.approx(-30), pytest.approx(-22)) for name in ("overall", BASS)
    ]
    assert absent_estimates(rows)["max"].to_list() == [-20, -20]


def test_unbalanced_branches_stand_for_the_levels_they_lack() -> None:
    rows = _rows({"track": "a", "node": "vocals", "si_sdr": 1.0}, {"track": "a", "node": BOTH, "si_sdr": 3.0})
    assert _value(summarise(rows, load("musdb18")), "level 2", "si_sdr", "chunk mean") == (2, 2, 0)
    assert _value(summarise(rows, load("musdb18")), "level 1", "si_sdr", "chunk mean") == (1, 1, 0)
