"""Mask inference: stacked BLSTM over frames, then one linear layer to logits (poster; thesis, 4.4.1)."""

from typing import Literal

import torch
from einops import rearrange, repeat
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from stemtree.networks.base import BaseNetworkSettings
from stemtree.networks.layers import BinNorm
from stemtree.types import Features, Logits


class MaskInferenceSettings(BaseNetworkSettings, frozen=True):
    """Sizes of `MaskInference`; the defaults are the papers'.

    Parameters
    ----------
    layers : int
        Number of bidirectional LSTM layers.
    units : int
        Of each layer, in each direction.
    dropout : float
        Probability of dropout between two layers.
    """

    kind: Literal["mask_inference"] = "mask_inference"
    layers: PositiveInt = 4
    units: PositiveInt = 600
    dropout: float = Field(default=0.3, ge=0, lt=1)

    def build(self, bins: int, channels: int, outputs: int) -> "MaskInference":
        """See `BaseNetworkSettings.build`."""
        return MaskInference(self, bins, channels, outputs)


class MaskInference(nn.Module):
    """Stacked BLSTM over frames, then one linear layer to logits.

    Parameters
    ----------
    settings : MaskInferenceSettings
        Its sizes.
    bins, channels : int
        Size of the features.
    outputs : int
        Number of logits per bin.
    condition : int
        Number of values that are appended to every frame: the anchor of query by example.
    """

    def __init__(
        self, settings: MaskInferenceSettings, bins: int, channels: int, outputs: int, condition: int = 0
    ) -> None:
        super().__init__()
        self.bins, self.channels = bins, channels
        self.norm = BinNorm(bins, channels)
        self.blstm = nn.LSTM(
            channels * bins + condition,
            settings.units,
            settings.layers,
            dropout=settings.dropout if settings.layers > 1 else 0,
            bidirectional=True,
        )
        self.dense = nn.Linear(2 * settings.units, outputs * channels * bins)

    def forward(self, features: Features, condition: Tensor | None = None) -> Logits:
        """Estimate logits.

        Parameters
        ----------
        features : Features
            ``(batch, channel, bin, frame)``.
        condition : Tensor, optional
            ``(batch, value)``, the same for every frame.

        Returns
        -------
        Logits
            ``(batch, output, channel, bin, frame)``.
        """
        x = rearrange(self.norm(features), "batch channel bin frame -> frame batch (channel bin)")
        if condition is not None:
            x = torch.cat([x, repeat(condition, "batch value -> frame batch value", frame=len(x))], dim=-1)
        hidden, _ = self.blstm(x)
        logits: Logits = self.dense(hidden)
        return rearrange(
            logits,
            "frame batch (output channel bin) -> batch output channel bin frame",
            channel=self.channels,
            bin=self.bins,
        )
