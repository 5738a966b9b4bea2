"""Shares: logits from what a separator made of a mixture, so that any separator can feed any mask relation."""

import torch

from stemtree.types import Logits, Spectrogram

_SILENCE = 1e-8
"""Power below which a bin counts as silent, relative to the mean bin of a mixture that is scaled to 1."""


def share_logits(stems: Spectrogram, mixture: Spectrogram) -> Logits:
    """Logits of each stem's share of the mixture, its magnitude beside that of what it leaves of the mixture.

    log |S| - log |X - S|: its sigmoid is |S| / (|S| + |X - S|), 1 for a stem that is the mixture, 0 for a silent one.
    Of two stems that add up to the mixture the softmax is the Wiener filter, |S|² / (|S|² + |X - S|²). The stems'
    phases decide only what they leave: the masks that follow are real, and the mixture's phase stays.

    Parameters
    ----------
    stems : Spectrogram
        ``(batch, output, channel, bin, frame)``.
    mixture : Spectrogram
        ``(batch, channel, bin, frame)``, with a mean power of about 1.

    Returns
    -------
    Logits
        The same shape as `stems`, between -log and +log of the greatest magnitude over 10⁻⁴; 0 where all is silent.
    """
    return (_log_power(stems) - _log_power(mixture[:, None] - stems)) / 2


def _log_power(spectrogram: Spectrogram) -> torch.Tensor:
    return (spectrogram.real.square() + spectrogram.imag.square() + _SILENCE).log()
