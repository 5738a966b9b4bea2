"""Features: what networks get of a spectrogram."""

import torch

from stemtree.types import Features, Spectrogram

FLOOR = -60.0
"""The lowest value of a feature in dB. A full-scale sine has 48 dB in a window of 1024 samples and more in longer ones,
so this is inaudible, and digital silence does not differ from quiet noise."""

_SALIENT_DB = 40.0
"""How much quieter than the loudest bin of a recording a salient bin may be."""


def log_magnitude(spectrogram: Spectrogram) -> Features:
    """Magnitudes in decibels, 20 log10 |X|, clamped to `FLOOR`.

    Parameters
    ----------
    spectrogram : Spectrogram
        ``(..., channel, bin, frame)``.

    Returns
    -------
    Features
        The same shape.
    """
    power = spectrogram.real.square() + spectrogram.imag.square()
    return power.clamp_min_(10 ** (FLOOR / 10)).log10_().mul_(10)


def mid_side(spectrogram: Spectrogram) -> Spectrogram:
    """Mid (L + R) / 2 and side (L - R) / 2 of stereo.

    Their magnitudes tell what lies in the centre, which has no side, from what is wide or on one side, whose mid and
    side are about equally loud; left and right are alike in them.

    Parameters
    ----------
    spectrogram : Spectrogram
        ``(..., 2, bin, frame)``.

    Returns
    -------
    Spectrogram
        The same shape.
    """
    left, right = spectrogram.unbind(dim=-3)
    return torch.stack([left + right, left - right], dim=-3) / 2


def salient_bins(features: Features) -> torch.Tensor:
    """Find the salient bins of a recording: those at most 40 dB quieter than its loudest.

    Parameters
    ----------
    features : Features
        ``(batch, channel, bin, frame)``, in dB.

    Returns
    -------
    Tensor
        The same shape, bool; all False in silence.
    """
    loudest = features.amax(dim=(1, 2, 3), keepdim=True)
    return (features >= loudest - _SALIENT_DB) & (features > FLOOR)
