import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from stemtree.errors import ModelError
from stemtree.model import Model, load_model, make_model, save_model
from stemtree.model_card import Card
from stemtree.model_files import CARD, OLD_CARD, WEIGHTS

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
    return make_model(Card.model_validate(CONTENT | {"channels": channels, "inactive_below_db": -20.0}))


def test_a_saved_model_gives_the_same_masks(tmp_path: Path) -> None:
    model = _model()
    model.network.eval()
    save_model(model, tmp_path / "model")
    assert {file.name for file in (tmp_path / "model").iterdir()} == {"README.md", "config.json", "model.safetensors"}
    mixture = torch.randn(2, 1, 33, 7, dtype=torch.complex64)
    for place in ("model", "model/config.json", "model/model.safetensors"):
        loaded = load_model(tmp_path / place)
        assert loaded.card == model.card and not loaded.network.training
        with torch.inference_mode():
            assert torch.equal(loaded.estimate(mixture).masks, model.estimate(mixture).masks)


def test_mid_and_side_as_the_channels_that_a_model_hears(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = make_model(Card.model_validate(CONTENT | {"channels": "mid_side"}))
    save_model(model, tmp_path)
    assert json.loads((tmp_path / CARD).read_text("utf-8"))["channels"] == "mid_side"
    model, left = load_model(tmp_path), torch.randn(1, 1, 33, 7, dtype=torch.complex64)
    centre, one_side = torch.cat([left, left], dim=1), torch.cat([left, 0 * left], dim=1)
    masks = [model.estimate(mixture).masks for mixture in (centre, one_side, one_side.flip(1), 0.1 * one_side)]
    assert not torch.allclose(masks[0], masks[1], atol=1e-3)
    torch.testing.assert_close(masks[1], masks[2])  # left and right are alike
    stereo = make_model(Card.model_validate(CONTENT | {"channels": 2}))
    stereo.network.load_state_dict(model.network.state_dict())  # of the same size


def test_others_may_read_a_saved_model(tmp_path: Path) -> None:
    folder = save_model(_model(), tmp_path)
    modes = {name: (folder / name).stat().st_mode & 0o777 for name in (CARD, WEIGHTS)}
    assert modes[CARD] == modes[WEIGHTS]


def test_cards_of_earlier_models_are_read(tmp_path: Path) -> None:
    model = _model()
    folder = save_model(model, tmp_path)
    (folder / CARD).rename(folder / OLD_CARD)
    assert load_model(folder).card == load_model(folder / OLD_CARD).card == model.card
    save_model(model, folder)  # anew: there are no two cards
    assert (folder / CARD).exists() and not (folder / OLD_CARD).exists()


def test_to_the_hub_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    there = tmp_path / "hub"

    def upload_folder(self: object, *, folder_path: Path, repo_id: str, **options: object) -> None:
        shutil.copytree(folder_path, there / repo_id)

    monkeypatch.setattr(hub.HfApi, "create_repo", lambda self, name, **options: f"https://hub/{name}")
    monkeypatch.setattr(hub.HfApi, "upload_folder", upload_folder)
    monkeypatch.setattr(hub, "hf_hub_download", lambda name, file, **options: str(there / name / file))
    monkeypatch.chdir(tmp_path)
    model = _model()
    assert model.push_to_hub("me/pair", private=True) == "https://hub/me/pair"
    page = (there / "me" / "pair" / "README.md").read_text("utf-8")
    assert "stemtree separate song.wav --splitter hf:me/pair" in page and "library_name: stemtree" in page
    loaded = Model.from_pretrained("me/pair")
    assert loaded.card == model.card == load_model("hf:me/pair").card
    assert Model.from_pretrained(model.save_pretrained(tmp_path / "mine")).card == model.card
    (there / "me" / "pair" / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match=r"the card '.*config\.json' is not one of ours: the setting 'hierarchy' is"):
        Model.from_pretrained("me/pair")


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
    weights, card = tmp_path / "run" / "model.safetensors", tmp_path / "run" / "config.json"
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
    with pytest.raises(ModelError, match=r"the card '.*config\.json' is not one of ours: invalid JSON: [^']*$"):
        load_model(tmp_path / "run")
    for changes in ({"tree": {"a": "b"}}, {"nodes": ["nonsense"]}, {"stft": content["stft"] | {"hop": 0}}):
        card.write_text(json.dumps(content | changes))
        with pytest.raises(ModelError, match=r"the card '.*config\.json' is not one of ours: "):
            load_model(tmp_path / "run")
    card.write_text(json.dumps(content))
    values = load_file(weights)
    next(value for value in values.values() if value.is_floating_point()).view(-1)[0] = torch.nan
    save_file(values, weights)
    with pytest.raises(ModelError, match="hold values that are no numbers: get a whole copy"):
        load_model(tmp_path / "run")
    with pytest.raises(ModelError, match=r"cannot read the model '.*none'"):
        load_model(tmp_path / "none")
