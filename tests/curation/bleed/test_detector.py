from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import lfilter

from stemtree.curation.bleed.detector import (
    RATE,
    LeakFitter,
    LeakSource,
    find_peak,
    mean_energy,
    spectra,
    whitened_correlation,
)
from stemtree.curation.sessions.streams import Spool


@pytest.fixture
def tracks() -> np.ndarray:
    """Two independent tracks, and one that contains the first 100 samples late and filtered, at -20 dB."""
    random = np.random.default_rng(0)
    first, second, own = random.normal(0, 0.1, (3, 10 * RATE))
    leak = np.concatenate([np.zeros(100), lfilter([1, 0, -0.5, 0.25], [1], first)])[: len(own)]
    leak *= 0.1 * np.sqrt(np.mean(own**2) / np.mean(leak**2))
    return np.array([first, second, own + leak])


def read(tracks: np.ndarray, folder: Path) -> Iterator[np.ndarray]:
    spools = [Spool(folder / str(number), 1) for number in range(len(tracks))]
    for spool, track in zip(spools, tracks, strict=True):
        list(spool.fill([track[None]]))
    return spectra(spools, tracks.shape[1])


def test_frames_are_those_of_the_definition(tracks: np.ndarray, tmp_path: Path) -> None:
    found = np.concatenate(list(read(tracks, tmp_path)), axis=2)
    window = np.hanning(4097)[:-1]
    padded = np.pad(tracks.astype(np.float32), [(0, 0), (2048, 0)])
    for frame in (0, 1, 40):
        expected = np.fft.rfft(padded[:, frame * 2048 : frame * 2048 + 4096] * window, axis=1)
        np.testing.assert_allclose(found[:, :, frame], expected.T, atol=1e-4)


def test_a_leak_is_a_peak_and_explains_its_energy(tracks: np.ndarray, tmp_path: Path) -> None:
    floor = mean_energy(np.mean(tracks**2, axis=1))
    correlation = whitened_correlation(read(tracks, tmp_path), floor)
    peaks = {pair: find_peak(correlation[pair]) for pair in ((2, 0), (2, 1), (0, 2))}
    assert [peak.is_leak for peak in peaks.values()] == [True, False, False] and peaks[2, 0].lag == 100
    fitter = LeakFitter(2, [LeakSource(0, 100), LeakSource(1, 50)])
    for spectrum in read(tracks, tmp_path):
        fitter.add(spectrum, floor)
    assert fitter.explained([0]) == pytest.approx(0.01 / 1.01, rel=0.15)
    assert fitter.explained([1]) < 0.005 and fitter.explained([]) == 0
