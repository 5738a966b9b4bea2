"""Loudness by ITU-R BS.1770-4, block by block, so that a long track need not fit into memory."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemtree.audio.samples import ExactSamples
from stemtree.extras import library

ABSOLUTE_GATE, _RELATIVE_GATE, _OFFSET = -70.0, -10.0, -0.691
"""Gates in LUFS and LU, and the constant of the standard's equation 2."""

_STEP, _STEPS_A_BLOCK = 0.1, 4
"""Seconds between gating blocks, and how many of them a block of 400 ms lasts."""


class LoudnessMeter:
    """Integrated loudness and sample peak of one signal, mono or stereo.

    The energy of every tenth of a second is kept, 8 bytes each, so that the loudness after any gain is known without
    hearing the signal again. Less than 400 ms of signal count as one gating block.

    Parameters
    ----------
    sample_rate, channels : int
        Of the blocks that will be added.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._step = round(_STEP * sample_rate)
        self._filter = _k_weighting(sample_rate)
        self._state = np.zeros((len(self._filter), channels, 2))
        self._rest = np.zeros((channels, 0))
        self._energies: list[NDArray[np.float64]] = []
        self.peak = 0.0
        """Largest absolute sample so far."""

    def add(self, block: ExactSamples) -> None:
        """Hear the next ``(channel, sample)`` block."""
        from scipy.signal import sosfilt

        if not block.shape[1]:
            return
        self.peak = max(self.peak, float(np.abs(block).max()))
        weighted, self._state = sosfilt(self._filter, block, zi=self._state)
        weighted = np.concatenate([self._rest, weighted], axis=1) if self._rest.shape[1] else weighted
        whole = weighted.shape[1] // self._step * self._step
        steps = weighted[:, :whole].reshape(len(weighted), -1, self._step)
        self._energies.append(np.einsum("cts,cts->t", steps, steps) / self._step)
        self._rest = weighted[:, whole:]

    def loudness(self, gain: float = 1.0) -> float:
        """Integrated loudness in LUFS after a gain; minus infinity where no block passes the absolute gate."""
        blocks = self._blocks() * gain**2
        with np.errstate(divide="ignore"):
            levels = _OFFSET + 10 * np.log10(blocks)
            loud = levels >= ABSOLUTE_GATE
            if not loud.any():
                return -np.inf
            relative = _OFFSET + 10 * np.log10(blocks[loud].mean()) + _RELATIVE_GATE
            return float(_OFFSET + 10 * np.log10(blocks[loud & (levels > relative)].mean()))

    def gain_to(self, target: float) -> float:
        """The gain after which the loudness is `target` LUFS; 0 for what is silent.

        A gain also lifts blocks over the absolute gate, which lowers the mean, so the first guess is refined.
        """
        gain, found = 1.0, self.loudness()
        for _ in range(8):
            if not np.isfinite(found) or abs(found - target) < 1e-4:
                break
            gain *= 10 ** ((target - found) / 20)
            found = self.loudness(gain)
        return gain if np.isfinite(found) else 0.0

    def _blocks(self) -> NDArray[np.float64]:
        """Mean energy of every gating block, summed over the channels."""
        steps = np.concatenate(self._energies) if self._energies else np.zeros(0)
        if len(steps) >= _STEPS_A_BLOCK:
            blocks: NDArray[np.float64] = np.lib.stride_tricks.sliding_window_view(steps, _STEPS_A_BLOCK).mean(axis=1)
            return blocks
        rest = self._rest.shape[1]
        energy = steps.sum() * self._step + float(np.sum(self._rest**2))
        return np.array([energy / max(1, len(steps) * self._step + rest)])


@cache
def _k_weighting(sample_rate: int) -> NDArray[np.float64]:
    """The standard's two filters as second-order sections, for any rate."""
    filters = library("pyloudnorm", "curation", "measuring loudness needs")
    stages: list[Any] = [
        filters.IIRfilter(3.99984385397, 0.7071752369554193, 1681.9744509555319, sample_rate, "high_shelf_DeMan"),
        filters.IIRfilter(0.0, 0.5003270373253953, 38.13547087613982, sample_rate, "high_pass_DeMan"),
    ]
    return np.array([np.concatenate([stage.b, stage.a]) / stage.a[0] for stage in stages])
