"""Ratios of energies in dB, which every metric is in the end."""

import torch

from stemtree.metrics.kernels import inner

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


def energy(audio: torch.Tensor) -> torch.Tensor:
    """Sum the squares of ``(..., channel, sample)`` audio in float64: ``(...)``."""
    return inner(audio, audio)
