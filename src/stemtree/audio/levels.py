"""How loud a stem is."""

import math
from dataclasses import dataclass

import numpy as np

from stemtree.audio.samples import ExactSamples, Samples


@dataclass
class Level:
    """Energy and peak of a signal, gathered block by block."""

    energy: float = 0.0
    peak: float = 0.0
    values: int = 0

    def add(self, samples: ExactSamples | Samples) -> None:
        """Take in a ``(channel, sample)`` block in [-1, 1]."""
        self.energy += float(np.sum(np.square(samples, dtype=np.float64)))
        self.peak = max(self.peak, float(samples.max(initial=0)), -float(samples.min(initial=0)))
        self.values += samples.size

    @property
    def rms_dbfs(self) -> float | None:
        """Root mean square over channels and samples; None for silence."""
        return decibels(math.sqrt(self.energy / self.values)) if self.energy else None

    @property
    def peak_dbfs(self) -> float | None:
        """Highest absolute sample; None for silence."""
        return decibels(self.peak)


def decibels(amplitude: float) -> float | None:
    """Express an amplitude in dB relative to 1, to 0.01 dB; None for 0."""
    return round(20 * math.log10(amplitude), 2) + 0.0 if amplitude > 0 else None  # + 0.0: never -0.0
