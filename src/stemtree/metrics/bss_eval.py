"""The ratios of BSS Eval, version 4, images (Vincent et al. 2007; Stöter et al. 2018), as museval computes them.

An estimate is the sum of four parts: the true source, its spatial distortion, interference, and artefacts. The source
and its spatial distortion are together the projection of the estimate on all delays of the source by less than 512
samples, from every channel to every channel. These and the interference are its projection on the delays of the source
and of all other sources. Artefacts are the rest.

Here the source is a node, and there is one other source: **the mixture minus the node**, wherever the node stands in
its tree.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional

from stemtree.accelerate import accelerated_by
from stemtree.errors import OptionError
from stemtree.metrics import kernels
from stemtree.metrics.parts import PartEnergies
from stemtree.metrics.ratio import energy, ratio_db
from stemtree.types import Waveform

TAPS = 512
"""Length of BSS Eval's filters: how many delays a projection is on."""


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
    reference_energy = energy(references)
    return ratio_db(torch.where(reference_energy > 0, reference_energy, torch.nan), energy(estimates - references))


def snr(estimates: Waveform, references: Waveform) -> torch.Tensor:
    """Signal-to-noise ratio where noise is all that differs from the reference: another name for `sdr`.

    torchmetrics (``signal_noise_ratio``, one channel) and Le Roux et al. define it so. BSS Eval's own SNR (thesis, 5.7)
    separates recorded noise from interference; a mixture that is the sum of its stems has no noise, and that SNR is
    infinite for every estimate.
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
        ``(..., window)``: each window by itself, with the filters of the whole signals, as museval's
        ``eval_mus_track``.
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
        ``(..., channel, sample)`` of one shape: the estimate, the true source, and everything else in the mixture.
    window : int
        Samples in a window of the framewise ratios, at least `taps`. A remainder of the signals that fills no window
        counts for the whole only.
    taps : int
        Length of the filters.

    Raises
    ------
    OptionError
        If `window` is shorter than `taps`.
    """
    if window < taps:
        raise OptionError(f"windows of {window} samples are shorter than filters of {taps}: give longer ones")
    lead = estimates.shape[:-2]
    flat = [audio.reshape(-1, *audio.shape[-2:]) for audio in (estimates, references, others)]
    # One after the other: spectra of several at once fit into no cache, and take several times as long.
    pairs = [_sir_and_sar(*signals, window=window, taps=taps) for signals in zip(*flat, strict=True)]
    whole, framewise = (torch.stack(values) for values in zip(*pairs, strict=True))
    whole, framewise = whole.reshape(*lead, 2), framewise.reshape(*lead, framewise.shape[1], 2)
    return BssEval(whole[..., 0], whole[..., 1], framewise[..., 0], framewise[..., 1])


def _sir_and_sar(
    estimate: Waveform, reference: Waveform, other: Waveform, *, window: int, taps: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """SIR and SAR of one ``(channel, sample)`` estimate, ``(2,)``, and of its windows, ``(window, 2)``."""
    channels, num_windows = estimate.shape[0], estimate.shape[-1] // window
    signals = torch.cat([reference, other, estimate]).double()
    signals = functional.pad(signals, (0, -signals.shape[-1] % window)).unfold(-1, window, window)
    energies = torch.linalg.vecdot(signals, signals).view(3, channels, -1).sum(dim=1)  # of each signal and window
    if not all(0 < total < torch.inf for total in energies.sum(dim=1)):
        undefined = torch.full((num_windows + 1, 2), torch.nan, dtype=torch.float64)
        return undefined[0], undefined[1:]
    whole, framewise = part_energies(signals, channels, taps)
    ratios = _ratios(framewise)
    ratios[(energies == 0).any(dim=0)] = torch.nan
    return _ratios(whole), ratios[:num_windows]


def _ratios(parts: PartEnergies) -> torch.Tensor:
    """SIR and SAR, ``(..., 2)``."""
    return torch.stack(
        [ratio_db(parts.source, parts.interference), ratio_db(parts.source_and_interference, parts.artefacts)], dim=-1
    )


@accelerated_by(kernels.part_energies)
def part_energies(signals: torch.Tensor, channels: int, taps: int) -> tuple[PartEnergies, PartEnergies]:
    """Split an estimate into the parts of BSS Eval, by least squares on a matrix of all delayed sources.

    Parameters
    ----------
    signals : torch.Tensor
        ``(signal, window, sample)`` float64: the channels of the source, of the other source, and of the estimate, cut
        into windows.
    channels : int
        Of each.
    taps : int
        Number of delays, from 0.

    Returns
    -------
    tuple of PartEnergies
        Of the whole, scalars; and of each window by itself, with the filters of the whole, ``(window,)``.
    """
    sources, own = slice(2 * channels), slice(channels * taps)
    whole = signals.flatten(1)
    matrix, target = _delays(whole[sources], taps), functional.pad(whole[2 * channels :], (0, taps - 1)).mT
    own_filters = torch.linalg.lstsq(matrix[:, own], target).solution
    every_filters = torch.linalg.lstsq(matrix, target).solution

    def energies(audio: torch.Tensor) -> list[torch.Tensor]:
        delays, estimate = _delays(audio[sources], taps), functional.pad(audio[2 * channels :], (0, taps - 1)).mT
        source, both = delays[:, own] @ own_filters, delays @ every_filters
        return [part.square().sum() for part in (source, both - source, both, estimate - both)]

    windows = [energies(signals[:, number]) for number in range(signals.shape[1])]
    return PartEnergies(*energies(whole)), PartEnergies(*map(torch.stack, zip(*windows, strict=True)))


def _delays(audio: torch.Tensor, taps: int) -> torch.Tensor:
    """Delay each ``(signal, sample)`` by 0 to `taps` - 1 samples: ``(sample + taps - 1, signal * taps)``."""
    return functional.pad(audio, (taps - 1, taps - 1)).unfold(-1, taps, 1).flip(-1).transpose(0, 1).flatten(1)
