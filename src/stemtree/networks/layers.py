"""What several networks are made of."""

import math

import torch
from torch import nn

from stemtree.types import Features

_DEEPEST = -70.0
_PER_DECIBEL = math.log(10) / 10


class BinNorm(nn.BatchNorm1d):
    """Standardise every bin of every channel over batch and frames, then scale and shift it as learned.

    Music is far louder in low bins than in high ones; after this all look alike, whatever the level of the corpus.

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
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - scale * self.running_mean
        # As the features lie in memory, where torch's batch norm would turn them about and back.
        return torch.addcmul(self._by_bin(shift, features), features, self._by_bin(scale, features))

    @staticmethod
    def _by_bin(values: torch.Tensor, features: Features) -> torch.Tensor:
        return values.view(*features.shape[1:3], 1)


def levelled(features: Features) -> Features:
    """Take every recording to be equally loud, so that a soft copy of a song is heard as the song is.

    Parameters
    ----------
    features : Features
        ``(batch, channel, bin, frame)`` in dB.

    Returns
    -------
    Features
        The same relative to each mean power, nothing below -70 dB: the silence of a soft recording is silence too.
    """
    power = (features * _PER_DECIBEL).exp_().mean(dim=(1, 2, 3), keepdim=True)
    return (features - power.log() / _PER_DECIBEL).clamp_min_(_DEEPEST)
