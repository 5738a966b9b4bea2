"""Models that take queries, with random weights."""

from collections.abc import Sequence
from pathlib import Path

import torch
import yaml

import stemtree
from stemtree.masks.relation import RelationSettings
from stemtree.model import make_model, save_model
from stemtree.model_card import Card
from stemtree.networks.base import BaseNetworkSettings
from stemtree.networks.component_query import ComponentQuerySettings
from stemtree.networks.folded_conv import Band
from stemtree.networks.query_by_example import QueryByExampleSettings
from stemtree.spectral import Stft

CONFIGURATION = Path(stemtree.__file__).with_name("training") / "configs" / "query.yaml"


def make_query_model(folder: Path, targets: Sequence[str], sample_rate: int = 4000) -> Path:
    """Two levels of a path."""
    network = QueryByExampleSettings(layers=1, query_layers=1, units=6, dimensions=4)
    return _two_levels(folder, targets, sample_rate, network, "constrained")


def make_named_model(folder: Path, targets: Sequence[str], sample_rate: int = 4000) -> Path:
    """Two levels of a path, of a model that knows examples by name and tells what is in a song."""
    network = ComponentQuerySettings(widths=(4, 8), squeeze=2, units=4, components=3, classes=len(targets), named=True)
    return _two_levels(folder, targets, sample_rate, network, "tree")


def _two_levels(
    folder: Path, targets: Sequence[str], sample_rate: int, network: BaseNetworkSettings, relation: str
) -> Path:
    card = Card(
        hierarchy="musdb18, one path",
        tree={"level_2": {"level_1": {}, "rest": {}}, "rest": {}},
        nodes=("level_2/level_1", "level_2"),
        relation=RelationSettings(kind=relation),
        network=network,
        stft=Stft(128, 64, sample_rate),
        training={"targets": list(targets)} if targets else {},
    )
    torch.manual_seed(0)
    return save_model(make_model(card), folder)


def make_stand_in(folder: Path) -> Path:
    """A small model of the form of the one that comes along: three levels of any path of Slakh's tree, 44.1 kHz."""
    configuration = yaml.safe_load(CONFIGURATION.read_text("utf-8"))
    tree: dict = {}
    for level in (1, 2, 3):
        tree = {f"level_{level}": tree, "rest": {}}
    card = Card(
        hierarchy="slakh, one path",
        tree=tree,
        nodes=("level_3/level_2/level_1", "level_3/level_2", "level_3"),
        relation=RelationSettings(kind="tree"),
        network=ComponentQuerySettings(
            bands=(Band(fold=32),),
            widths=(4, 8),
            squeeze=2,
            units=4,
            components=6,
            classes=4,
        ),
        stft=Stft(**configuration["stft"]),
        channels=2,
        training={"hierarchy": configuration["hierarchy"], "targets": configuration["targets"]},
        metrics={"noise": {"level_3": {"si_sdr_improvement": 0.5, "chunks": 2}}},
        present_db=-90.0,
    )
    torch.manual_seed(0)
    return save_model(make_model(card), folder)
