"""Complex spectrograms as twice as many real channels, and back: what networks of complex spectrograms compute on."""

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional

from stemtree.types import Spectrogram


def to_real_channels(mixture: Spectrogram, bins: int, frame_multiple: int = 1) -> Tensor:
    """Real and imaginary part of each channel, one after the other, with so many bins.

    Parameters
    ----------
    mixture : Spectrogram
        ``(batch, channel, bin, frame)``.
    bins : int
        Bins of the result; those above are left out, missing ones are silent.
    frame_multiple : int
        Silent frames are appended until their number is a multiple of it.

    Returns
    -------
    Tensor
        ``(batch, 2 * channel, bins, frame)``.
    """
    parts = rearrange(torch.view_as_real(mixture), "batch channel bin frame part -> batch (channel part) bin frame")
    return functional.pad(parts[:, :, :bins], (0, -parts.shape[-1] % frame_multiple, 0, max(0, bins - parts.shape[2])))


def to_stems(parts: Tensor, like: Spectrogram) -> Spectrogram:
    """Undo `to_real_channels` for the stems of a mixture.

    Parameters
    ----------
    parts : Tensor
        ``(batch, output * 2 * channel, bin, frame)`` of any precision.
    like : Spectrogram
        ``(batch, channel, bin, frame)``, the mixture, whose numbers of channels, bins and frames the stems get.

    Returns
    -------
    Spectrogram
        ``(batch, output, channel, bin, frame)``; silent in bins that `parts` lacks.
    """
    _, channels, bins, frames = like.shape
    whole = functional.pad(parts.float()[:, :, :bins, :frames], (0, 0, 0, max(0, bins - parts.shape[2])))
    stems = rearrange(
        whole,
        "batch (output channel part) bin frame -> batch output channel bin frame part",
        channel=channels,
        part=2,
    )
    return torch.view_as_complex(stems.contiguous())
