from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemtree.curation.annotation.evidence import Evidence, measure_file

RATE = 16000
TIME = np.arange(8 * RATE) / RATE


def measure(folder: Path, samples: np.ndarray) -> Evidence:
    soundfile.write(folder / "a.wav", samples, RATE, "FLOAT")
    return measure_file("s", "a.wav", folder / "a.wav")


def test_a_tone_and_clicks(tmp_path: Path) -> None:
    tone = measure(tmp_path, 0.5 * np.sin(2 * np.pi * 440 * TIME))
    assert tone.percussive < 0.01 and tone.low < 440 < tone.high + RATE / 1024
    assert (tone.seconds, tone.channels, tone.silent) == (8, 1, 0)
    assert tone.peak == pytest.approx(20 * np.log10(0.5), abs=1e-3)
    clicks = np.zeros(len(TIME))
    clicks[::4000] = 0.5
    assert measure(tmp_path, clicks).percussive > 0.9


def test_silence_is_counted_in_tenths_of_a_second(tmp_path: Path) -> None:
    half = np.where(TIME < 4, np.sin(2 * np.pi * 440 * TIME), 0)
    assert measure(tmp_path, np.stack([half, half], axis=1)).silent == pytest.approx(0.5, abs=0.02)
    assert measure(tmp_path, np.zeros(800)) == Evidence("s", "a.wav", 0.05, 1, -np.inf, 1.0)


def test_channels_that_cancel_each_other_are_heard(tmp_path: Path) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * TIME)
    mono, inverted = measure(tmp_path, tone), measure(tmp_path, np.stack([tone, -tone], axis=1))
    assert inverted == replace(mono, channels=2)
    one_side = measure(tmp_path, np.stack([tone, np.zeros(len(tone))], axis=1))
    assert (one_side.low, one_side.high, one_side.silent) == (mono.low, mono.high, 0)


def test_a_file_that_cannot_be_read_is_a_doubt(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"no audio")
    found = measure_file("s", "a.wav", tmp_path / "a.wav")
    assert found.channels == 0 and "cannot be read as audio" in found.doubts[0]
