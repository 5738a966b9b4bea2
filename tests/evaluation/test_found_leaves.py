import math

import polars as pl
import pytest

from stemtree.evaluation.found_leaves import LEAVES, fitted_presence, found_figures

BASS, DRUMS, OTHER = (f"accompaniment/{name}" for name in ("bass", "drums", "other"))

LEAF_ROWS = pl.DataFrame(
    [
        ("a", BASS, True, True, -5.0, None),
        ("a", DRUMS, True, False, -25.0, None),
        ("a", OTHER, False, False, None, None),
        ("b", BASS, True, True, -8.0, None),
        ("b", DRUMS, False, True, -15.0, None),
        ("b", OTHER, None, True, -2.0, None),
    ],
    schema=LEAVES,
    orient="row",
)
"""Of the last one nobody can say whether it is there."""


def test_leaves_found() -> None:
    figures = {name: row for name, *row in found_figures(LEAF_ROWS).iter_rows()}
    assert figures == {
        "all leaves": [3, 3, 2, pytest.approx(2 / 3), pytest.approx(2 / 3), pytest.approx(2 / 3)],
        BASS: [2, 2, 2, 1, 1, 1],
        DRUMS: [1, 1, 0, 0, 0, 0],
        OTHER: [0, 0, 0, None, None, None],
    }
    assert found_figures(LEAF_ROWS.clear()).rows() == [("all leaves", 0, 0, 0, None, None, None)]


def test_the_threshold_that_would_have_been_best() -> None:
    assert fitted_presence(LEAF_ROWS) == (pytest.approx(-28), pytest.approx(6 / 7))  # three right, one wrong
    assert math.isnan(fitted_presence(LEAF_ROWS.clear())[1])
