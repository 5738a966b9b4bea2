"""The ratios of BSS Eval, version 4, images (Vincent et al. 2007; Stöter et al. 2018), as museval computes them.

An estimate is the sum of four parts: the true node, its spatial distortion, interference, and artefacts. The node and
its spatial distortion are what filters of 512 taps can make of the node (from every channel to every channel); these
and the interference are what such filters can make of the node and of everything else; artefacts are the rest. In a
tree, everything else is **the mixture less the node**: one interfering source, wherever the node stands.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from stemtree.errors import OptionError
from stemtree.metrics.ratio import decibels, energy
from stemtree.types import Waveform

TAPS = 512
"""Length of BSS Eval's filters."""

_PADDING = 8  # rows that keep those of matrices off powers of two, at which they share places in the cache

_LOADINGS = (0, *(10.0**power for power in range(-15, 1)))  # relative; the least that makes a matrix regular


def sdr(estimates: Waveform, references: Waveform) -> torch.Tensor:
    """SDR, image version: 10 log₁₀(‖s‖² / ‖ŝ - s‖²), over channels together (thesis, 5.10).

    It needs no filters and is BSS Eval's SDR of versions 3 and 4 (museval, mir_eval ``bss_eval_images``). A change of
    scale counts as distortion.

    Parameters
    ----------
    estimates, references : Waveform
        ``(..., channel, sample)``; leading axes are broadcast.

    Returns
    -------
    torch.Tensor
        ``(...)`` float64, dB within ± `stemtree.metrics.ratio.LIMIT`; NaN where the reference is silent, 0 where only
        the estimate is.
    """
    truth = energy(references)
    return decibels(torch.where(truth > 0, truth, torch.nan), energy(estimates - references))


def snr(estimates: Waveform, references: Waveform) -> torch.Tensor:
    """Signal-to-noise ratio where all that differs from the reference is noise: another name for `sdr`.

    So do torchmetrics (``signal_noise_ratio``, one channel) and Le Roux et al. BSS Eval's own SNR (thesis, 5.7) tells
    noise that was recorded with the sources from interference; mixtures that are the sum of their stems have none, and
    it is infinite for every estimate.
    """
    return sdr(estimates, references)


@dataclass(frozen=True, slots=True)
class BssEval:
    """SIR and SAR in dB within ± `stemtree.metrics.ratio.LIMIT`; NaN where a source or the estimate is silent.

    Parameters
    ----------
    sir, sar : torch.Tensor
        ``(...)`` float64, over the whole signals.
    framewise_sir, framewise_sar : torch.Tensor
        ``(..., frame)``, with the same filters on each frame by itself, as museval's ``eval_mus_track``.
    """

    sir: torch.Tensor
    sar: torch.Tensor
    framewise_sir: torch.Tensor
    framewise_sar: torch.Tensor


def bss_eval(estimates: Waveform, references: Waveform, others: Waveform, *, window: int, taps: int = TAPS) -> BssEval:
    """Source-to-interference and sources-to-artefacts ratio, as museval's ``bss_eval`` with its defaults.

    SIR = 10 log₁₀(‖Pₛŝ‖² / ‖Pŝ - Pₛŝ‖²) and SAR = 10 log₁₀(‖Pŝ‖² / ‖ŝ - Pŝ‖²), where Pₛ projects on the reference
    delayed by 0 to `taps` - 1 samples and P on the reference and everything else, delayed likewise. For one channel
    these are also the ratios of BSS Eval's source version; with one tap they are those of the thesis (5.8, 5.9).

    Parameters
    ----------
    estimates, references, others : Waveform
        ``(..., channel, sample)`` of one shape: what was estimated, the truth, and everything else in the mixture.
    window : int
        Samples in a frame, at least `taps`.
    taps : int
        Length of the filters.

    Raises
    ------
    OptionError
        If `window` is shorter than `taps`.
    """
    if window < taps:
        raise OptionError(f"frames of {window} samples are shorter than filters of {taps}: give longer ones")
    lead = estimates.shape[:-2]
    flat = [audio.reshape(-1, *audio.shape[-2:]) for audio in (estimates, references, others)]
    # One after the other: of many at once the spectra fill no cache, and everything takes several times as long.
    pairs = [_ratios(*item, window=window, taps=taps) for item in zip(*flat, strict=True)]
    whole, framewise = (torch.stack(values) for values in zip(*pairs, strict=True))
    whole, framewise = whole.reshape(*lead, 2), framewise.reshape(*lead, framewise.shape[1], 2)
    return BssEval(whole[..., 0], whole[..., 1], framewise[..., 0], framewise[..., 1])


