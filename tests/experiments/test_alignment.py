from pathlib import Path

import pytest
from support.experiment_rows import make_rows

from stemtree.experiments.alignment import MORE_CHUNKS
from stemtree.experiments.definition import Experiment
from stemtree.experiments.results import Results, read_results, widest

GAINS = {"mean": 1.0, "oracle:psa": 9.0, "direct": 3.0, "tree": 5.0}


def results(experiment: Experiment, folder: Path, alone: float) -> Results:
    return read_results("own", make_rows(folder, experiment, GAINS, alone=alone), folder)


def test_levels_that_more_chunks_have_are_given_apart(experiment: Experiment, tmp_path: Path) -> None:
    """Half of the songs have no vocals: their mixture is the accompaniment."""
    found = results(experiment, tmp_path, 0.5)
    whole, lower = found.main
    assert (whole.songs, lower.songs) == (15, 30) and lower.levels == ("level 2", "level 1")
    assert set(whole.arms["tree"]) == {"all levels", "level 3", "level 2", "level 1"}
    arms = widest(found.main)
    assert {level: len(arm.chunks) for level, arm in arms["tree"].items()} == {
        "all levels": 15,
        "level 3": 15,
        "level 2": 30,
        "level 1": 30,
    }
    gained = arms["tree"]["level 1"].mean - arms["direct"]["level 1"].mean
    assert gained == pytest.approx(2, abs=0.2)


def test_levels_are_not_given_twice_for_a_few_chunks_more(experiment: Experiment, tmp_path: Path) -> None:
    assert not results(experiment, tmp_path, 0.6 * (MORE_CHUNKS - 1)).lower


def test_a_test_set_without_the_highest_level_has_the_others(experiment: Experiment, tmp_path: Path) -> None:
    found = results(experiment, tmp_path, 1.0)
    (only,) = found.main
    assert only.levels == ("level 2", "level 1") and only.songs == 30 and not found.lower
