"""The script that writes the page on queries from measured rows."""

import runpy
from pathlib import Path

import polars as pl
from support.query_models import make_stand_in

from stemtree.evaluation.found_leaves import LEAVES
from stemtree.evaluation.rows import SCHEMA, complete

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "quality" / "queries.py"
FLUTES = "winds_voices/winds/flutes"


def rows(*figures: float) -> pl.DataFrame:
    """Of one leaf's path, from level 1 upward, in one chunk; and a chunk that does not count."""
    found = [
        {"track": "a", "start": 0.0, "node": "n", "level": level, "target": FLUTES, "status": "counted"}
        | {"si_sdr_improvement": figure}
        for level, figure in enumerate(figures, start=1)
    ]
    quiet = {"track": "a", "start": 9.0, "node": "n", "level": 1, "target": FLUTES, "status": "quiet"}
    columns = {name: SCHEMA[name] for name in (*quiet, "si_sdr_improvement")}
    return complete(pl.DataFrame([*found, quiet], schema=columns))


def test_asked_beside_measured(tmp_path: Path) -> None:
    script = runpy.run_path(str(SCRIPT))
    leaves = [(FLUTES, True, True), ("bass/bass/acoustic_basses", False, True), (FLUTES, None, False)]
    columns = [{"track": "a", "leaf": leaf, "there": there, "found": found} for leaf, there, found in leaves]
    pl.DataFrame(columns, schema=LEAVES).write_parquet(tmp_path / "trees.leaves.parquet")
    rows(-2.0).write_parquet(tmp_path / "trees.parquet")
    model = make_stand_in(tmp_path / "model")
    page = script["page"](model, rows(-0.04, float("nan"), 5.26), tmp_path / "trees.parquet", rows(-3.0))
    assert "| families of families (level 3) | ≥ 4.0 | 5.3 | 1 |  | 3.3 |" in page
    assert "| families (level 2) | ≥ 3.0 |  | 0 |  | 2.1 |" in page
    assert "| instruments (level 1) | ≥ 2.5 | 0.0 | 1 | −3.0 | 1.6 |" in page  # noqa: RUF001
    assert "| ≥ 0.75 | 0.67 (precision 0.50, recall 1.00) | 1 |" in page
    assert "| flutes | 5.3 |  | 0.0 | 1 | 1 |" in page
    assert "instruments (level 1) −2.0." in page  # noqa: RUF001
