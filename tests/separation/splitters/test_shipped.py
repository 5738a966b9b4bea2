import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import stemtree
from stemtree.errors import AudioWarning
from stemtree.hierarchy import load
from stemtree.model_card import Card
from stemtree.model_files import card_file
from stemtree.separation.separator import Separator
from stemtree.separation.splitters import shipped
from stemtree.separation.splitters.abilities import DEFAULT_MODEL, DRUM_MODEL, QUERY_MODEL, VOICE_MODEL

DRUM_SET = "accompaniment/percussion/drum_set"


def test_the_model_of_drum_pieces_divides_the_drum_set(excerpt: np.ndarray) -> None:
    song = excerpt[:, :60000]
    shallow, deep = (Separator(name).separate(song, 44100) for name in ("ms21", "ms21_deep"))
    assert deep.hierarchy == load("ms21_deep").cut(lambda path: path == "vocal")
    for node in shallow:
        np.testing.assert_array_equal(node.audio, deep[node.path].audio)
    pieces = {child.name: child for child in deep[DRUM_SET].children}
    assert list(pieces) == ["kick", "snare", "toms", "hi_hat", "cymbals"]
    np.testing.assert_allclose(sum(piece.audio for piece in pieces.values()), deep[DRUM_SET].audio, atol=1e-6)
    assert pieces["kick"].rms_dbfs > pieces["toms"].rms_dbfs  # a song of kick, snare and hi-hat


def test_it_is_read_only_for_the_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    monkeypatch.setattr(shipped, "TrainedSplitter", lambda folder: read.append(folder) or _model(folder))
    for options in ({"hierarchy": "ms21"}, {"hierarchy": "ms21", "depth": 1}, {"nodes": "bass"}):
        Separator(**options)
    assert read == []
    assert Separator("ms21_deep", nodes="kick").plan.wanted == (f"{DRUM_SET}/kick",)
    assert read == [DRUM_MODEL]


def test_the_model_of_voices_serves_where_it_is_named(monkeypatch: pytest.MonkeyPatch, excerpt: np.ndarray) -> None:
    read: list[Path] = []
    monkeypatch.setattr(shipped, "TrainedSplitter", lambda folder: read.append(folder) or _model(folder))
    assert Separator().tree.is_leaf("vocal") and Separator(splitters="voices", nodes="vocal").tree.is_leaf("vocal")
    assert VOICE_MODEL not in read
    separator = Separator(splitters="voices", nodes=["lead vocals", "backing vocals"])
    assert separator.tree.children("vocal") == ("vocal/lead_vocal", "vocal/backing_vocal")
    centre = np.repeat(excerpt[:1, :60000], 2, axis=0)
    result = separator.separate(centre, 44100)
    lead, backing = (result[f"vocal/{name}"] for name in ("lead_vocal", "backing_vocal"))
    np.testing.assert_allclose(lead.audio + backing.audio, result["vocal"].audio, atol=1e-6)
    assert lead.rms_dbfs > backing.rms_dbfs  # what stands in the centre leads
    assert read.count(VOICE_MODEL) == 1


def test_it_says_that_mono_serves_it_badly(excerpt: np.ndarray) -> None:
    separator = Separator(splitters="voices", nodes=["lead vocals", "backing vocals"])
    with pytest.warns(AudioWarning, match="is mono: the parts of 'vocal' are told apart"):
        separator.separate(excerpt[0, :30000], 44100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        separator.separate(excerpt[:, :30000], 44100)
        Separator("ms21").separate(excerpt[0, :30000], 44100)


def _model(folder: Path) -> object:
    from stemtree.separation.splitters.trained import TrainedSplitter

    return TrainedSplitter(folder)


def test_the_package_stays_small() -> None:
    places = (DEFAULT_MODEL, DRUM_MODEL, VOICE_MODEL)
    assert sum(file.stat().st_size for place in places for file in place.iterdir()) < 8e6
    package = Path(stemtree.__file__).parent
    assert sum(file.stat().st_size for file in package.rglob("*") if file.suffix != ".pyc" and file.is_file()) < 20e6
    for place in (DRUM_MODEL, VOICE_MODEL):
        text = card_file(place).read_text("utf-8")
        assert Card.model_validate_json(text).as_file() == json.loads(text)


@pytest.mark.parametrize("model", [DEFAULT_MODEL, DRUM_MODEL, QUERY_MODEL, VOICE_MODEL])
def test_cards_tell_of_no_place_on_a_machine(model: Path) -> None:
    assert not re.search(r'"(/|~|[A-Za-z]:\\)', card_file(model).read_text("utf-8"))
