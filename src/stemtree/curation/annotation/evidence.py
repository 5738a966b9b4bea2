"""Measurements of one audio file that speak for or against a label."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemtree.audio import open_source
from stemtree.audio.decibels import to_decibels
from stemtree.errors import AudioError

SILENCE_DBFS = -60.0
"""A file with a lower peak is silent, and a tenth of a second with a lower RMS."""

_SECONDS = 6.0
"""Length of the loudest part, which is analysed."""

_WINDOW, _HOP, _MEDIAN_WIDTH = 1024, 512, 17

_CANCELLED = 0.02
"""Channels cancel each other where their mean has a smaller share, -17 dB, of the energy that each has on average."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Measurements of one file.

    Parameters
    ----------
    song, file : str
        As in the annotation.
    seconds : float
        Length.
    channels : int
        1 or 2; 0 where the file cannot be read.
    peak : float
        In dBFS.
    silent : float
        Share of tenths of a second with an RMS below `SILENCE_DBFS`.
    percussive : float
        Share of the energy that median filtering finds in onsets (Fitzgerald 2010), in the loudest 6 s: 0 for a steady
        tone, 1 for a click.
    low, high : float
        Hz, between which 90 % of the energy of these 6 s lies.
    pair : str
        The other channel of a mono file, or an earlier file of the song with the same samples.
    doubts : tuple of str
        Why the label may be wrong.
    """

    song: str
    file: str
    seconds: float = 0.0
    channels: int = 0
    peak: float = -np.inf
    silent: float = 1.0
    percussive: float = 0.0
    low: float = 0.0
    high: float = 0.0
    pair: str = ""
    doubts: tuple[str, ...] = ()


def measure_file(song: str, file: str, path: Path) -> Evidence:
    """Measure one file; one that cannot be read has no channels, and the error as its doubt."""
    try:
        source = open_source(path)
        survey = _survey(source.blocks(int(_SECONDS * source.sample_rate)), source.sample_rate)
    except AudioError as error:
        return Evidence(song, file, doubts=(str(error),))
    seconds = survey.num_samples / source.sample_rate
    evidence = Evidence(song, file, seconds, source.channels, survey.peak_dbfs, survey.silent)
    if survey.peak_dbfs < SILENCE_DBFS:
        return evidence
    power = _power(survey.loudest)
    low, high = _range(power.sum(axis=1), source.sample_rate)
    return replace(evidence, percussive=_percussive(power), low=low, high=high)


@dataclass(frozen=True, slots=True)
class _Survey:
    """A whole file: its loudest block in mono, length, peak, and the share of tenths of a second that are silent."""

    loudest: NDArray[np.float32]
    num_samples: int
    peak_dbfs: float
    silent: float


def _survey(blocks: Iterator[NDArray[np.float64]], sample_rate: int) -> _Survey:
    """Read a file in blocks, ``(channel, sample)``."""
    loudest, highest_energy, num_samples, peak = np.zeros(0, np.float32), -1.0, 0, 0.0
    silent: list[NDArray[np.bool_]] = []
    tenth = sample_rate // 10
    for block in blocks:
        mono = _to_mono(block)
        num_samples += len(mono)
        peak = max(peak, float(np.abs(block).max(initial=0)))
        segments = mono[: len(mono) // tenth * tenth].reshape(-1, tenth)
        silent.append(np.square(segments).mean(axis=1) < 10 ** (SILENCE_DBFS / 10))
        if (energy := float(np.square(mono).sum())) > highest_energy:
            loudest, highest_energy = mono.astype(np.float32), energy
    peak_dbfs = to_decibels(np.float64(peak))
    if not sum(map(len, silent)):  # shorter than a tenth of a second
        silent = [np.array([peak < 10 ** (SILENCE_DBFS / 20)])]
    return _Survey(loudest, num_samples, float(peak_dbfs), float(np.concatenate(silent).mean()))


def _to_mono(block: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of the channels; where they cancel each other, the loudest of them."""
    energies, mono = np.square(block).sum(axis=1), block.mean(axis=0)
    loudest: NDArray[np.float64] = block[energies.argmax()]
    return loudest if np.square(mono).sum() < _CANCELLED * energies.mean() else mono


def _power(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Power spectrogram of a mono signal, ``(bin, frame)``."""
    padded = np.pad(samples, (_WINDOW // 2, _WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    spectrum = np.fft.rfft(frames * np.hanning(_WINDOW).astype(np.float32), axis=1)
    power: NDArray[np.float32] = np.square(np.abs(spectrum)).astype(np.float32).T
    return power


def _percussive(power: NDArray[np.float32]) -> float:
    """Share of the energy that a median over bins keeps, against one over frames."""
    tonal, onsets = _median(power, axis=1), _median(power, axis=0)
    mask = np.square(onsets) / np.maximum(np.square(onsets) + np.square(tonal), 1e-30)
    return float((mask * power).sum() / max(float(power.sum()), 1e-30))


def _median(power: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Running median along an axis."""
    pad = [(0, 0), (0, 0)]
    pad[axis] = (_MEDIAN_WIDTH // 2, _MEDIAN_WIDTH // 2)
    padded = np.pad(power, pad, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _MEDIAN_WIDTH, axis=axis)
    filtered: NDArray[np.float32] = np.median(windows, axis=-1)
    return filtered


def _range(spectrum: NDArray[np.float32], sample_rate: int) -> tuple[float, float]:
    """The frequencies below which 5 % and 95 % of the energy lie."""
    cumulative = np.cumsum(spectrum) / max(float(spectrum.sum()), 1e-30)
    low, high = (int(np.searchsorted(cumulative, share)) for share in (0.05, 0.95))
    return low * sample_rate / _WINDOW, high * sample_rate / _WINDOW
