"""Detection of leakage: whether one track contains a delayed, filtered copy of another.

A microphone that picks up a second instrument records ``y = own + h * x``, where `h` is the impulse response from that
instrument to the microphone: causal and compact in time (direct sound, then a few reflections). Two parts that play the
same notes or the same rhythm correlate as well, but at all lags alike, negative ones too. The cross-spectrum of a pair
is whitened and transformed to the time domain, where leakage is one sharp peak at a positive lag.

The track's own music is noise in this estimate, of known energy: every time-frequency bin is weighted with one over the
energy of `y` around it (weighted least squares), so that the pauses of `y` count most.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stemtree.curation.sessions.streams import Spool, read_spools

RATE = 16000
"""Sample rate of the analysis, in Hz; tracks are analysed in mono."""

_HOP = 2048
_WINDOW = 2 * _HOP
_ENERGY = 0.375 * _WINDOW
"""Mean energy in a bin of Hann-windowed frames of a signal whose mean square is 1."""

_NUM_FRAMES = 64
"""Frames in a block."""

_QUIET, _FLOOR = 1e-9, 1e-6
"""Frames below this mean square (-90 dBFS) were cut out by an editor and have no weight; the weight of a bin is limited
to that at this part (-60 dB) of the track's mean energy."""

_LONGEST_DELAY = 0.05
"""Largest delay of a leak, in seconds: 17 m."""

_CLIP = 4.0
"""Largest whitened value of a bin, in standard deviations of chance: a single note must not decide."""

_TAPS = 320
"""Length of the impulse responses that are fitted, in samples: 20 ms."""

_TAPS_BEFORE_PEAK = 16
"""Of these taps, 1 ms."""


@dataclass(frozen=True, slots=True)
class Peak:
    """The highest peak of a pair's whitened correlation at lags that a leak can have.

    Parameters
    ----------
    lag : int
        Samples at `RATE` by which the source comes later than in its own track.
    above_far : float
        Its height relative to the highest value at lags that no leak can have, negative or positive.
    above_before : float
        Its height relative to the 95th percentile of the 30 ms before it.
    """

    lag: int
    above_far: float
    above_before: float

    @property
    def is_leak(self) -> bool:
        """Whether both ratios exceed thresholds, set on rendered sessions (``benchmarks/quality/bleed.py``)."""
        return self.above_far > 5.0 and self.above_before > 4.5


def spectra(spools: Sequence[Spool], num_samples: int) -> Iterator[NDArray[np.complex64]]:
    """Spectra of half-overlapping Hann-windowed frames of all tracks, block by block: ``(bin, track, frame)``."""
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    tail = np.zeros((len(spools), _HOP), np.float32)
    for blocks in read_spools(spools, num_samples, _NUM_FRAMES * _HOP):
        audio = np.concatenate([tail, np.concatenate(blocks).astype(np.float32)], axis=1)
        frames = np.lib.stride_tricks.sliding_window_view(audio, _WINDOW, axis=1)[:, ::_HOP]
        if frames.shape[1]:
            yield np.ascontiguousarray(np.fft.rfft(frames * window, axis=2).transpose(2, 0, 1), np.complex64)
        tail = audio[:, -_HOP:]


def mean_energy(squares: NDArray[np.float64]) -> NDArray[np.float32]:
    """Mean energy of a bin in each track's frames, from the tracks' mean squares."""
    return (squares * _ENERGY).astype(np.float32)


