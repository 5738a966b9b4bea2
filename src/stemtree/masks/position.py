"""Masks that follow where in the stereo image the sound of each part comes from."""

from functools import cache
from itertools import pairwise

import torch
from torch import Tensor

from stemtree.types import Masks, Spectrogram

BANDS = 19
"""In each of which a part has one position; equally wide on the ERB scale."""

_FRAME_STEP = 4
"""Positions are fitted to every so many frames: with windows that overlap by three quarters the others say little."""

_SHRINK = 0.25
"""How much a fitted position is drawn to the mean that the part's mask weighs."""

_FARTHEST = 0.995
"""Longest vector of a position: the rest of a part's energy lies anywhere."""


def follow_position_(parts: Masks, mixture: Spectrogram, sample_rate: int) -> Masks:
    """Give each part more of the bins that lie where the part lies, and less of those that lie elsewhere.

    The position of a bin is a vector u of its level difference, and of the real and the imaginary part of its cross
    spectrum, over its energy: (1, 0, 0) is left, (0, 1, 0) the middle (Stokes parameters). In each band a part k of
    mask M_k has one position s_k, which is fitted so that the sum of M_k s_k is u, by least squares that the magnitude
    weighs. Taken for the part's spatial covariance, it makes the multichannel Wiener filter (Duong, Vincent, Gribonval
    2010). What of that filter one real mask for both channels can do is, up to a factor that all parts share,

        M_k (1 - S·u + s_k·(u - S)),  where S is the sum of M_j s_j over the parts j,

    negative ones being cut off. Where all parts lie at one place, masks stay as they are.

    Parameters
    ----------
    parts : Masks
        ``(part, 1, bin, frame)``, summing to one over parts; changed in place.
    mixture : Spectrogram
        ``(2, bin, frame)``, some seconds of it.
    sample_rate : int
        Of the mixture.

    Returns
    -------
    Masks
        `parts`, which sum to one over parts as before.
    """
    positions, energy = bin_positions(mixture.mT)
    rows = parts[:, 0].mT
    for low, high in band_edges(rows.shape[-1], sample_rate):
        of_band, of_bins = rows[..., low:high].contiguous(), positions[..., low:high].contiguous()
        weights = energy[::_FRAME_STEP, low:high].sqrt().flatten()
        fitted = fit_positions(of_band[:, ::_FRAME_STEP].flatten(1), of_bins[:, ::_FRAME_STEP].flatten(1), weights)
        rows[..., low:high] = _weigh(of_band.flatten(1), of_bins.flatten(1), fitted).view(of_band.shape)
    return parts


def bin_positions(mixture: Spectrogram) -> tuple[Tensor, Tensor]:
    """Find where each bin lies: ``(3, ...)`` vectors no longer than 1, and ``(...)`` energies, of ``(2, ...)`` bins."""
    left, right = mixture
    of_left = left.real.square().addcmul_(left.imag, left.imag)
    of_right = right.real.square().addcmul_(right.imag, right.imag)
    positions = of_left.new_empty(3, *of_left.shape)
    torch.sub(of_left, of_right, out=positions[0])
    torch.mul(left.real, right.real, out=positions[1]).addcmul_(left.imag, right.imag).mul_(2)
    torch.mul(left.imag, right.real, out=positions[2]).addcmul_(left.real, right.imag, value=-1).mul_(2)
    energy = (of_left + of_right).clamp_min_(1e-12)
    return positions.div_(energy), energy


def fit_positions(masks: Tensor, positions: Tensor, weights: Tensor) -> Tensor:
    """Fit the position of each part, ``(part, 3)``, to bins: ``(part, bin)``, ``(3, bin)`` and ``(bin,)``."""
    weighed = masks * weights
    amounts = weighed.sum(dim=1)
    sums = weighed @ positions.mT
    means = sums / amounts.clamp_min(1e-9).unsqueeze(1)
    # The least share keeps the equations solvable where a part has nothing.
    drawn = torch.diag(_SHRINK * amounts + 1e-6 * amounts.sum() + 1e-12)
    fitted = torch.linalg.solve(weighed @ masks.mT + drawn, sums + drawn @ means)
    limited: Tensor = fitted * (_FARTHEST / fitted.norm(dim=1, keepdim=True).clamp_min(_FARTHEST))
    return limited


@cache
def band_edges(bins: int, sample_rate: int) -> tuple[tuple[int, int], ...]:
    """First bin of each band and of the next one; of few bins there are fewer bands.

    The ERB scale is that of Glasberg and Moore (1990), 21.4 log10(1 + 0.00437 f).
    """
    frequencies = torch.linspace(0, sample_rate / 2, bins)
    scale = torch.log10(1 + 0.00437 * frequencies)
    bands = (scale / scale[-1] * BANDS).long().clamp_max(BANDS - 1)
    starts = torch.nonzero(bands.diff(prepend=bands.new_tensor([-1]))).flatten()
    return tuple(pairwise([*starts.tolist(), bins]))


def _weigh(masks: Tensor, positions: Tensor, fitted: Tensor) -> Tensor:
    """Masks of one band, ``(part, bin)``, by where its bins, ``(3, bin)``, and its parts, ``(part, 3)``, lie."""
    total = fitted.mT @ masks
    common = 1 - (total * positions).sum(dim=0)
    weighed = torch.addmm(common.expand(len(masks), -1), fitted, positions - total).clamp_min_(0).mul_(masks)
    # The sum is above 0, as no position is as long as 1.
    return weighed.div_(weighed.sum(dim=0).clamp_min_(1e-9))
