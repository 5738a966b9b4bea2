from pathlib import Path

import pytest
import torch

from stemtree.errors import ModelError
from stemtree.training.configuration import read_settings
from stemtree.training.run import train


def test_a_run_may_begin_with_the_weights_of_another(config: Path, tmp_path: Path) -> None:
    first = train(read_settings([config]), tmp_path / "first")
    changes = [f"weights={tmp_path / 'first'}", "learning_rate=1e-12", "seed=3"]
    model = train(read_settings([config], changes), tmp_path / "run")
    parameters = dict(first.network.named_parameters())  # without the statistics of batch norms, which change at once
    assert all(torch.allclose(tensor, parameters[name]) for name, tensor in model.network.named_parameters())
    assert model.card.training["began_with"] == first.card.training
    assert model.card.training["weights"] == "first"  # cards are published: they tell of no place on a machine
    assert len(model.card.corpora) == 2
    moved = train(read_settings([config], [*changes[:1], "learning_rate=0.01"]), tmp_path / "moved")
    assert not any(torch.equal(tensor, parameters[name]) for name, tensor in moved.network.named_parameters())
    (tmp_path / "first").rename(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="cannot read the model"):
        train(read_settings([config], changes), tmp_path / "other")
    changes = [f"weights={tmp_path / 'elsewhere'}", "network.units=4"]
    with pytest.raises(ModelError, match=r"the model '.*elsewhere' is of another network: give other 'weights'"):
        train(read_settings([config], changes), tmp_path / "other")
    changes = [*changes[:1], "targets=[strings_guitar_keyboards]"]
    with pytest.raises(ModelError, match=r"the model '.*elsewhere' is of another hierarchy"):
        train(read_settings([config], changes), tmp_path / "other")
