"""The recipe ``recipes/soundfonts/synthesisers.py`` in small."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from stemtree.rendering.sfz import check_sfz

FILE = Path(__file__).parents[2] / "recipes" / "soundfonts" / "synthesisers.py"


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    pytest.importorskip("vita")
    spec = importlib.util.spec_from_file_location("synthesisers", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", ["keys", "bass"])
def test_a_drawn_sound_is_an_instrument_in_tune(recipe: ModuleType, tmp_path: Path, kind: str) -> None:
    pytest.importorskip("pysfizz")
    folder = tmp_path / f"{kind}_00"
    recipe.record(kind, 0, folder)
    check_sfz(folder / f"{folder.name}.sfz")
    loudness = []
    for file in folder.glob("*.flac"):
        note, rate = soundfile.read(file, always_2d=True)
        assert rate == recipe.RATE and note.shape == (round((recipe.HELD + recipe.TAIL) * rate), 2)
        assert abs(note.mean()) < 1e-3 and np.abs(note).max() < 0.95
        loudness.append(recipe.loudest(note.T))
    assert np.mean(loudness) == pytest.approx(recipe.RMS, rel=0.02)
    note = soundfile.read(folder / "48.flac")[0].mean(axis=1)[: recipe.RATE * 2]
    spectrum = np.abs(np.fft.rfft(note * np.hanning(len(note)))) ** 2
    harmonic = 2 * 440 * 2 ** ((48 - 69) / 12)  # in bins of half a hertz
    nearest = np.abs(np.arange(len(spectrum)) / harmonic - np.round(np.arange(len(spectrum)) / harmonic))
    assert spectrum[nearest < 0.05].sum() > 0.7 * spectrum.sum()


def test_a_number_gives_the_same_settings(recipe: ModuleType) -> None:
    first, again, other = (recipe.settings("keys", np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again != other
    waves = recipe.waves(np.random.default_rng(1))
    assert [wave.shape for wave in waves] == [(2048,)] * 2 and all(np.abs(wave).max() <= 1 for wave in waves)


def test_what_is_there_is_left(recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "keys_00").mkdir()
    made = []
    monkeypatch.setattr(recipe, "record", lambda kind, number, folder: made.append(folder.name))
    monkeypatch.setattr("sys.argv", ["synthesisers.py", str(tmp_path), "--sounds", "2", "--basses", "1"])
    recipe.main()
    assert made == ["keys_01", "bass_00"]
