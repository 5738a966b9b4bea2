from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile
from support.multitracks import ffmpeg_loudness, sound

from stemtree.audio.loudness import LoudnessMeter, RmsMeter


def test_rms_and_peak_of_blocks_are_those_of_the_whole() -> None:
    audio = sound(1, 0.5) * [[1.0], [-0.5]]
    meter = RmsMeter()
    for start in range(0, audio.shape[1], 1000):
        meter.add(audio[:, start : start + 1000])
    assert meter.rms_dbfs == pytest.approx(20 * np.log10(np.sqrt(np.mean(audio**2))))
    assert meter.peak_dbfs == pytest.approx(20 * np.log10(np.abs(audio).max()))
    assert meter.num_values == audio.size


def test_silence_has_no_finite_rms() -> None:
    meter = RmsMeter()
    meter.add(np.zeros((2, 9)))
    assert meter.rms_dbfs == meter.peak_dbfs == -np.inf


def measured(audio: np.ndarray, rate: int, size: int = 10_000) -> LoudnessMeter:
    meter = LoudnessMeter(rate, len(audio))
    for start in range(0, audio.shape[1], size):
        meter.add(audio[:, start : start + size])
    return meter


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_as_pyloudnorm_with_the_standards_filters(rate: int, channels: int) -> None:
    audio = sound(channels, 5.03, rate, channels)
    audio[:, 2 * rate : 3 * rate] *= 0.003  # below the relative gate
    expected = pyloudnorm.Meter(rate, "DeMan").integrated_loudness(audio.T)
    meter = measured(audio, rate)
    assert meter.loudness() == pytest.approx(expected, abs=0.01)
    assert meter.peak == np.abs(audio).max()


def test_as_ffmpeg(song: Path, tmp_path: Path) -> None:
    audio, rate = soundfile.read(song)
    soundfile.write(tmp_path / "song.wav", audio, rate, "FLOAT")
    meter = measured(audio.T, rate)
    assert meter.loudness() == pytest.approx(ffmpeg_loudness(tmp_path / "song.wav", tmp_path / "log"), abs=0.02)


def test_blocks_of_any_size_measure_the_same() -> None:
    audio = sound(3, 3.21)
    found = [measured(audio, 44100, size).loudness() for size in (999, 4410, 44100, 10**6)]
    assert found == pytest.approx([found[0]] * 4, abs=1e-9)


@pytest.mark.parametrize("level", [1.0, 0.05, 0.015])
def test_gain_to_a_target_is_exact_even_where_it_opens_the_gate(level: float) -> None:
    audio = sound(4, 6) * level
    audio[:, 44100 * 2 :] *= np.linspace(1, 0.02, 44100 * 4)  # falls through the absolute gate when it is quiet
    gain = measured(audio, 44100).gain_to(-25)
    assert pyloudnorm.Meter(44100, "DeMan").integrated_loudness((audio * gain).T) == pytest.approx(-25, abs=0.01)


def test_silence_and_what_no_gate_lets_through() -> None:
    for audio in (np.zeros((1, 44100)), sound(5) * 1e-6, np.zeros((2, 0))):
        meter = measured(audio, 44100)
        assert meter.loudness() == -np.inf and meter.gain_to(-25) == 0.0


def test_less_than_a_gating_block_counts_as_one() -> None:
    audio = sound(6, 0.399)
    padded = np.concatenate([audio, np.zeros((1, 50))], axis=1)  # to one block of 400 ms
    assert measured(audio, 44100).loudness() == pytest.approx(measured(padded, 44100).loudness(), abs=0.02)
