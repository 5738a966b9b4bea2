"""The recipe ``recipes/soundfonts/synthesisers.py`` in small, in its own process: Vital changes rounding of floats."""

import subprocess
import sys
from importlib import util
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemtree.rendering.sfz import check_sfz

FILE = Path(__file__).parents[2] / "recipes" / "soundfonts" / "synthesisers.py"


def draw(folder: Path) -> None:
    if util.find_spec("vita") is None:
        pytest.skip("Vital is not installed")
    subprocess.run([sys.executable, FILE, folder, "--sounds", "1", "--basses", "1"], check=True)


def test_drawn_sounds_are_instruments_in_tune(tmp_path: Path) -> None:
    pytest.importorskip("pysfizz")
    draw(tmp_path)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["bass_00", "keys_00"]
    times = {}
    for folder in tmp_path.iterdir():
        check_sfz(folder / f"{folder.name}.sfz")
        loudness = []
        for file in folder.glob("*.flac"):
            note, rate = soundfile.read(file, always_2d=True)
            assert rate == 44100 and note.shape == (6 * rate, 2)
            assert abs(note.mean()) < 1e-3 and np.abs(note).max() < 0.95
            loudness.append(max(np.sqrt((half**2).mean()) for half in np.split(note, 12)))
            times[file] = file.stat().st_mtime_ns
        assert np.mean(loudness) == pytest.approx(0.1, rel=0.02)
        note = soundfile.read(folder / "48.flac")[0].mean(axis=1)[: 2 * 44100]
        spectrum = np.abs(np.fft.rfft(note * np.hanning(len(note)))) ** 2
        number = np.arange(len(spectrum)) / (2 * 440 * 2 ** ((48 - 69) / 12))  # of the harmonic; bins of half a hertz
        assert spectrum[np.abs(number - np.round(number)) < 0.05].sum() > 0.7 * spectrum.sum()
    draw(tmp_path)
    assert all(file.stat().st_mtime_ns == before for file, before in times.items())
