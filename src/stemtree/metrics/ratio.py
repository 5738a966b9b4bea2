"""Ratios of energies in dB, which every metric is in the end."""

import torch

from stemtree.accelerate import accelerated_by
from stemtree.metrics import kernels
from stemtree.types import Waveform

LIMIT = 100.0
"""Ratios beyond ± this many dB are set to it: larger ones have no meaning for audio in 32-bit floats."""


def ratio_db(numerator: torch.Tensor, denominator: torch.Tensor) -> torch.Tensor:
    """Express a ratio of energies in dB, within ± `LIMIT`.

    Parameters
    ----------
    numerator, denominator : torch.Tensor
        Energies of one shape, negative only by rounding errors.

    Returns
    -------
    torch.Tensor
        10 log₁₀(numerator / denominator); NaN where both are zero or one is NaN.
    """
    ratio = numerator.clamp_min(0) / denominator.clamp_min(0)
    return (10 * ratio.log10()).clamp(-LIMIT, LIMIT)


@accelerated_by(kernels.inner)
def inner(one: Waveform, other: Waveform) -> torch.Tensor:
    """Inner product of ``(..., channel, sample)`` audio over channels and samples in float64: ``(...)``.

    Leading axes are broadcast.
    """
    return (one.double() * other.double()).sum(dim=(-2, -1))


def energy(audio: Waveform) -> torch.Tensor:
    """Sum the squares of ``(..., channel, sample)`` audio in float64: ``(...)``."""
    return inner(audio, audio)
