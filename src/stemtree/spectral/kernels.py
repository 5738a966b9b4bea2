"""Fast implementations of what the other modules of this folder define; each is tested against its plain twin."""

import math

import torch

from stemtree.types import Masks, Spectrogram, Waveform

CACHED_SAMPLES = 2**19
"""Number of samples that each thread transforms at a time: few enough to stay in its cache, and enough to be worth
dividing."""


def overlap_add(
    spectrogram: Spectrogram,
    window: torch.Tensor,
    hop: int,
    mask: Masks | None = None,
    out: Waveform | None = None,
) -> Waveform:
    """See `stemtree.spectral.stft.overlap_add`; on CPUs in groups of frames that stay in the cache from mask to sum."""
    num_samples, overlap = len(window), len(window) // hop
    scaled_window = window / num_samples
    rows, mask_rows = spectrogram.mT, None if mask is None else mask.mT  # as they lie in memory
    if out is None:
        out = rows.real.new_zeros(*rows.shape[:-2], (rows.shape[-2] + overlap - 1) * hop)
    hops = out.view(*out.shape[:-1], -1, hop)
    group = max(1, rows.shape[-2])
    if spectrogram.device.type == "cpu":
        group = max(1, CACHED_SAMPLES * torch.get_num_threads() // (math.prod(rows.shape[:-2]) * num_samples))
    for first in range(0, rows.shape[-2], group):
        masked = rows[..., first : first + group, :]
        if mask_rows is not None:
            # Complex first, since a product of different types is computed value by value.
            masked = mask_rows[..., first : first + group, :].to(masked.dtype).mul_(masked)
        frames = torch.fft.irfft(masked, n=num_samples, norm="forward").mul_(scaled_window)
        frames = frames.unflatten(-1, (overlap, hop))
        for step in range(overlap):
            hops[..., first + step : first + step + frames.shape[-3], :] += frames[..., step, :]
    return out
