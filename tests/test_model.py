import json
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from stemtree.errors import ModelError
from stemtree.masks.relation import RelationSettings
from stemtree.model import CARD, Card, Model, load_model, make_model, save_model
from stemtree.networks.mask_inference import MaskInferenceSettings
from stemtree.separation.splitters.registry import DEFAULT_MODEL
from stemtree.spectral import Stft

CONTENT = {
    "hierarchy": "pair",
    "tree": {"a": {}, "b": {"c": {}, "d": {}}},
    "nodes": ["a", "b", "b/c", "b/d"],
    "relation": {"kind": "tree"},
    "network": {"kind": "mask_inference", "layers": 1, "units": 4},
    "stft": {"window": 64, "hop": 32, "sample_rate": 8000},
}


def _model(channels: int = 1) -> Model:
    torch.manual_seed(0)
    return make_model(Card.model_validate(CONTENT | {"channels": channels, "fade": -20.0}))


def test_a_saved_model_gives_the_same_masks(tmp_path: Path) -> None:
    model = _model()
    model.network.eval()
    save_model(model, tmp_path / "model")
    assert {file.name for file in (tmp_path / "model").iterdir()} == {"model.json", "model.safetensors"}
    mixture = torch.randn(2, 1, 33, 7, dtype=torch.complex64)
    for place in ("model", "model/model.json", "model/model.safetensors"):
        loaded = load_model(tmp_path / place)
        assert loaded.card == model.card and not loaded.network.training
        with torch.inference_mode():
            assert torch.equal(loaded.estimate(mixture).masks, model.estimate(mixture).masks)


def test_the_threshold_of_suppression_is_called_fade_in_the_file(tmp_path: Path) -> None:
    """As in every card that was ever written; Python may use either name."""
    folder = save_model(_model(), tmp_path)
    assert json.loads((folder / CARD).read_text("utf-8"))["fade"] == -20
    assert load_model(folder).card.inactive_below_db == -20
    card = Card(
        hierarchy="pair",
        tree={"a": {}, "b": {}},
        nodes=("a",),
        relation=RelationSettings(),
        network=MaskInferenceSettings(),
        stft=Stft(),
        inactive_below_db=-30,
    )
    assert card.inactive_below_db == -30
    with pytest.raises(ValidationError):
        Card.model_validate(CONTENT | {"fade": 3.0})


def test_the_default_models_card_keeps_its_form() -> None:
    text = (DEFAULT_MODEL / CARD).read_text("utf-8")
    assert Card.model_validate_json(text).model_dump(mode="json", by_alias=True) == json.loads(text)


def test_one_channel_is_the_average_and_frames_can_be_skipped() -> None:
    model = _model()
    model.network.eval()
    mixture = torch.randn(1, 2, 33, 8, dtype=torch.complex64)
    with torch.inference_mode():
        masks = model.estimate(mixture).masks
        assert masks.shape == (1, 4, 1, 33, 8)
        assert torch.equal(masks, model.estimate(mixture.mean(dim=1, keepdim=True)).masks)
        assert torch.equal(masks[..., ::3], model.estimate(mixture, frame_step=3).masks)
        assert _model(channels=2).estimate(mixture).masks.shape == (1, 4, 2, 33, 8)


def test_damaged_models(tmp_path: Path) -> None:
    save_model(_model(), tmp_path / "run")
    weights, card = tmp_path / "run" / "model.safetensors", tmp_path / "run" / "model.json"
    whole, content = weights.read_bytes(), json.loads(card.read_text())
    weights.write_bytes(whole[:-9])
    with pytest.raises(ModelError, match=r"the weights '.*' are damaged"):
        load_model(tmp_path / "run")
    weights.write_bytes(whole)
    card.write_text(json.dumps(content | {"channels": 2}))
    with pytest.raises(ModelError, match="do not fit their card"):
        load_model(tmp_path / "run")
    card.write_text(json.dumps(content | {"colour": 2}))
    with pytest.raises(ModelError, match="there is no setting 'colour'"):
        load_model(tmp_path / "run")
    card.write_text("{")
    with pytest.raises(ModelError, match=r"the card '.*model\.json' is not one of ours: invalid JSON: [^']*$"):
        load_model(tmp_path / "run")
    for changes in ({"tree": {"a": "b"}}, {"nodes": ["nonsense"]}, {"stft": content["stft"] | {"hop": 0}}):
        card.write_text(json.dumps(content | changes))
        with pytest.raises(ModelError, match=r"the card '.*model\.json' is not one of ours: "):
            load_model(tmp_path / "run")
    card.write_text(json.dumps(content))
    values = load_file(weights)
    next(value for value in values.values() if value.is_floating_point()).view(-1)[0] = torch.nan
    save_file(values, weights)
    with pytest.raises(ModelError, match="hold values that are no numbers: get a whole copy"):
        load_model(tmp_path / "run")
    with pytest.raises(ModelError, match=r"cannot read the model '.*none'"):
        load_model(tmp_path / "none")
