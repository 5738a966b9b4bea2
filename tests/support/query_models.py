"""A model that takes queries, with random weights."""

from collections.abc import Sequence
from pathlib import Path

import torch

from stemtree.masks.relation import RelationSettings
from stemtree.model import make_model, save_model
from stemtree.model_card import Card
from stemtree.networks.query_by_example import QueryByExampleSettings
from stemtree.spectral import Stft


def make_query_model(folder: Path, targets: Sequence[str], sample_rate: int = 4000) -> Path:
    """Two levels of a path."""
    card = Card(
        hierarchy="musdb18, one path",
        tree={"level_2": {"level_1": {}, "rest": {}}, "rest": {}},
        nodes=("level_2/level_1", "level_2"),
        relation=RelationSettings(kind="constrained"),
        network=QueryByExampleSettings(layers=1, query_layers=1, units=6, dimensions=4),
        stft=Stft(128, 64, sample_rate),
        training={"targets": list(targets)} if targets else {},
    )
    torch.manual_seed(0)
    return save_model(make_model(card), folder)
