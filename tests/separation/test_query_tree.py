import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from support.query_models import make_named_model, make_query_model

import stemtree
from stemtree.audio import ArraySource
from stemtree.errors import AudioError, AudioWarning, OptionError
from stemtree.model import load_model, save_model
from stemtree.separation.query_tree import QueryTree
from stemtree.separation.splitters.stacked import QueryStack

RATE = 8000
BASS, DRUMS, OTHER = (f"accompaniment/{name}" for name in ("bass", "drums", "other"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_query_model(tmp_path_factory.mktemp("model"), [BASS, DRUMS, OTHER], RATE)


@pytest.fixture
def song() -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, (2, 2 * RATE)).astype(np.float32)


def examples(folder: Path, **hertz: float) -> Path:
    folder.mkdir()
    for name, pitch in hertz.items():
        soundfile.write(folder / f"{name}.wav", 0.5 * np.sin(2 * np.pi * pitch * np.arange(RATE) / RATE), RATE)
    return folder


def test_a_tree_that_adds_up(model: Path, song: np.ndarray, tmp_path: Path) -> None:
    folder = examples(tmp_path / "like", bass=100, drum=3000)  # `drum` is an alias
    result = stemtree.query(song, RATE, like=folder, model=model, present_db=-90)
    assert result.hierarchy.as_dict() == {"accompaniment": {"bass": {}, "drums": {}, "rest": {}}, "rest": {}}
    np.testing.assert_allclose(result["accompaniment"].audio + result["rest"].audio, song, atol=1e-6)
    assert not np.allclose(result[BASS].audio, result[DRUMS].audio)


def test_what_is_not_there_is_left_out(model: Path, song: np.ndarray, tmp_path: Path, monkeypatch) -> None:
    folder = examples(tmp_path / "like", bass=100, drums=3000, other=700)
    heard = QueryTree(model, folder).listen(ArraySource(song, RATE, "song"))
    assert set(heard) == {BASS, DRUMS, OTHER} and all(-60 < decibels < 0 for decibels in heard.values())
    monkeypatch.setattr(QueryTree, "there", lambda self, loudness: (BASS,))
    soundfile.write(tmp_path / "song.wav", song.T, RATE, "FLOAT")
    done: list[tuple[int, int | None]] = []
    with pytest.warns(AudioWarning, match=r"not heard in '.*song.wav' and left out: drums, other"):
        saved = QueryTree(model, folder).save(
            tmp_path / "song.wav", tmp_path / "out", progress=lambda *at: done.append(at)
        )
    assert done == sorted(done) and done[-1] == (2 * RATE, 2 * RATE)
    written = json.loads((saved.folder / "tree.json").read_text())
    assert written["hierarchy"]["tree"] == {"accompaniment": {"bass": {}}, "rest": {}}
    assert set(written["splitters"][0]["like"]) == {BASS, DRUMS, OTHER}
    stems = [soundfile.read(saved.folder / f"{name}.wav")[0] for name in (BASS, "rest")]
    np.testing.assert_allclose(np.sum(stems, axis=0), song.T, atol=1e-6)


def test_how_loud_is_there(model: Path, tmp_path: Path) -> None:
    """What is given, or else what the model's card says, or else the guess."""
    folder, loudness = examples(tmp_path / "like", bass=100), {BASS: -5.0, DRUMS: -15.0, OTHER: -25.0}
    assert QueryTree(model, folder).there(loudness) == (BASS, DRUMS)
    assert QueryTree(model, folder, -30).there(loudness) == (BASS, DRUMS, OTHER)
    fitted = load_model(model)
    card = fitted.card.model_copy(update={"present_db": -10.0})
    save_model(replace(fitted, card=card), tmp_path / "fitted")
    assert QueryTree(tmp_path / "fitted", folder).there(loudness) == (BASS,)
    assert QueryTree(tmp_path / "fitted", folder, -20).there(loudness) == (BASS, DRUMS)


def test_a_model_that_tells_what_is_there(song: np.ndarray, tmp_path: Path) -> None:
    """By log-odds, unless a loudness is given."""
    folder = make_named_model(tmp_path / "model", [DRUMS, BASS, OTHER], RATE)
    model = load_model(folder)
    with torch.no_grad():
        model.network.presence.weight.zero_()
        model.network.presence.bias.copy_(torch.tensor([-0.1, 2.0, 0.1]))
    save_model(model, folder)
    like, source = examples(tmp_path / "like", bass=100, drums=3000), ArraySource(song, RATE, "song")
    tree = QueryTree(folder, like)
    assert tree.listen(source) == pytest.approx({BASS: 2.0, DRUMS: -0.1}) and not tree.by_loudness
    with pytest.warns(AudioWarning, match="left out: drums"):
        assert tree.separate(song, RATE).hierarchy.as_dict() == {"accompaniment": {"bass": {}, "rest": {}}, "rest": {}}
    with pytest.raises(OptionError, match="is heard in 'the array': give others, or a loudness from which"):
        tree.separate(0 * song, RATE)
    family = QueryTree(folder, examples(tmp_path / "family", accompaniment=700))  # any of the three
    assert family.listen(source) == pytest.approx({"accompaniment": 2.0})
    with pytest.raises(OptionError, match="the model has not learned 'vocals': it knows accompaniment/drums, "):
        QueryTree(folder, {"vocals": tree.stack.examples[BASS]})
    by_loudness = QueryTree(folder, like, -60)
    assert by_loudness.by_loudness and max(by_loudness.listen(source).values()) < 0


def test_a_name_tells_what_an_example_is(song: np.ndarray, tmp_path: Path) -> None:
    folder = make_named_model(tmp_path / "model", [DRUMS, BASS], RATE)
    model = load_model(folder)
    with torch.no_grad():  # drums own the first component, bass the second, whatever examples sound like
        model.network.recognise.weight.zero_()
        model.network.recognise.bias.zero_()
        model.network.owners.zero_()
        model.network.owners[:, 1] = 20
        model.network.owners[0, 0, 0] = model.network.owners[1, 0, 1] = 40
    save_model(model, folder)
    for name, component in (("bass", 1), ("drums", 0)):
        stack = QueryStack(folder, examples(tmp_path / name, **{name: 700}))
        mixture = stack.stft.transform(torch.from_numpy(song))
        (answer,) = stack.answers(mixture, stack.examples).values()
        heard = stack.model.hear(mixture[None])[0]
        # Four fifths by the name; by its sound it may be either.
        torch.testing.assert_close(answer[2], 0.9 * heard[component] + 0.1 * heard[1 - component], atol=1e-5, rtol=1e-4)


def test_what_cannot_be_asked(model: Path, song: np.ndarray, tmp_path: Path) -> None:
    like, short = examples(tmp_path / "like", bass=100), tmp_path / "short"
    short.mkdir()
    soundfile.write(short / "bass.wav", np.ones(80) / 2, RATE)
    for options, error, message in (
        ({"present_db": -0.001}, OptionError, "none of the 1 instruments of the examples is heard in 'the array'"),
        ({"present_db": 3}, OptionError, "3 dB above the song cannot be"),
        ({"stretch": "0-1"}, OptionError, "is a folder of examples: a stretch"),
        ({"level": 1}, OptionError, "make a whole tree: leave out the level"),
        ({"like": examples(tmp_path / "none")}, AudioError, "none' holds no recordings"),
        ({"like": examples(tmp_path / "odd", theremin=1)}, OptionError, "instrument of the example 'theremin.wav'"),
        ({"like": examples(tmp_path / "two", bass=1, Bass=2)}, OptionError, "are examples of 'accompaniment/bass'"),
        ({"like": examples(tmp_path / "in", bass=1, accompaniment=2)}, OptionError, "one within the other: keep one"),
        ({"like": examples(tmp_path / "voice", vocals=1)}, OptionError, "has not learned the instrument of .*vocals"),
        ({"like": examples(tmp_path / "silent", bass=0)}, OptionError, "bass.wav' is silent"),
        ({"like": short}, OptionError, "bass.wav' has 80 samples: give at least one window of 128"),
    ):
        with pytest.raises(error, match=message):
            stemtree.query(song, RATE, **{"like": like, "model": model} | options)


def test_a_model_without_targets(tmp_path: Path) -> None:
    folder = examples(tmp_path / "like", bass=100)
    with pytest.raises(OptionError, match="names no 'targets'"):
        QueryTree(make_query_model(tmp_path / "model", [], RATE), folder)


def test_a_pipe_is_read_once(model: Path, song: np.ndarray, tmp_path: Path) -> None:
    folder = examples(tmp_path / "like", bass=100)
    soundfile.write(tmp_path / "song.wav", song.T, RATE, "FLOAT")
    os.mkfifo(tmp_path / "pipe")
    feed = threading.Thread(
        target=lambda: (tmp_path / "pipe").write_bytes((tmp_path / "song.wav").read_bytes()), daemon=True
    )
    feed.start()
    saved = QueryTree(model, folder, -90).save(tmp_path / "pipe", tmp_path / "out")
    QueryTree(model, folder, -90).save(tmp_path / "song.wav", tmp_path / "out")
    assert saved.folder == tmp_path / "out" / "pipe"
    for name in (BASS, "rest"):
        stems = [(tmp_path / "out" / song / f"{name}.wav").read_bytes()[-1000:] for song in ("pipe", "song")]
        assert stems[0] == stems[1]
