"""Scale-invariant signal-to-distortion ratio (Le Roux et al. 2019)."""

import torch

from stemtree.metrics.ratio import energy, inner, ratio_db
from stemtree.types import Waveform


def si_sdr(estimates: Waveform, references: Waveform) -> torch.Tensor:
    """SI-SDR: the energy of an estimate along its reference over that of everything else in it (thesis, 5.6).

    The estimate ŝ is projected on the reference s with one factor for all channels, a = ⟨ŝ, s⟩ / ⟨s, s⟩, and
    SI-SDR = 10 log₁₀(‖as‖² / ‖ŝ - as‖²). Means are not subtracted. For one channel this is torchmetrics'
    ``scale_invariant_signal_distortion_ratio`` with its default ``zero_mean=False``. Several channels count as one long
    signal, so a change of balance between them is a distortion.

    Parameters
    ----------
    estimates, references : Waveform
        ``(..., channel, sample)``; leading axes are broadcast.

    Returns
    -------
    torch.Tensor
        ``(...)`` float64, dB within ± `stemtree.metrics.ratio.LIMIT`; NaN where reference or estimate is silent.
    """
    reference_energy = energy(references)
    scale = inner(estimates, references) / reference_energy
    error = torch.addcmul(estimates, scale[..., None, None].to(references.dtype), references, value=-1)
    return ratio_db(scale.square() * reference_energy, energy(error))


def si_sdr_improvement(estimates: Waveform, references: Waveform, mixture: Waveform) -> torch.Tensor:
    """SI-SDR of the estimates minus SI-SDR of the mixture in their place.

    Parameters
    ----------
    estimates, references : Waveform
        As for `si_sdr`.
    mixture : Waveform
        ``(..., channel, sample)``; leading axes are broadcast, so the nodes of one chunk take
        ``mixture.unsqueeze(-3)``.

    Returns
    -------
    torch.Tensor
        ``(...)`` float64 in dB; NaN where the reference, the estimate or the mixture is silent.
    """
    return si_sdr(estimates, references) - si_sdr(mixture, references)
