"""One figure from many: framewise, over the windows of a signal, or global, over all of it."""

import torch

from stemtree.metrics.ratio import ratio_db
from stemtree.types import Waveform

EPSILON = 1e-7
"""What the Music Demixing Challenge 2021 adds to both energies."""


def split_windows(audio: Waveform, window: int) -> Waveform:
    """Cut ``(..., channel, sample)`` audio into ``(..., window, channel, sample)``, windows of `window` samples.

    They lie side by side. A remainder shorter than a window is left out, as in museval. A metric of the result is
    framewise: it has one value for each window.
    """
    return audio.unfold(-1, window, window).movedim(-2, -3)


def framewise_mean(values: torch.Tensor) -> torch.Tensor:
    """Average ``(..., window)`` over the windows that are not NaN; NaN where all are."""
    return values.nanmean(dim=-1)


def framewise_median(values: torch.Tensor) -> torch.Tensor:
    """Take the median of ``(..., window)`` over the windows that are not NaN, as museval does; NaN where all are.

    Of an even number it is the mean of the middle two.
    """
    return values.nanquantile(0.5, dim=-1)


def global_sdr(reference_energy: torch.Tensor, error_energy: torch.Tensor) -> torch.Tensor:
    """SDR over the whole of a song, as the Music Demixing Challenge 2021 defines it.

    10 log₁₀((Σ‖s‖² + ε) / (Σ‖ŝ - s‖² + ε)) with ε = 1e-7 for audio in [-1, 1]. A song in which both node and estimate
    are silent has 0 dB.

    Parameters
    ----------
    reference_energy, error_energy : torch.Tensor
        ``(..., chunk)``: sums of squares of the chunks that the song consists of.

    Returns
    -------
    torch.Tensor
        ``(...)`` in dB.
    """
    return ratio_db(reference_energy.sum(dim=-1) + EPSILON, error_energy.sum(dim=-1) + EPSILON)
