"""Figure 15 of the thesis: which chunk, what is kept of it, what is drawn."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from support.experiment_rows import PATH, make_rows

from stemtree.experiments.alignment import METRIC
from stemtree.experiments.definition import Experiment, arm_settings, measured_on
from stemtree.experiments.report.median_chunk import MedianChunk, draw, find_chunk, make_chunk, save_png
from stemtree.experiments.results import Finished, read_results
from stemtree.hierarchy import load
from stemtree.model import save_model
from stemtree.training.initial_model import initial_model
from stemtree.training.targets import training_targets


@pytest.fixture
def runs(experiment: Experiment, tmp_path: Path) -> list[Finished]:
    planned = make_rows(tmp_path / "rows", experiment, {"direct": 3.0, "tree": 2.0}, songs=12)
    return [found[0] for found in read_results("own", planned, tmp_path / "rows").trained.values()]


def test_the_chunk_in_the_middle(runs: list[Finished]) -> None:
    track, start, rows = find_chunk(runs, "songs")
    assert rows["arm"].unique().sort().to_list() == ["direct", "tree"] and len(rows) == 6
    assert start in (0, 10)
    means = [run.rows.group_by("track").agg(pl.col(METRIC).mean()).sort(METRIC) for run in runs]
    assert all(abs(table["track"].to_list().index(track) - 5.5) < 3 for table in means)


def test_what_is_kept_is_drawn_the_same(
    runs: list[Finished], experiment: Experiment, workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = arm_settings(experiment, None, "tiny")
    targets = training_targets(settings, load("ms21"))
    models = {}
    for run in runs:
        of_arm = arm_settings(experiment, run.arm, "tiny")
        models[run.arm] = save_model(initial_model(of_arm, targets, _corpus(of_arm)), tmp_path / run.arm)
    found = find_chunk(runs, "songs")[2]
    monkeypatch.setattr(
        "stemtree.experiments.report.median_chunk.find_chunk", lambda runs, test: ("Track00003_test", 1.0, found)
    )
    chunk = make_chunk(runs, models, settings, measured_on(experiment, "tiny")[0], "key")
    chunk.save(tmp_path / "chunk.npz")
    again = MedianChunk.load(tmp_path / "chunk.npz")
    assert (again.key, again.columns, again.levels) == ("key", ("truth", "direct", "tree"), chunk.levels)
    assert again.masks.shape == (len(PATH), 3, 43, 32) and again.spectrograms.shape == again.masks.shape
    np.testing.assert_array_equal(again.masks, chunk.masks)
    assert np.isnan(again.improvement[:, 0]).all() and np.isfinite(again.improvement[:, 1:]).all()
    for name in ("a.png", "b.png"):
        save_png(draw(again), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def _corpus(settings: object) -> object:
    source = settings.train[0]
    return source.load(source.hierarchy(settings.hierarchy))
