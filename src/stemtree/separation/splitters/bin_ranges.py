"""A model's bins and a song's: what a model sees of another sample rate, and masks above what it sees."""

import torch
from torch.nn import functional

from stemtree.spectral import Stft
from stemtree.types import Masks


def as_known(spectrum: torch.Tensor, stft: Stft, known: Stft, bins: int | None = None) -> torch.Tensor:
    """Turn what was made at a song's sample rate into what a model knows.

    Parameters
    ----------
    spectrum : torch.Tensor
        ``(channel, bin, frame)``, complex or magnitudes.
    stft, known : Stft
        How it was made, and what the model's own transform is; their windows are equally long in seconds.
    bins : int, optional
        How many bins the model sees; unset, all of its transform's.

    Returns
    -------
    torch.Tensor
        ``(channel, bins, frame)``: as loud as the model knows it, with zeros where the song has no such bins.
    """
    bins = known.bins if bins is None else bins
    seen = spectrum[:, :bins]
    if stft.window != known.window:  # a longer window makes all magnitudes larger by its length
        seen = seen * (known.window / stft.window)
    missing = bins - seen.shape[1]
    return functional.pad(seen, (0, 0, 0, missing)) if missing > 0 else seen


def to_bins(masks: Masks, bins: int) -> Masks:
    """Fit masks to a song's bins: above those that the model sees, each frame's mean mask, so that nothing is lost.

    Parameters
    ----------
    masks : Masks
        ``(..., bin, frame)``, of as many bins as the model sees.
    bins : int
        How many the song has.

    Returns
    -------
    Masks
        ``(..., bins, frame)``.
    """
    known = masks[..., :bins, :]
    above = bins - known.shape[-2]
    if above <= 0:
        return known
    mean = masks.mean(dim=-2, keepdim=True)
    return torch.cat([known, mean.expand(*mean.shape[:-2], above, -1)], dim=-2)
