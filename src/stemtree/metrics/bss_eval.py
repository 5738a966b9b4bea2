"""The ratios of BSS Eval, version 4, images (Vincent et al. 2007; Stöter et al. 2018), as museval computes them.

An estimate is the sum of four parts: the true node, its spatial distortion, interference, and artefacts. The node and
its spatial distortion are what filters of 512 taps can make of the node (from every channel to every channel); these
and the interference are what such filters can make of the node and of everything else; artefacts are the rest. In a
tree, everything else is **the mixture less the node**: one interfering source, wherever the node stands.
"""

from __future__ import annotations  # the aliases of tensors are names, not classes

from dataclasses import dataclass

import numpy as np
import torch
from scipy.fft import next_fast_len
from torch.nn import functional

from stemtree.errors import OptionError
from stemtree.metrics.ratio import decibels, energy
from stemtree.metrics.statistics import frames
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
    estimate, reference, other = estimate.double(), reference.double(), other.double()
    channels, count = estimate.shape[0], estimate.shape[-1] // window
    if not all(0 < energy(audio) < torch.inf for audio in (estimate, reference, other)):
        nothing = torch.full((count + 1, 2), torch.nan, dtype=torch.float64)
        return nothing[0], nothing[1:]
    sources, followed = _spectra(torch.cat([reference, other]), window, taps)
    target, target_followed = _spectra(estimate, window, taps)
    factor = _factor(_gram(_correlations(sources, followed, taps)))
    with_target = _correlations(sources, target_followed, taps).mT.flatten(0, 1)
    # The rows of this product are the estimate's share along an orthogonal basis: the node's directions, then those
    # that everything else adds. So one factorisation gives both projections, and no difference of large energies.
    along = torch.linalg.solve_triangular(factor, functional.pad(with_target, (0, 0, 0, _PADDING)), upper=False)
    own = channels * taps
    by_node, by_rest = along[:own].square().sum(), along[own:].square().sum()
    both = by_node + by_rest
    whole = _sir_and_sar(by_node, by_rest, both, energy(estimate) - both)
    every = torch.linalg.solve_triangular(factor.mT, along, upper=True)[:-_PADDING]
    alone = torch.linalg.solve_triangular(factor[:own, :own].mT, along[:own], upper=True)
    node = _filtered(sources[:channels], alone)
    rest = _filtered(sources, every) - node
    together = node + rest
    framewise = _sir_and_sar(*(_energies(part)[:count] for part in (node, rest, together, target - together)))
    for audio in (estimate, reference, other):
        framewise[energy(frames(audio, window)) == 0] = torch.nan
    return whole, framewise


def _sir_and_sar(node: torch.Tensor, rest: torch.Tensor, both: torch.Tensor, artefacts: torch.Tensor) -> torch.Tensor:
    return torch.stack([decibels(node, rest), decibels(both, artefacts)], dim=-1)


def _spectra(audio: Waveform, window: int, taps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """``(channel, frame, bin)`` of frames side by side, each by itself and each with the `taps` samples after it."""
    audio = functional.pad(audio, (0, -audio.shape[-1] % window + taps))
    length = _fast_length(window + taps)  # long enough that neither filters nor lags reach around
    alone, followed = (audio.unfold(-1, size, window) for size in (window, window + taps))
    return torch.fft.rfft(alone[:, : followed.shape[1]], n=length), torch.fft.rfft(followed, n=length)


def _fast_length(least: int) -> int:
    """The next even length whose transform is fast: a product of small primes."""
    half: int = next_fast_len(-(-least // 2), real=True)
    return 2 * half


def _correlations(ones: torch.Tensor, others: torch.Tensor, taps: int) -> torch.Tensor:
    """Σₙ one[n] other[n + lag] for lags from 0: ``(one, other, lag)``, of frames alone and followed by what comes."""
    products = torch.stack([torch.stack([torch.linalg.vecdot(one, other, dim=0) for other in others]) for one in ones])
    lags: torch.Tensor = torch.fft.irfft(products, n=_length(products))
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


def _filtered(spectra: torch.Tensor, taps: torch.Tensor) -> torch.Tensor:
    """Each frame through the filters ``(source * tap, channel)``, summed over sources: ``(channel, frame, bin)``."""
    responses = torch.fft.rfft(taps.reshape(len(spectra), -1, taps.shape[-1]).mT, n=_length(spectra))
    return torch.stack([response[:, None] * source for response, source in zip(responses, spectra, strict=True)]).sum(0)


def _energies(spectra: torch.Tensor) -> torch.Tensor:
    """``(frame,)`` energies of real signals from their half spectra (Parseval), times the transform's length."""
    parts = torch.view_as_real(spectra)
    ends = parts[..., [0, -1], :].square().sum(dim=(-2, -1))
    parts = parts.flatten(-2)
    squares: torch.Tensor = torch.linalg.vecdot(parts, parts)
    return (2 * squares - ends).sum(dim=0)


def _length(spectra: torch.Tensor) -> int:
    """Of the transform, which is even."""
    return 2 * (spectra.shape[-1] - 1)
