import math

import polars as pl
import pytest

from stemtree.evaluation.levels import level_table
from stemtree.evaluation.rows import SCHEMA

TARGET = "a/b/c"


def chunk(track: str, start: float, improvements: list[float], mixture: list[float], statuses: str = "ccc") -> list:
    names = {"c": "counted", "q": "quiet"}
    return [
        {
            "track": track, "start": start, "target": TARGET, "node": node, "status": names[status],
            "si_sdr": before + gain if status == "c" else None,
            "si_sdr_improvement": gain if status == "c" else None,
        }
        for node, gain, before, status in zip(("a", "a/b", TARGET), improvements, mixture, statuses, strict=True)
    ]  # fmt: skip


def test_all_levels_is_the_mean_of_the_levels_over_the_same_chunks() -> None:
    """A chunk in which one level is not counted, or not defined, counts at no level."""
    rows = pl.DataFrame(
        [
            *chunk("x", 0, [1.0, 2.0, 6.0], [0.0, -6.0, -9.0]),
            *chunk("x", 2, [3.0, 4.0, 2.0], [2.0, -4.0, -5.0]),
            *chunk("y", 0, [90.0, 90.0, 90.0], [0.0, 0.0, 0.0], "ccq"),
            *chunk("y", 2, [math.nan, 5.0, 5.0], [0.0, 0.0, 0.0]),
            {"track": "z", "start": 0.0, "node": "a", "status": "counted", "si_sdr": 5.0, "si_sdr_improvement": 50.0},
        ],
        schema=SCHEMA,
    )
    table = level_table(rows)
    assert table["level"].to_list() == ["all levels", "level 3", "level 2", "level 1"]
    assert table["si_sdr_improvement"].to_list() == [3.0, 2.0, 3.0, 4.0]
    assert table["chunks"].to_list() == [2] * 4 and table["undefined"].to_list() == [1] * 4
    assert table.row(0, named=True)["mixture"] == pytest.approx((0 - 6 - 9 + 2 - 4 - 5) / 6)
    assert table.row(1, named=True)["mixture"] == pytest.approx(1)
    assert table.row(1, named=True)["si_sdr"] == pytest.approx(3)
