"""Splitters that tests of several modules use."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from support import separator_packages as packages

from stemtree.hierarchy import Hierarchy, NodePath, load
from stemtree.masks.relation import RelationSettings
from stemtree.model import make_model, save_model
from stemtree.model_card import Card, Channels
from stemtree.networks.folded_conv import FoldedConvSettings
from stemtree.separation.splitters.trained import TrainedSplitter
from stemtree.spectral import Stft


@pytest.fixture(params=packages.MAKE)
def splitter(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return packages.MAKE[request.param](tmp_path, monkeypatch)


@pytest.fixture
def mapped(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a file with a stem map."""

    def write(text: str) -> Path:
        file = tmp_path / "stems.yaml"
        file.write_text(text)
        return file

    return write


@pytest.fixture
def band(tmp_path: Path) -> TrainedSplitter:
    """An untrained model of everything under the accompaniment, as the default one is."""
    return _untrained(load("ms21"), "accompaniment", tmp_path / "band")


@pytest.fixture
def pieces(tmp_path: Path) -> TrainedSplitter:
    """An untrained model of the pieces of the drum set."""
    return _untrained(load("ms21_deep"), "accompaniment/percussion/drum_set", tmp_path / "pieces")


@pytest.fixture
def voices(tmp_path: Path) -> TrainedSplitter:
    """An untrained model of lead and backing voices, which hears mid and side."""
    return _untrained(load("ms21"), "vocal", tmp_path / "voices", channels="mid_side")


def _untrained(hierarchy: Hierarchy, root: NodePath, folder: Path, channels: Channels = 1) -> TrainedSplitter:
    tree = hierarchy.subtree(root)
    network = FoldedConvSettings(widths=(4, 4), squeeze=2, units=4)
    card = Card(
        hierarchy=hierarchy.name, tree=tree.as_dict(), root=root, nodes=tree.leaves(), network=network,
        relation=RelationSettings(kind="tree"), stft=Stft(), channels=channels,
    )  # fmt: skip
    torch.manual_seed(1)
    return TrainedSplitter(save_model(make_model(card), folder))
