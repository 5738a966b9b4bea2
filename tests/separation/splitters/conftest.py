"""Splitters that tests of several modules use."""

from pathlib import Path

import pytest
import torch
from support import separator_packages as packages

from stemtree.hierarchy import load
from stemtree.masks.relation import RelationSettings
from stemtree.model import Card, make_model, save_model
from stemtree.networks.folded_conv import FoldedConvSettings
from stemtree.separation.splitters.trained import TrainedSplitter
from stemtree.spectral import Stft

MS21 = load("ms21")


@pytest.fixture(params=packages.MAKE)
def splitter(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return packages.MAKE[request.param](tmp_path, monkeypatch)


@pytest.fixture
def band(tmp_path: Path) -> TrainedSplitter:
    """An untrained model of everything under the accompaniment, as the default one is."""
    tree = MS21.subtree("accompaniment")
    network = FoldedConvSettings(widths=(4, 4), squeeze=2, units=4)
    card = Card(
        hierarchy="ms21", tree=tree.as_dict(), root="accompaniment", nodes=tree.leaves(), network=network,
        relation=RelationSettings(kind="tree"), stft=Stft(),
    )  # fmt: skip
    torch.manual_seed(1)
    return TrainedSplitter(save_model(make_model(card), tmp_path / "band"))