def _ratios(
    estimate: Waveform, reference: Waveform, other: Waveform, *, window: int, taps: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """SIR and SAR of one ``(channel, sample)`` estimate: ``(2,)``, and of its frames: ``(frame, 2)``."""
    channels, count = estimate.shape[0], estimate.shape[-1] // window
    own, sources = channels * taps, 2 * channels
    signals = torch.cat([reference, other, estimate]).double()
    signals = functional.pad(signals, (0, -signals.shape[-1] % window)).unfold(-1, window, window)
    energies = torch.linalg.vecdot(signals, signals).view(3, channels, -1).sum(dim=1)
    if not all(0 < total < torch.inf for total in energies.sum(dim=1)):
        nothing = torch.full((count + 1, 2), torch.nan, dtype=torch.float64)
        return nothing[0], nothing[1:]
    framewise = _correlations(signals, sources, taps)
    whole = framewise.sum(dim=2) + _across(signals, sources, taps)
    factor = _factor(_gram(whole[:, :sources]))
    with_target = whole[:, sources:].mT.flatten(0, 1)
    # The rows of this product are the estimate's share along an orthogonal basis: the node's directions, then those
    # that everything else adds. So one factorisation gives both projections, and no difference of large energies.
    along = torch.linalg.solve_triangular(factor, functional.pad(with_target, (0, 0, 0, _PADDING)), upper=False)
    by_node, by_rest = along[:own].square().sum(), along[own:].square().sum()
    by_both = by_node + by_rest
    every = torch.linalg.solve_triangular(factor.mT, along, upper=True)[:-_PADDING]
    alone = torch.linalg.solve_triangular(factor[:own, :own].mT, along[:own], upper=True)
    ratios = _sir_and_sar(*_energies(alone, every, framewise, energies[2]))
    ratios[(energies == 0).any(dim=0)] = torch.nan
    return _sir_and_sar(by_node, by_rest, by_both, energies[2].sum() - by_both), ratios[:count]


def _sir_and_sar(node: torch.Tensor, rest: torch.Tensor, both: torch.Tensor, artefacts: torch.Tensor) -> torch.Tensor:
    return torch.stack([decibels(node, rest), decibels(both, artefacts)], dim=-1)


def _correlations(signals: torch.Tensor, sources: int, taps: int) -> torch.Tensor:
    """Σₙ one[n] other[n + lag] within frames, of the first `sources` signals with all, for lags from 0.

    Parameters
    ----------
    signals : torch.Tensor
        ``(signal, frame, sample)``.
    sources, taps : int
        How many come first, and how many lags.

    Returns
    -------
    torch.Tensor
        ``(source, signal, frame, lag)``.
    """
    # Of blocks, whose products add up before anything is transformed back; each is multiplied with itself and what
    # follows it, long enough for the last lag.
    block, length = 3 * taps, 4 * taps
    blocks = -(-signals.shape[-1] // block)
    padded = functional.pad(signals, (0, blocks * block + taps - signals.shape[-1]))
    alone = torch.fft.rfft(padded[..., :-taps].unfold(-1, block, block)[:sources], n=length).conj_physical_()
    followed = torch.fft.rfft(padded.unfold(-1, length, block))
    products = [[np.einsum("fkb,fkb->fb", one, other) for other in followed.numpy()] for one in alone.numpy()]
    lags: torch.Tensor = torch.fft.irfft(torch.from_numpy(np.array(products)), n=length)
    return lags[..., :taps]


def _across(signals: torch.Tensor, sources: int, taps: int) -> torch.Tensor:
    """What `_correlations` lacks of those of the whole, from each frame to the next: ``(source, signal, lag)``."""
    ends, starts = signals[:sources, :, -taps:], functional.pad(signals[:, 1:, :taps], (taps, 0, 0, 1))
    before, after = torch.fft.rfft(ends, n=2 * taps), torch.fft.rfft(starts)
    products = torch.einsum("sfb,ofb->sob", before.conj(), after)
    lags: torch.Tensor = torch.fft.irfft(products, n=2 * taps)
    return lags[..., :taps]


def _gram(ahead: torch.Tensor) -> torch.Tensor:
    """Lower triangle of the inner products of all sources at all delays, ``(source * delay, source * delay)``."""
    sources, _, taps = ahead.shape
    lags = torch.cat([ahead.transpose(0, 1)[..., 1:].flip(-1), ahead], dim=-1)
    # [i, j] of a block is the correlation at lag i - j. Rows run backwards, which torch would copy once more.
    blocks = np.lib.stride_tricks.sliding_window_view(lags.flip(-1).numpy(), taps, axis=-1)[:, :, ::-1]
    gram = np.eye(sources * taps + _PADDING)
    for one in range(sources):
        for other in range(one + 1):
            gram[one * taps : (one + 1) * taps, other * taps : (other + 1) * taps] = blocks[one, other]
    return torch.from_numpy(gram)


def _factor(gram: torch.Tensor) -> torch.Tensor:
    """Cholesky's lower triangle of a matrix that may be singular, as that of a signal with two equal channels is."""
    power = gram.diagonal().clone()
    for loading in _LOADINGS:
        gram.diagonal().copy_(power * (1 + loading))
        factor, failed = torch.linalg.cholesky_ex(gram)
        if not failed:
            break
    triangle: torch.Tensor = factor
    return triangle


def _energies(
    alone: torch.Tensor, every: torch.Tensor, framewise: torch.Tensor, target: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Energies of the parts of each frame: node, rest, both, and artefacts, which are the estimate less both.

    Parameters
    ----------
    alone, every : torch.Tensor
        ``(source * tap, channel)`` filters: of the node by itself, and of the node and everything else.
    framewise : torch.Tensor
        From `_correlations`.
    target : torch.Tensor
        ``(frame,)`` energies of the estimate.
    """
    sources, taps = framewise.shape[0], framewise.shape[-1]
    both = every.view(sources, taps, -1)
    node = torch.cat([alone.view(sources // 2, taps, -1), torch.zeros_like(both[sources // 2 :])])
    # ‖Σᵢ hᵢ * sᵢ‖² = Σᵢⱼₗ Qᵢⱼ(l) Cᵢⱼ(l) with the correlations Q of the filters and C of the signals; the lags below
    # 0 of one pair are those above 0 of the reverse.
    spectra = torch.fft.rfft(torch.stack([node, both - node, both]), n=2 * taps, dim=2).transpose(1, 2)
    filters = torch.fft.irfft(spectra @ spectra.mH, n=2 * taps, dim=1)[:, :taps]
    filters[:, 1:] *= 2
    energies = torch.tensordot(filters, framewise[:, :sources], dims=([1, 2, 3], [3, 0, 1]))
    shared = torch.tensordot(both, framewise[:, sources:], dims=([0, 1, 2], [0, 3, 1]))
    return energies[0], energies[1], energies[2], target - 2 * shared + energies[2]