def weights(energy: NDArray[np.float32], floor: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights of the bins: one over the track's energy around each, 0 where the track was cut out.

    Parameters
    ----------
    energy : (bin, track, frame)
        Squared magnitudes.
    floor : (track,)
        Mean energy of a bin.

    Returns
    -------
    (bin, track, frame)
        The weights.
    """
    smooth = energy.copy()
    for shift in (1, 2):
        smooth[shift:] += energy[:-shift]
        smooth[:-shift] += energy[shift:]
    around = smooth / 5
    around[:, :, 1:] += smooth[:, :, :-1] / 5
    around[:, :, :-1] += smooth[:, :, 1:] / 5
    audible = energy.mean(axis=0) > _QUIET * _ENERGY
    inverse: NDArray[np.float32] = np.where(audible, 1 / (around / 3 + _FLOOR * floor[:, None] + 1e-12), 0)
    return inverse


def whitened_correlation(blocks: Iterable[NDArray[np.complex64]], floor: NDArray[np.float32]) -> NDArray[np.float32]:
    """Correlation of every pair of tracks at all lags, in standard deviations of chance.

    Parameters
    ----------
    blocks : iterable of (bin, track, frame)
        From `spectra`.
    floor : (track,)
        From `mean_energy`.

    Returns
    -------
    (target, source, lag)
        Lags from 0, then the negative ones.
    """
    tracks = len(floor)
    cross = np.zeros((_HOP + 1, tracks, tracks), np.complex64)
    power = np.zeros((_HOP + 1, tracks, tracks), np.float32)
    for spectrum in blocks:
        energy = np.abs(spectrum) ** 2
        weight = weights(energy, floor)
        cross += (weight * spectrum) @ spectrum.conj().transpose(0, 2, 1)
        power += weight @ energy.transpose(0, 2, 1)
    unit = cross / np.sqrt(power + np.float32(1e-30))
    unit *= np.minimum(1, _CLIP / np.maximum(np.abs(unit), 1e-9))
    return np.fft.irfft(unit.transpose(1, 2, 0), _WINDOW, axis=2).astype(np.float32)


def find_peak(correlation: NDArray[np.float32]) -> Peak:
    """Find the peak in one pair's correlation, ``(lag,)`` of `whitened_correlation`."""
    height = np.abs(np.roll(correlation, _HOP))  # lag 0 in the middle
    middle, far = _HOP, round(0.07 * RATE)
    first = round(0.0002 * RATE)
    lag = first + int(height[middle + first : middle + round(_LONGEST_DELAY * RATE)].argmax())
    peak = middle + lag
    before = height[peak - round(0.03 * RATE) : peak - round(0.0015 * RATE)]
    beyond = max(height[: middle - far].max(), height[middle + far :].max())
    if not beyond:
        return Peak(lag, 0.0, 0.0)
    return Peak(lag, float(height[peak] / beyond), float(height[peak] / np.percentile(before, 95)))


@dataclass(frozen=True, slots=True)
class LeakSource:
    """A possible source of leakage: the track's number, and the lag of its peak in samples."""

    track: int
    lag: int


class LeakFitter:
    """Fits the impulse responses from several sources to one track, and measures the energy that they explain.

    Weighted least squares over all filters of `_TAPS` taps, from the weighted correlations of the sources with each
    other and with the track; then the energy of the filtered sources relative to the track's, unweighted.

    Parameters
    ----------
    target : int
        The track's number.
    sources : sequence of LeakSource
        The tracks that may leak into it.
    """

    def __init__(self, target: int, sources: Sequence[LeakSource]) -> None:
        self.target, self.sources = target, tuple(sources)
        bins, count = _HOP + 1, len(sources)
        self._between = np.zeros((bins, count, count), np.complex128)
        self._with_target = np.zeros((bins, count), np.complex128)
        self._unweighted = np.zeros((bins, count, count), np.complex128)
        self._energy = 0.0

    def add(self, spectrum: NDArray[np.complex64], floor: NDArray[np.float32]) -> None:
        """Add a block of `spectra`, ``(bin, track, frame)``, with the tracks' `mean_energy`."""
        target = spectrum[:, self.target : self.target + 1]
        energy = np.abs(target) ** 2
        weight = weights(energy, floor[self.target : self.target + 1])
        sources = spectrum[:, [source.track for source in self.sources]]
        conjugate = sources.conj().transpose(0, 2, 1)
        self._between += (sources * weight) @ conjugate  # (bin, source, other source)
        self._with_target += ((target * weight) @ conjugate)[:, 0]
        self._unweighted += sources @ conjugate
        self._energy += float(_both_sides(energy.sum(axis=(1, 2))))

    def explained(self, which: Sequence[int]) -> float:
        """Share of the track's energy that the sources with these numbers explain together."""
        if not self._energy or not len(which):
            return 0.0
        response = self._response[:, which]
        unweighted = self._unweighted[:, which][:, :, which]
        power = np.einsum("fc,fcd,fd->f", response, unweighted, response.conj()).real
        return float(_both_sides(power)) / self._energy

    @cached_property
    def _response(self) -> NDArray[np.complex128]:
        """Frequency responses of the fitted filters, ``(bin, source)``."""
        response = np.zeros((_HOP + 1, len(self.sources)), np.complex128)
        for number, (source, taps) in enumerate(zip(self.sources, self._taps(), strict=True)):
            impulse = np.zeros(_WINDOW)
            impulse[self._positions(source)] = taps
            response[:, number] = np.fft.rfft(impulse)
        return response

    def _taps(self) -> NDArray[np.float64]:
        """Solve the normal equations, whose blocks are Toeplitz, for ``(source, tap)``."""
        count = len(self.sources)
        between = np.fft.irfft(self._between, _WINDOW, axis=0)
        with_target = np.fft.irfft(self._with_target, _WINDOW, axis=0) / _window_overlap()[:, None]
        steps = np.arange(_TAPS)
        matrix = np.zeros((count, _TAPS, count, _TAPS))
        right = np.zeros((count, _TAPS))
        for row, source in enumerate(self.sources):
            right[row] = with_target[self._positions(source), row]
            for column, other in enumerate(self.sources):
                lags = source.lag - other.lag + steps[:, None] - steps
                matrix[row, :, column] = between[lags % _WINDOW, column, row]
        square = matrix.reshape(count * _TAPS, -1)
        square[np.diag_indices_from(square)] += 1e-4 * np.trace(square) / len(square)
        return np.linalg.solve(square, right.ravel()).astype(np.float64).reshape(count, _TAPS)

    @staticmethod
    def _positions(source: LeakSource) -> NDArray[np.int64]:
        """Lags of a source's taps, modulo the window."""
        return (source.lag - _TAPS_BEFORE_PEAK + np.arange(_TAPS)) % _WINDOW


def _both_sides(power: NDArray[np.float64]) -> float:
    """Sum over all bins, positive and negative frequencies, from the positive ones alone."""
    return float(2 * power.sum() - power[0] - power[-1])


def _window_overlap() -> NDArray[np.float64]:
    """Overlap of a Hann window with itself at every lag, relative to lag 0: what a frame loses of a delayed source."""
    window = np.hanning(_WINDOW + 1)[:-1]
    overlap = np.fft.irfft(np.abs(np.fft.rfft(window, 2 * _WINDOW)) ** 2)[:_WINDOW]
    circular = np.maximum(overlap, overlap[-np.arange(_WINDOW) % _WINDOW])
    share: NDArray[np.float64] = np.maximum(circular / overlap[0], 0.1)
    return share
