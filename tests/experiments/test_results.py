import math
from pathlib import Path

import polars as pl
import pytest
from support.experiment_rows import make_rows

from stemtree.experiments.definition import Experiment
from stemtree.experiments.report.build import collect
from stemtree.experiments.results import at, headroom, read_results, widest
from stemtree.experiments.rows import read_run, write_not_run, write_run
from stemtree.experiments.run_folder import ExperimentRun
from stemtree.experiments.suite import CODES

ARMS = {"direct": {"relation": {"kind": "direct"}}, "level_1": {"relation": {"kind": "direct"}, "levels": [1]}}
GAINS = {"mean": 1.0, "oracle:psa": 9.0, "direct": 3.0, "level_1": 5.0}


@pytest.fixture
def experiment() -> Experiment:
    return Experiment(question="", source="", task="guitar", arms=ARMS)


def test_levels_over_the_same_chunks(experiment: Experiment, tmp_path: Path) -> None:
    runs = make_rows(tmp_path, experiment, GAINS)
    results = read_results("own", runs, tmp_path)
    assert not results.missing and results.left_out == 0
    (measured,) = results.tests
    assert (measured.songs, measured.chunks, measured.undefined) == (30, 60, 0)
    assert measured.levels == ("all levels", "level 3", "level 2", "level 1")
    assert set(measured.arms["level_1"]) == {"level 1"}
    difficulty = measured.arms["direct"]["level 3"].mean - 3
    for level, more in (("all levels", 1), ("level 2", 1), ("level 1", 2)):
        assert measured.arms["direct"][level].mean == pytest.approx(3 + more + difficulty, abs=1e-5)
    assert measured.mixture["level 1"] == pytest.approx(-4)
    assert measured.nodes["direct"]["accompaniment"] == pytest.approx(3 + difficulty, abs=1e-5)
    means = {arm: levels["all levels"].mean for arm, levels in measured.arms.items() if "all levels" in levels}
    assert headroom(means, "direct", "mean", "oracle:psa") == pytest.approx(0.25, abs=0.02)
    assert headroom(means, "level_1", "mean", "oracle:psa") is None


def test_what_is_missing_or_of_other_songs_is_counted(experiment: Experiment, tmp_path: Path) -> None:
    runs = make_rows(tmp_path, experiment, {"mean": 1.0, "direct": 3.0})
    make_rows(tmp_path, experiment, {"direct": 3.0}, name="zz", changes={"corpora": "various"})
    results = read_results("own", runs, tmp_path)
    assert results.missing == {"oracle:psa": 1, "level_1": 1} and results.left_out == 1
    assert [run.description.corpora for run in results.trained["direct"]] == ["songs"]
    file = tmp_path / "own000.parquet"
    description, table = read_run(file)
    write_run({"songs": table}, description.model_copy(update={"chunks": {"songs": "of others"}}), file)
    results = read_results("own", runs, tmp_path)
    assert results.left_out == 2 and [test.arms.keys() for test in results.tests] == [{"direct"}]
    arms = {"some": ARMS["direct"], "others": ARMS["direct"] | {"train": [{"root": "others"}]}}
    two = make_rows(tmp_path / "two", experiment.model_copy(update={"arms": arms}), {"some": 3.0, "others": 1.0})
    assert {arm: len(found) for arm, found in read_results("own", two, tmp_path / "two").trained.items()} == {
        "some": 1,
        "others": 1,
    }
    assert not read_results("own", runs, tmp_path, codes=["another"]).finished
    assert not read_results("own", runs, tmp_path / "none").tests


def test_chunks_where_an_estimate_is_silent_are_left_out_of_all(experiment: Experiment, tmp_path: Path) -> None:
    runs = make_rows(tmp_path, experiment, GAINS)
    file = tmp_path / "own002.parquet"
    description, rows = read_run(file)
    silent = (pl.col("track") == "007") & (pl.col("start") == 0) & (pl.col("level") == 1)
    rows = rows.with_columns(pl.when(silent).then(math.nan).otherwise("si_sdr_improvement").alias("si_sdr_improvement"))
    write_run({"songs": rows.drop("test")}, description, file)
    (measured,) = read_results("own", runs, tmp_path).tests
    assert (measured.chunks, measured.undefined) == (59, 1)
    assert all(arm.chunks[7] == 1 for levels in measured.arms.values() for arm in levels.values())


def test_a_run_without_a_level_takes_nothing_from_the_others(experiment: Experiment, tmp_path: Path) -> None:
    """Without targets, as for four stems with and without their accompaniment."""
    runs = make_rows(tmp_path, experiment, GAINS)
    for file in sorted(tmp_path.glob("*.parquet")):
        description, rows = read_run(file)
        if description.identity == runs[3].identity:
            rows = rows.filter(pl.col("track") != "003")
        write_run({"songs": rows.drop("test").with_columns(target=pl.lit(None, pl.String))}, description, file)
    (measured,) = read_results("own", runs, tmp_path).tests
    assert set(measured.arms["level_1"]) == {"level 1"} and "level 3" in measured.arms["direct"]
    sizes = {level: (len(arm.chunks), arm.chunks.sum()) for level, arm in measured.arms["direct"].items()}
    assert sizes["level 3"] == sizes["level 2"] == (30, 60) and sizes["level 1"] == (29, 58)
    assert len(measured.arms["level_1"]["level 1"].chunks) == 29


def test_test_sets_are_brought_to_the_same_chunks(experiment: Experiment, tmp_path: Path) -> None:
    runs = make_rows(tmp_path, experiment, GAINS, tests={"right": 1.0, "wrong": 0.0})
    (found,) = read_results("own", runs, tmp_path, together=("right", "wrong")).over_tests
    assert set(found.arms) == {at(arm, test) for arm in ARMS for test in ("right", "wrong")} and found.chunks == 60
    arms = widest([found])
    difference = arms["level_1, right"]["level 1"].values - arms["level_1, wrong"]["level 1"].values
    assert difference == pytest.approx(1.0, abs=1e-5)


def test_why_a_separator_was_not_run_is_kept_whatever_code_came_later(experiment: Experiment, tmp_path: Path) -> None:
    arms = {"masks": {"estimator": "separate:demucs"}}
    rows = tmp_path / "rows"
    runs = make_rows(rows, experiment.model_copy(update={"arms": arms}), {"mean": 1.0})
    (run,) = (run for run in runs if run.estimator.endswith("demucs"))
    folder = ExperimentRun(tmp_path / "runs" / run.key("earlier"))
    folder.path.mkdir(parents=True)
    folder.fail("demucs is not installed: install it\n\nand more")
    (tmp_path / CODES).write_text('["earlier", "later"]')
    collect(tmp_path, rows, runs)
    assert read_results("own", runs, rows).not_run == {"masks": "demucs is not installed"}


def test_what_cannot_be_run_is_not_missing(experiment: Experiment, tmp_path: Path) -> None:
    arms = {"raw": {"estimator": "raw:demucs"}, "masks": {"estimator": "separate:demucs"}}
    runs = make_rows(tmp_path, experiment.model_copy(update={"arms": arms}), {"mean": 1.0, "raw": 2.0})
    reasons = {run.identity: "no weights" for run in runs if run.estimator.endswith("demucs")}
    write_not_run(reasons, tmp_path)
    results = read_results("own", runs, tmp_path)
    assert results.not_run == {"masks": "no weights"} and set(results.missing) == {"oracle:psa"}
