from pathlib import Path

import pytest

from stemtree.experiments.definition import Experiment
from stemtree.experiments.tiny import make_tiny_corpora


@pytest.fixture(scope="session")
def tiny_corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with the songs of the size ``tiny``, whose salience the first test measures."""
    place = tmp_path_factory.mktemp("experiments")
    make_tiny_corpora(place / "data" / "tiny")
    return place


@pytest.fixture
def workplace(tiny_corpora: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same as the current folder."""
    monkeypatch.chdir(tiny_corpora)
    return tiny_corpora


@pytest.fixture
def experiment() -> Experiment:
    """Two arms, and a claim about them."""
    return Experiment(
        question="Which?",
        source="nowhere",
        task="guitar",
        arms={"direct": {"relation": {"kind": "direct"}}, "tree": {"relation": {"kind": "tree"}}},
        claims=[{"first": "direct", "second": "tree"}],
    )
