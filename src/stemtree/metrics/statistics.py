"""One figure from many: over the frames of a signal, or over all of it."""

import torch

from stemtree.metrics.ratio import decibels
from stemtree.types import Waveform

EPSILON = 1e-7
"""What the Music Demixing Challenge 2021 adds to both energies."""


def frames(audio: Waveform, window: int) -> Waveform:
    """Cut ``(..., channel, sample)`` audio into ``(..., frame, channel, sample)`` of `window` samples, side by side.

    A rest that is shorter than a window is left out, as museval does. A metric of frames gives one value for each.
    """
    return audio.unfold(-1, window, window).movedim(-2, -3)


def framewise_mean(values: torch.Tensor) -> torch.Tensor:
    """Mean over the frames of ``(..., frame)`` that are not NaN; NaN where all are."""
    return values.nanmean(dim=-1)


def framewise_median(values: torch.Tensor) -> torch.Tensor:
    """Median over the frames of ``(..., frame)`` that are not NaN, as museval's; NaN where all are.

    Of an even number it is the mean of the middle two.
    """
    return values.nanquantile(0.5, dim=-1)


def global_sdr(reference_energy: torch.Tensor, error_energy: torch.Tensor) -> torch.Tensor:
    """SDR over the whole of a song, as the Music Demixing Challenge 2021 defines it.

    10 log₁₀((Σ‖s‖² + ε) / (Σ‖ŝ - s‖² + ε)) with ε = 1e-7 for audio in [-1, 1]; a song in which node and estimate are
    silent so scores 0 dB.

    Parameters
    ----------
    reference_energy, error_energy : torch.Tensor
        ``(..., chunk)``: sums of squares of the pieces that the song consists of.

    Returns
    -------
    torch.Tensor
        ``(...)`` in dB.
    """
    return decibels(reference_energy.sum(dim=-1) + EPSILON, error_energy.sum(dim=-1) + EPSILON)
