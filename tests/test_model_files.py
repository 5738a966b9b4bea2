"""Where the files of a model are."""

from pathlib import Path

import pytest

from stemtree import model_files
from stemtree.model_files import CARD, OLD_CARD, WEIGHTS, card_file, has_model, weights_file


def test_cards_and_weights_of_a_folder(tmp_path: Path) -> None:
    assert card_file(tmp_path) == tmp_path / CARD and not has_model(tmp_path)
    (tmp_path / OLD_CARD).touch()
    assert card_file(tmp_path) == card_file(tmp_path / WEIGHTS) == tmp_path / OLD_CARD and has_model(tmp_path)
    (tmp_path / CARD).touch()
    assert card_file(tmp_path) == tmp_path / CARD
    assert card_file(tmp_path / OLD_CARD) == tmp_path / OLD_CARD  # the one that is named
    assert weights_file(tmp_path) == weights_file(tmp_path / CARD) == tmp_path / WEIGHTS


def test_only_what_is_asked_for_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "fetch", lambda name, files: tmp_path / files[0])
    assert (card_file("hf:me/mine"), weights_file("hf:me/mine")) == (tmp_path / CARD, tmp_path / WEIGHTS)
