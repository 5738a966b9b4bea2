from pathlib import Path

import pytest
from support.query_models import make_query_model

from stemtree.errors import OptionError
from stemtree.evaluation.estimators.bounds import IdealMask, Mixture
from stemtree.evaluation.estimators.pipeline import Pipeline
from stemtree.evaluation.estimators.query_model import QueryModel
from stemtree.evaluation.estimators.registry import make_estimator
from stemtree.hierarchy import load
from stemtree.spectral import Stft

NODES = ("vocals", "accompaniment")


def test_estimators_by_name(tmp_path: Path) -> None:
    assert make_estimator("mixture", NODES) == Mixture(NODES)
    stft = Stft(64, 32, 4000)
    assert make_estimator("oracle:ibm", NODES, stft) == IdealMask("ibm", NODES, stft)
    ms21 = load("ms21")
    assert make_estimator("separate", NODES, hierarchy=ms21) == Pipeline(hierarchy=ms21)
    folder = make_query_model(tmp_path / "model", ["accompaniment/bass"])
    assert make_estimator(str(folder), NODES) == QueryModel(folder)


@pytest.mark.parametrize("name", ["mixtures", "mixture:x", "mean", "mean:", "", "x" * 5000])
def test_names_that_mean_nothing(name: str) -> None:
    with pytest.raises(OptionError, match="there is no estimator"):
        make_estimator(name, NODES)


def test_every_estimator_tells_its_name(tmp_path: Path) -> None:
    folder = str(make_query_model(tmp_path / "model", ["accompaniment/bass"]))
    for name in ("mixture", "oracle:irm", "separate", folder):
        assert make_estimator(name, NODES).name == name
