from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.query_models import make_query_model

import stemtree
from stemtree.errors import AudioError, ModelError, OptionError

RATE = 8000


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_query_model(tmp_path / "model", ["accompaniment/bass"], RATE)


@pytest.fixture
def song() -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, (2, 2 * RATE)).astype(np.float32)


def tone(file: Path, hertz: float, seconds: float = 1.0) -> Path:
    soundfile.write(file, 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE), RATE)
    return file


def test_every_level_of_the_path(model: Path, song: np.ndarray, tmp_path: Path) -> None:
    result = stemtree.query(song, RATE, like=tone(tmp_path / "low.wav", 100), model=model)
    assert {node.path for node in result} == {"level_2", "level_2/level_1", "level_2/rest", "rest"}
    leaves = [result[path].audio for path in ("level_2/level_1", "level_2/rest", "rest")]
    np.testing.assert_allclose(np.sum(leaves, axis=0), song, atol=1e-6)
    assert all(audio.any() for audio in leaves)
    other = stemtree.query(song, RATE, like=tone(tmp_path / "high.wav", 3000), model=model)
    assert not np.allclose(other["level_2"].audio, result["level_2"].audio)  # the example matters


def test_one_level_of_a_file(model: Path, song: np.ndarray, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "song.wav", song.T, RATE, "FLOAT")
    low = tone(tmp_path / "low.wav", 100)
    one = stemtree.query(tmp_path / "song.wav", like=low, model=model, level=2)
    whole = stemtree.query(song, RATE, like=low, model=model)
    np.testing.assert_allclose(one["level_2"].audio, whole["level_2"].audio, atol=1e-6)
    assert "level_2/level_1" not in {node.path for node in one}


def test_an_example_within_a_song(model: Path, tmp_path: Path) -> None:
    high = np.sin(2 * np.pi * 3000 * np.arange(2 * RATE) / RATE)
    low = np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE)
    song = 0.4 * np.concatenate([low, high]).astype(np.float32)
    file, alone = tmp_path / "song.wav", tmp_path / "low.wav"
    soundfile.write(file, song, RATE, "FLOAT")
    soundfile.write(alone, song[:RATE], RATE, "FLOAT")
    wanted = stemtree.query(file, like=alone, model=model)["level_2"].audio
    for options in ({}, {"like": file}):
        found = stemtree.query(file, stretch="0-0:01", model=model, **options)["level_2"].audio
        np.testing.assert_array_equal(found, wanted)
    found = stemtree.query(song, RATE, stretch=(0, 1), model=model)["level_2"].audio
    np.testing.assert_array_equal(found, wanted)
    other = stemtree.query(file, stretch=(1, 3), model=model)["level_2"].audio
    assert not np.allclose(other, wanted)


def test_what_cannot_be_asked(model: Path, song: np.ndarray, tmp_path: Path) -> None:
    low = tone(tmp_path / "low.wav", 100)
    for options, error, message in (
        ({"level": 3}, OptionError, r"has no level 3: give one of \[1, 2\]"),
        ({"like": tone(tmp_path / "silent.wav", 0)}, OptionError, r"silent.wav' is silent"),
        ({"like": tone(tmp_path / "short.wav", 100, 0.01)}, OptionError, "has 80 samples: give at least one window"),
        ({"like": tmp_path / "none.wav"}, AudioError, "none.wav"),
        ({"model": tmp_path / "none"}, ModelError, "cannot read the model"),
        ({"like": None}, OptionError, "nothing says what to look for: give a recording"),
        ({"stretch": "0.1-0.10001"}, OptionError, r"is shorter than one sample of '.*low.wav': give a longer one"),
        ({"stretch": "0:01-0:02"}, OptionError, r"low.wav' ends before 0:01-0:02: give a stretch within it"),
        ({"stretch": (0, 0.001)}, OptionError, r"low.wav 0:00-0:00.001' has 8 samples: give at least one window"),
    ):
        with pytest.raises(error, match=message):
            stemtree.query(song, RATE, **{"like": low, "model": model} | options)
