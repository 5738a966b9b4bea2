import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from stemtree.errors import ModelError
from stemtree.model import load_model
from stemtree.training.configuration import read_settings
from stemtree.training.run import train


def test_damaged_models(config: Path, tmp_path: Path) -> None:
    train(read_settings([config]), tmp_path / "run")
    weights, card = tmp_path / "run" / "model.safetensors", tmp_path / "run" / "model.json"
    whole, told = weights.read_bytes(), json.loads(card.read_text())
    weights.write_bytes(whole[:-9])
    with pytest.raises(ModelError, match=r"the weights '.*' are damaged"):
        load_model(tmp_path / "run")
    weights.write_bytes(whole)
    card.write_text(json.dumps(told | {"channels": 2}))
    with pytest.raises(ModelError, match="do not fit their card"):
        load_model(tmp_path / "run")
    card.write_text(json.dumps(told | {"colour": 2}))
    with pytest.raises(ModelError, match="there is no setting 'colour'"):
        load_model(tmp_path / "run")
    card.write_text("{")
    with pytest.raises(ModelError, match=r"the card '.*model\.json' is not one of ours: invalid JSON: [^']*$"):
        load_model(tmp_path / "run")
    for changes in ({"tree": {"a": "b"}}, {"nodes": ["nonsense"]}, {"stft": told["stft"] | {"hop": 0}}):
        card.write_text(json.dumps(told | changes))
        with pytest.raises(ModelError, match=r"the card '.*model\.json' is not one of ours: "):
            load_model(tmp_path / "run")
    card.write_text(json.dumps(told))
    values = load_file(weights)
    next(value for value in values.values() if value.is_floating_point()).view(-1)[0] = torch.nan
    save_file(values, weights)
    with pytest.raises(ModelError, match="hold values that are no numbers: get a whole copy"):
        load_model(tmp_path / "run")
    with pytest.raises(ModelError, match=r"cannot read the model '.*none'"):
        load_model(tmp_path / "none")
