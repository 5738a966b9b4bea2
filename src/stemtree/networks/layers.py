"""Layers that several networks share."""

import math

from torch import Tensor, nn
from torch.nn import functional

from stemtree.accelerate import accelerated_by
from stemtree.networks import kernels
from stemtree.types import Features

_LOWEST_DB = -70.0
_PER_DECIBEL = math.log(10) / 10


class BinNorm(nn.BatchNorm1d):
    """Standardise every bin of every channel over batch and frames, then scale and shift it by learned factors.

    Music is far louder in low bins than in high ones; after this layer all bins are alike, whatever the loudness of the
    corpus.

    Parameters
    ----------
    bins, channels : int
        Size of the features.
    """

    def __init__(self, bins: int, channels: int) -> None:
        super().__init__(channels * bins)

    def forward(self, features: Features) -> Features:
        """``(batch, channel, bin, frame)`` to the same."""
        if self.training:
            return super().forward(features.flatten(1, 2)).view_as(features)
        assert self.running_mean is not None and self.running_var is not None
        return standardise_bins(features, self.running_mean, self.running_var + self.eps, self.weight, self.bias)


@accelerated_by(kernels.standardise_bins)
def standardise_bins(features: Features, mean: Tensor, variance: Tensor, scale: Tensor, shift: Tensor) -> Features:
    """``(features - mean) / sqrt(variance) * scale + shift``, all but the features one for each channel and bin."""
    mean, variance, scale, shift = (values.view(*features.shape[1:3], 1) for values in (mean, variance, scale, shift))
    return (features - mean) / variance.sqrt() * scale + shift


class Convolution3x3(nn.Conv2d):
    """A 3 x 3 convolution with padding 1 that is also fast to train on CPUs without AVX-512."""

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, channel, row, column)`` to the same, by the stride."""
        return convolve(x, self.weight, self.stride[0]) if self.bias is None else super().forward(x)


@accelerated_by(kernels.convolve)
def convolve(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """A 3 x 3 convolution with padding 1."""
    return functional.conv2d(x, weight, stride=stride, padding=1)


def normalise_loudness(features: Features) -> Features:
    """Make every recording equally loud, so that a soft copy of a song gives the same logits as the song.

    Parameters
    ----------
    features : Features
        ``(batch, channel, bin, frame)`` in dB.

    Returns
    -------
    Features
        In dB relative to the mean power of each recording, clamped to -70 dB, so that the silence of a soft recording
        is silence too.
    """
    power = (features * _PER_DECIBEL).exp_().mean(dim=(1, 2, 3), keepdim=True)
    return (features - power.log() / _PER_DECIBEL).clamp_min_(_LOWEST_DB)
