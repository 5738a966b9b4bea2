"""Whether one signal is heard in another: as a filtered copy that arrives later, not as music that goes with it.

A microphone that hears a second instrument records ``y = own + h * x``: `h` is the way from that instrument, compact
in time (direct sound, then a few reflections) and causal. Two parts that play the same notes or the same rhythm
correlate as well, but over all lags alike, before as well as after. So for every pair the cross-spectrum is whitened,
brought back to the time domain, and looked at for one sharp peak at a positive lag.

What the track itself plays is noise to this question, and known noise: every time-frequency bin counts with one over
the energy of `y` there (weighted least squares), so that the pauses of `y` tell most.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stemtree.curation.sessions.streams import Spool, read_spools

RATE = 16000
"""Analysis is done on mono at this rate, in Hz."""

_HOP = 2048
_WINDOW = 2 * _HOP
_ENERGY = 0.375 * _WINDOW
"""Of a Hann window: what a bin holds on average of a signal whose mean square is 1."""

_FRAMES = 64
"""Frames at a time."""

_QUIET, _FLOOR = 1e-9, 1e-6
"""Frames below this mean square (-90 dBFS) were cut out by an editor and tell nothing; bins count no more than they
would at this part (-60 dB) of the track's mean energy."""

_LATEST = 0.05
"""Longest way that is looked for, in seconds: 17 m."""

_CLIP = 4.0
"""Most that one bin may say, in standard deviations of chance: a single note must not decide."""

_TAPS = 320
"""Length of the ways that are fitted, in samples: 20 ms, from 1 ms before the peak."""

_AHEAD = 16


@dataclass(frozen=True, slots=True)
class Peak:
    """The sharpest peak of a pair's whitened correlation at lags that a leak could have.

    Parameters
    ----------
    lag : int
        Samples at `RATE` by which the source comes later than in its own track.
    above_far : float
        Its height over the highest value at lags that no way could have, before or after.
    above_before : float
        Its height over what nearly all (95 %) of the 30 ms before it stay below.
    """

    lag: int
    above_far: float
    above_before: float

    @property
    def is_leak(self) -> bool:
        """Thresholds set on rendered sessions (``benchmarks/quality/bleed.py``) and one tune on two instruments."""
        return self.above_far > 5.0 and self.above_before > 4.5


def spectra(spools: Sequence[Spool], samples: int) -> Iterator[NDArray[np.complex64]]:
    """Half-overlapping Hann frames of all tracks at once: ``(bin, track, frame)``."""
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    tail = np.zeros((len(spools), _HOP), np.float32)
    for blocks in read_spools(spools, samples, _FRAMES * _HOP):
        audio = np.concatenate([tail, np.concatenate(blocks).astype(np.float32)], axis=1)
        frames = np.lib.stride_tricks.sliding_window_view(audio, _WINDOW, axis=1)[:, ::_HOP]
        if frames.shape[1]:
            yield np.ascontiguousarray(np.fft.rfft(frames * window, axis=2).transpose(2, 0, 1), np.complex64)
        tail = audio[:, -_HOP:]


def mean_energy(squares: NDArray[np.float64]) -> NDArray[np.float32]:
    """What a bin of each track's frames holds on average, from the tracks' mean squares."""
    return (squares * _ENERGY).astype(np.float32)


def weights(energy: NDArray[np.float32], floor: NDArray[np.float32]) -> NDArray[np.float32]:
    """One over the energy that a track's own music may have around every bin; 0 where it was cut out.

    Parameters
    ----------
    energy : (bin, track, frame)
        Squared magnitudes.
    floor : (track,)
        Mean energy of a bin.
    """
    smooth = energy.copy()
    for shift in (1, 2):
        smooth[shift:] += energy[:-shift]
        smooth[:-shift] += energy[shift:]
    around = smooth / 5
    around[:, :, 1:] += smooth[:, :, :-1] / 5
    around[:, :, :-1] += smooth[:, :, 1:] / 5
    heard = energy.mean(axis=0) > _QUIET * _ENERGY
    inverse: NDArray[np.float32] = np.where(heard, 1 / (around / 3 + _FLOOR * floor[:, None] + 1e-12), 0)
    return inverse


def whitened_correlation(blocks: Iterable[NDArray[np.complex64]], floor: NDArray[np.float32]) -> NDArray[np.float32]:
    """For every pair of tracks the correlation at all lags, in standard deviations of chance.

    Returns
    -------
    (heard in, heard from, lag)
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
    """Judge one pair's correlation, from `whitened_correlation`."""
    height = np.abs(np.roll(correlation, _HOP))  # lag 0 in the middle
    middle, far = _HOP, round(0.07 * RATE)
    first = round(0.0002 * RATE)
    lag = first + int(height[middle + first : middle + round(_LATEST * RATE)].argmax())
    peak = middle + lag
    before = height[peak - round(0.03 * RATE) : peak - round(0.0015 * RATE)]
    beyond = max(height[: middle - far].max(), height[middle + far :].max())
    if not beyond:
        return Peak(lag, 0.0, 0.0)
    return Peak(lag, float(height[peak] / beyond), float(height[peak] / np.percentile(before, 95)))


