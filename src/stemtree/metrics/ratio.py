"""What every metric ends in: a ratio of energies in decibels."""

import torch

LIMIT = 100.0
"""Ratios beyond ± this many dB count as this much: more says nothing about audio in 32-bit floats."""

_PIECE = 2**16  # sums in single precision that are longer cost 1e-3 dB


def decibels(signal: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Express a ratio of energies in dB, within `LIMIT`.

    Parameters
    ----------
    signal, noise : torch.Tensor
        Energies of one shape, not negative but for rounding errors.

    Returns
    -------
    torch.Tensor
        10 log₁₀(signal / noise); NaN where both are zero or one is NaN.
    """
    ratio = signal.clamp_min(0) / noise.clamp_min(0)
    return (10 * ratio.log10()).clamp(-LIMIT, LIMIT)


def energy(audio: torch.Tensor) -> torch.Tensor:
    """Sum the squares of ``(..., channel, sample)`` audio: ``(...)``."""
    return inner(audio, audio)


def inner(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Inner product over channels and samples in float64, from sums over pieces; leading axes are broadcast."""
    pieces = (torch.split(audio.flatten(-2), _PIECE, dim=-1) for audio in (one, other))
    return torch.stack([torch.linalg.vecdot(*pair).double() for pair in zip(*pieces, strict=True)]).sum(dim=0)
