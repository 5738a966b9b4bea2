"""What several networks are made of."""

from __future__ import annotations  # the aliases of tensors are names, not classes

from torch import nn

from stemtree.types import Features


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
        return super().forward(features.flatten(1, 2)).view_as(features)
