"""Fast implementations of what the other modules of metrics define; each is tested against its plain twin."""

import numpy as np
import torch
from torch.nn import functional

from stemtree.metrics.parts import PartEnergies
from stemtree.types import Waveform

_PIECE = 2**16
"""Samples in a sum in single precision; longer sums would be wrong by 1e-3 dB."""

_PADDING = 8
"""Rows added to a matrix: with a power of two of them, they would compete for the same places in the cache."""

_LOADINGS = (0, *(10.0**power for power in range(-15, 1)))
"""What is added to the diagonal of a matrix, relative to it: the least that makes it regular."""


def inner(one: Waveform, other: Waveform) -> torch.Tensor:
    """See `stemtree.metrics.ratio.inner`; no copy in double precision: sums of pieces in single, added in double."""
    pieces = (torch.split(audio.flatten(-2), _PIECE, dim=-1) for audio in (one, other))
    return torch.stack([torch.linalg.vecdot(*pair).double() for pair in zip(*pieces, strict=True)]).sum(dim=0)


def part_energies(signals: torch.Tensor, channels: int, taps: int) -> tuple[PartEnergies, PartEnergies]:
    """See `stemtree.metrics.bss_eval.part_energies`; correlations by FFT and one Cholesky factor."""
    sources, own = 2 * channels, channels * taps
    target_energy = torch.linalg.vecdot(signals[sources:], signals[sources:]).sum(dim=0)
    framewise = _correlations(signals, sources, taps)
    whole = framewise.sum(dim=2) + _correlations_across(signals, sources, taps)
    factor = _cholesky(_gram(whole[:, :sources]))
    with_target = whole[:, sources:].mT.flatten(0, 1)  # (source * tap, channel)
    # The rows of this product are the estimate's coordinates along an orthogonal basis: first the source's directions,
    # then those that the other source adds. So one factor gives both projections, and no small difference of large
    # energies is taken.
    along = torch.linalg.solve_triangular(factor, functional.pad(with_target, (0, 0, 0, _PADDING)), upper=False)
    source, interference = along[:own].square().sum(), along[own:].square().sum()
    both = source + interference
    every_filters = torch.linalg.solve_triangular(factor.mT, along, upper=True)[:-_PADDING]
    own_filters = torch.linalg.solve_triangular(factor[:own, :own].mT, along[:own], upper=True)
    return (
        PartEnergies(source, interference, both, target_energy.sum() - both),
        _framewise_energies(own_filters, every_filters, framewise, target_energy),
    )


def _correlations(signals: torch.Tensor, sources: int, taps: int) -> torch.Tensor:
    """Σₙ one[n] other[n + lag] within windows, of the first `sources` signals with all, for lags from 0.

    Parameters
    ----------
    signals : torch.Tensor
        ``(signal, window, sample)``.
    sources, taps : int
        The number of sources and of lags.

    Returns
    -------
    torch.Tensor
        ``(source, signal, window, lag)``.
    """
    # In blocks, whose products are added before anything is transformed back. Each is multiplied with itself and the
    # samples after it, as many as there are lags.
    block, length = 3 * taps, 4 * taps
    blocks = -(-signals.shape[-1] // block)
    padded = functional.pad(signals, (0, blocks * block + taps - signals.shape[-1]))
    alone = torch.fft.rfft(padded[..., :-taps].unfold(-1, block, block)[:sources], n=length).conj_physical_()
    followed = torch.fft.rfft(padded.unfold(-1, length, block))
    products = [[np.einsum("wkb,wkb->wb", one, other) for other in followed.numpy()] for one in alone.numpy()]
    lags: torch.Tensor = torch.fft.irfft(torch.from_numpy(np.array(products)), n=length)
    return lags[..., :taps]


def _correlations_across(signals: torch.Tensor, sources: int, taps: int) -> torch.Tensor:
    """Correlations of each window with the next, which `_correlations` lacks: ``(source, signal, lag)``."""
    ends, starts = signals[:sources, :, -taps:], functional.pad(signals[:, 1:, :taps], (taps, 0, 0, 1))
    before, after = torch.fft.rfft(ends, n=2 * taps), torch.fft.rfft(starts)
    products = torch.einsum("swb,owb->sob", before.conj(), after)
    lags: torch.Tensor = torch.fft.irfft(products, n=2 * taps)
    return lags[..., :taps]


def _gram(correlations: torch.Tensor) -> torch.Tensor:
    """Lower triangle of the inner products of all sources at all delays, ``(source * delay, source * delay)``."""
    sources, _, taps = correlations.shape
    lags = torch.cat([correlations.transpose(0, 1)[..., 1:].flip(-1), correlations], dim=-1)
    # [i, j] of a block is the correlation at lag i - j. Rows run backwards; torch would make a copy of them.
    blocks = np.lib.stride_tricks.sliding_window_view(lags.flip(-1).numpy(), taps, axis=-1)[:, :, ::-1]
    gram = np.eye(sources * taps + _PADDING)
    for one in range(sources):
        for other in range(one + 1):
            gram[one * taps : (one + 1) * taps, other * taps : (other + 1) * taps] = blocks[one, other]
    return torch.from_numpy(gram)


def _cholesky(gram: torch.Tensor) -> torch.Tensor:
    """Cholesky factor, lower, of a matrix that may be singular, as that of a signal with two equal channels is."""
    power = gram.diagonal().clone()
    for loading in _LOADINGS:
        gram.diagonal().copy_(power * (1 + loading))
        factor, failed = torch.linalg.cholesky_ex(gram)
        if not failed:
            break
    triangle: torch.Tensor = factor
    return triangle


def _framewise_energies(
    own_filters: torch.Tensor, every_filters: torch.Tensor, correlations: torch.Tensor, target_energy: torch.Tensor
) -> PartEnergies:
    """Energies of the parts of each window.

    Parameters
    ----------
    own_filters, every_filters : torch.Tensor
        ``(source * tap, channel)``: of the projection on the source, and on all sources.
    correlations : torch.Tensor
        From `_correlations`.
    target_energy : torch.Tensor
        ``(window,)`` of the estimate.
    """
    sources, taps = correlations.shape[0], correlations.shape[-1]
    both = every_filters.view(sources, taps, -1)
    own = torch.cat([own_filters.view(sources // 2, taps, -1), torch.zeros_like(both[sources // 2 :])])
    # ‖Σᵢ hᵢ * sᵢ‖² = Σᵢⱼₗ Qᵢⱼ(l) Cᵢⱼ(l) with the correlations Q of the filters and C of the signals. The lags below
    # 0 of one pair are those above 0 of the reversed pair.
    spectra = torch.fft.rfft(torch.stack([own, both - own, both]), n=2 * taps, dim=2).transpose(1, 2)
    filters = torch.fft.irfft(spectra @ spectra.mH, n=2 * taps, dim=1)[:, :taps]
    filters[:, 1:] *= 2
    energies = torch.tensordot(filters, correlations[:, :sources], dims=([1, 2, 3], [3, 0, 1]))
    with_target = torch.tensordot(both, correlations[:, sources:], dims=([0, 1, 2], [0, 3, 1]))
    return PartEnergies(energies[0], energies[1], energies[2], target_energy - 2 * with_target + energies[2])
