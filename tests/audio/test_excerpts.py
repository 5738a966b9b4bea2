"""Stretches of files as training reads them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemtree.audio import Excerpts, read
from stemtree.errors import AudioError


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_audio_is_named(value: float, tmp_path: Path) -> None:
    audio = np.zeros(1000, np.float32)
    audio[700] = value
    soundfile.write(tmp_path / "bad.wav", audio, 8000, "FLOAT")
    with Excerpts([tmp_path / "bad.wav"], [0]) as file:
        assert file.read(0, 600)[0].shape == (1, 600)
        with pytest.raises(AudioError, match=r"bad\.wav' holds NaN or infinity at sample 700"):
            file.read(500, 400)


def test_mp3_without_a_length_is_read_as_it_was_checked(mp3_without_length: Path) -> None:
    whole, _ = read(mp3_without_length)
    start = 44100 * 17
    with Excerpts([mp3_without_length], [0]) as file:
        np.testing.assert_array_equal(file.read(start, 44100)[0], whole[:, start : start + 44100].astype(np.float32))
