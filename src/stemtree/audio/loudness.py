"""Meters for loudness (ITU-R BS.1770-4), RMS and peak, fed block by block, so that a track need not fit into memory."""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemtree.audio.decibels import to_decibels
from stemtree.audio.samples import ExactSamples, PcmSamples, Samples
from stemtree.extras import library

ABSOLUTE_GATE, _RELATIVE_GATE, _OFFSET = -70.0, -10.0, -0.691
"""Gates in LUFS and LU, and the constant of the standard's equation 2."""

_STEP, _STEPS_PER_BLOCK = 0.1, 4
"""Seconds from one gating block to the next, and the length of a gating block (400 ms) in such steps."""


@dataclass
class RmsMeter:
    """Energy, RMS and sample peak of one signal.

    Attributes
    ----------
    energy : float
        Sum of the squared samples of all channels.
    peak : float
        Largest absolute sample.
    num_values : int
        Number of samples, all channels counted.
    """

    energy: float = 0.0
    peak: float = 0.0
    num_values: int = 0

    def add(self, block: ExactSamples | Samples | PcmSamples, full_scale: float = 1.0) -> None:
        """Add the next ``(channel, sample)`` block."""
        exact = block.astype(np.float64)
        self.energy += float(np.einsum("cs,cs->", exact, exact)) / full_scale**2
        self.peak = max(self.peak, float(block.max(initial=0)) / full_scale, -float(block.min(initial=0)) / full_scale)
        self.num_values += block.size

    @property
    def rms_dbfs(self) -> float:
        """Root mean square over channels and samples in dBFS; minus infinity for silence."""
        return to_decibels(math.sqrt(self.energy / self.num_values)) if self.energy else -math.inf

    @property
    def peak_dbfs(self) -> float:
        """Largest absolute sample in dBFS; minus infinity for silence."""
        return to_decibels(self.peak)


class LoudnessMeter:
    """Integrated loudness (ITU-R BS.1770-4) and sample peak of one signal, mono or stereo.

    The energy of every tenth of a second is kept, so that the loudness after any gain follows without reading the
    signal again. A signal shorter than 400 ms counts as one gating block.

    Parameters
    ----------
    sample_rate, channels : int
        Of the blocks that will be added.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._step = round(_STEP * sample_rate)
        self._filter = _k_weighting(sample_rate)
        self._state = np.zeros((len(self._filter), channels, 2))
        self._remainder = np.zeros((channels, 0))
        self._energies: list[NDArray[np.float64]] = []
        self.peak = 0.0
        """Largest absolute sample so far."""

    def add(self, block: ExactSamples) -> None:
        """Add the next ``(channel, sample)`` block."""
        from scipy.signal import sosfilt

        if not block.shape[1]:
            return
        self.peak = max(self.peak, float(np.abs(block).max()))
        weighted, self._state = sosfilt(self._filter, block, zi=self._state)
        weighted = np.concatenate([self._remainder, weighted], axis=1) if self._remainder.shape[1] else weighted
        complete = weighted.shape[1] // self._step * self._step
        steps = weighted[:, :complete].reshape(len(weighted), -1, self._step)
        self._energies.append(np.einsum("cts,cts->t", steps, steps) / self._step)
        self._remainder = weighted[:, complete:]

    def loudness(self, gain: float = 1.0) -> float:
        """Integrated loudness in LUFS after a gain; minus infinity where no block passes the absolute gate."""
        blocks = self._block_energies() * gain**2
        loudness = _OFFSET + to_decibels(blocks, power=True)
        gated = loudness >= ABSOLUTE_GATE
        if not gated.any():
            return -np.inf
        relative_gate = _OFFSET + to_decibels(blocks[gated].mean(), power=True) + _RELATIVE_GATE
        return float(_OFFSET + to_decibels(blocks[gated & (loudness > relative_gate)].mean(), power=True))

    def gain_to(self, target: float) -> float:
        """The gain after which the loudness is `target` LUFS; 0 for silence.

        A gain may also lift blocks over the absolute gate, which lowers the mean, so the gain is found by iteration.
        """
        gain, loudness = 1.0, self.loudness()
        for _ in range(8):
            if not np.isfinite(loudness) or abs(loudness - target) < 1e-4:
                break
            gain *= 10 ** ((target - loudness) / 20)
            loudness = self.loudness(gain)
        return gain if np.isfinite(loudness) else 0.0

    def _block_energies(self) -> NDArray[np.float64]:
        """Mean energy of every gating block, summed over the channels."""
        steps = np.concatenate(self._energies) if self._energies else np.zeros(0)
        if len(steps) >= _STEPS_PER_BLOCK:
            blocks: NDArray[np.float64] = np.lib.stride_tricks.sliding_window_view(steps, _STEPS_PER_BLOCK).mean(axis=1)
            return blocks
        remainder = self._remainder.shape[1]
        energy = steps.sum() * self._step + float(np.sum(self._remainder**2))
        return np.array([energy / max(1, len(steps) * self._step + remainder)])


@cache
def _k_weighting(sample_rate: int) -> NDArray[np.float64]:
    """The standard's two filters as second-order sections, for any rate."""
    filters = library("pyloudnorm", "curation", "measuring loudness needs")
    stages: list[Any] = [
        filters.IIRfilter(3.99984385397, 0.7071752369554193, 1681.9744509555319, sample_rate, "high_shelf_DeMan"),
        filters.IIRfilter(0.0, 0.5003270373253953, 38.13547087613982, sample_rate, "high_pass_DeMan"),
    ]
    return np.array([np.concatenate([stage.b, stage.a]) / stage.a[0] for stage in stages])
