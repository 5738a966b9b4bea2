import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from stemtree.errors import ModelError
from stemtree.masks.relation import RelationSettings
from stemtree.model_card import Card, read_card
from stemtree.model_files import card_file
from stemtree.networks.mask_inference import MaskInferenceSettings
from stemtree.separation.splitters.registry import DEFAULT_MODEL
from stemtree.spectral import Stft


def test_python_may_use_either_name_of_the_threshold() -> None:
    network = MaskInferenceSettings()
    settings = {"hierarchy": "pair", "tree": {"a": {}, "b": {}}, "nodes": ("a",), "network": network}
    card = Card(**settings, relation=RelationSettings(), stft=Stft(), inactive_below_db=-30)
    assert card.inactive_below_db == -30 and card.as_file()["inactive_below_db"] == -30
    assert Card(**settings, relation=RelationSettings(), stft=Stft(), inactive_below_db=-30) == card
    assert "follows_position" not in card.as_file()
    following = card.model_copy(update={"follows_position": True})
    assert following.as_file()["follows_position"] is True and following.settings_digest != card.settings_digest
    with pytest.raises(ValidationError):
        Card.model_validate(card.as_file() | {"inactive_below_db": 3.0})


def test_the_default_models_card_keeps_its_form() -> None:
    text = card_file(DEFAULT_MODEL).read_text("utf-8")
    assert Card.model_validate_json(text).as_file() == json.loads(text)
    assert read_card(DEFAULT_MODEL).as_file() == json.loads(text)


def test_a_card_that_is_missing_or_not_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read the model '.*none'"):
        read_card(tmp_path / "none")
    with pytest.raises(ModelError, match=r"holds no model, as there is no config\.json in it: give a"):
        read_card(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match=r"the card '.*config\.json' is not one of ours: the setting 'hierarchy' is"):
        read_card(tmp_path)
