"""Conversion between a song's frequency bins and those that a model sees."""

import torch
from torch.nn import functional

from stemtree.spectral import Stft
from stemtree.types import Masks


def to_model_bins(spectrum: torch.Tensor, stft: Stft, model_stft: Stft, bins: int | None = None) -> torch.Tensor:
    """Convert a spectrogram at a song's sample rate to the bins and the scale of a model's transform.

    Parameters
    ----------
    spectrum : torch.Tensor
        ``(channel, bin, frame)``, complex or magnitudes.
    stft, model_stft : Stft
        The transforms of the song and of the model; their windows are equally long in seconds.
    bins : int, optional
        Number of bins that the model sees; by default all of its transform's.

    Returns
    -------
    torch.Tensor
        ``(channel, bins, frame)``, with zeros in bins that the song does not have.
    """
    bins = model_stft.bins if bins is None else bins
    lowest = spectrum[:, :bins]
    if stft.window != model_stft.window:  # magnitudes grow with the number of samples in the window
        lowest = lowest * (model_stft.window / stft.window)
    missing = bins - lowest.shape[1]
    return functional.pad(lowest, (0, 0, 0, missing)) if missing > 0 else lowest


def to_song_bins(masks: Masks, bins: int) -> Masks:
    """Fit masks to a song's bins: bins above those that the model sees get the mean mask of their frame.

    Parameters
    ----------
    masks : Masks
        ``(..., bin, frame)``, of as many bins as the model sees.
    bins : int
        Number of bins of the song.

    Returns
    -------
    Masks
        ``(..., bins, frame)``; masks that sum to one still do.
    """
    lowest = masks[..., :bins, :]
    above = bins - lowest.shape[-2]
    if above <= 0:
        return lowest
    mean = masks.mean(dim=-2, keepdim=True)
    return torch.cat([lowest, mean.expand(*mean.shape[:-2], above, -1)], dim=-2)