@dataclass(frozen=True, slots=True)
class Way:
    """One source of a leak: its number, and the lag of its peak."""

    source: int
    lag: int


class WayFitter:
    """Fits the ways from several sources to one track together, and tells how much of it they explain.

    Weighted least squares over all filters of `_TAPS` taps, from the weighted correlations of the sources with each
    other and with the track; then the energy that the filtered sources have in the track, this time unweighted.

    Parameters
    ----------
    target : int
        The track's number.
    ways : sequence of Way
        Where it may hear what from.
    """

    def __init__(self, target: int, ways: Sequence[Way]) -> None:
        self.target, self.ways = target, tuple(ways)
        bins, count = _HOP + 1, len(ways)
        self._between = np.zeros((bins, count, count), np.complex128)
        self._with_target = np.zeros((bins, count), np.complex128)
        self._plain = np.zeros((bins, count, count), np.complex128)
        self._energy = 0.0

    def add(self, spectrum: NDArray[np.complex64], floor: NDArray[np.float32]) -> None:
        """Hear a block of `spectra`."""
        target = spectrum[:, self.target : self.target + 1]
        energy = np.abs(target) ** 2
        weight = weights(energy, floor[self.target : self.target + 1])
        sources = spectrum[:, [way.source for way in self.ways]]
        conjugate = sources.conj().transpose(0, 2, 1)
        self._between += (sources * weight) @ conjugate  # (bin, source, other source)
        self._with_target += ((target * weight) @ conjugate)[:, 0]
        self._plain += sources @ conjugate
        self._energy += float(_both_sides(energy.sum(axis=(1, 2))))

    def explained(self, which: Sequence[int]) -> float:
        """Share of the track's energy that some of the ways bring together."""
        if not self._energy or not len(which):
            return 0.0
        heard = self._response[:, which]
        power = np.einsum("fc,fcd,fd->f", heard, self._plain[:, which][:, :, which], heard.conj()).real
        return float(_both_sides(power)) / self._energy

    @cached_property
    def _response(self) -> NDArray[np.complex128]:
        """``(bin, way)``."""
        response = np.zeros((_HOP + 1, len(self.ways)), np.complex128)
        for number, (way, taps) in enumerate(zip(self.ways, self._taps(), strict=True)):
            impulse = np.zeros(_WINDOW)
            impulse[np.arange(way.lag - _AHEAD, way.lag - _AHEAD + _TAPS) % _WINDOW] = taps
            response[:, number] = np.fft.rfft(impulse)
        return response

    def _taps(self) -> NDArray[np.float64]:
        """``(way, tap)``: solves the normal equations, whose blocks are Toeplitz."""
        count = len(self.ways)
        between = np.fft.irfft(self._between, _WINDOW, axis=0)
        with_target = np.fft.irfft(self._with_target, _WINDOW, axis=0) / _window_overlap()[:, None]
        steps = np.arange(_TAPS)
        matrix = np.zeros((count, _TAPS, count, _TAPS))
        right = np.zeros((count, _TAPS))
        for row, way in enumerate(self.ways):
            right[row] = with_target[(way.lag - _AHEAD + steps) % _WINDOW, row]
            for column, other in enumerate(self.ways):
                lags = way.lag - other.lag + steps[:, None] - steps
                matrix[row, :, column] = between[lags % _WINDOW, column, row]
        square = matrix.reshape(count * _TAPS, -1)
        square[np.diag_indices_from(square)] += 1e-4 * np.trace(square) / len(square)
        return np.linalg.solve(square, right.ravel()).astype(np.float64).reshape(count, _TAPS)


def _both_sides(power: NDArray[np.float64]) -> float:
    """Sum over all bins, of which a real signal's spectrum holds half."""
    return float(2 * power.sum() - power[0] - power[-1])


def _window_overlap() -> NDArray[np.float64]:
    """How much of a Hann window meets itself after every lag: what a frame loses of a source that comes later."""
    window = np.hanning(_WINDOW + 1)[:-1]
    overlap = np.fft.irfft(np.abs(np.fft.rfft(window, 2 * _WINDOW)) ** 2)[:_WINDOW]
    circular = np.maximum(overlap, overlap[-np.arange(_WINDOW) % _WINDOW])
    share: NDArray[np.float64] = np.maximum(circular / overlap[0], 0.1)
    return share
