"""Mask inference: recurrent layers over frames and one dense layer (poster; thesis, 4.4.1)."""

from typing import ClassVar, Literal

import torch
from pydantic import BaseModel, Field, PositiveInt
from torch import Tensor, nn

from stemtree.networks.layers import BinNorm
from stemtree.types import Features, Logits


class MaskInferenceSettings(BaseModel, frozen=True, extra="forbid"):
    """Sizes of `MaskInference`; the defaults are the papers'.

    Parameters
    ----------
    layers : int
        Bidirectional LSTM layers.
    units : int
        Of each layer, in each direction.
    dropout : float
        Share of the values between two layers that is left out in training.
    """

    takes_query: ClassVar[bool] = False
    reuses_freed_memory: ClassVar[bool] = False
    kind: Literal["mask_inference"] = "mask_inference"
    layers: PositiveInt = 4
    units: PositiveInt = 600
    dropout: float = Field(default=0.3, ge=0, lt=1)


class MaskInference(nn.Module):
    """Each frame sees the whole song before and after it; each output is one dense map of what the frame knows.

    Parameters
    ----------
    settings : MaskInferenceSettings
        Its sizes.
    bins, channels : int
        Size of the features.
    outputs : int
        How many logits there are for each bin.
    joined : int
        How many more values are joined to every frame, as query by example does.
    """

    def __init__(
        self, settings: MaskInferenceSettings, bins: int, channels: int, outputs: int, joined: int = 0
    ) -> None:
        super().__init__()
        self.shape = (outputs, channels, bins)
        self.norm = BinNorm(bins, channels)
        self.blstm = nn.LSTM(
            channels * bins + joined,
            settings.units,
            settings.layers,
            dropout=settings.dropout if settings.layers > 1 else 0,
            bidirectional=True,
        )
        self.dense = nn.Linear(2 * settings.units, outputs * channels * bins)

    def forward(self, features: Features, joined: Tensor | None = None) -> Logits:
        """Estimate logits.

        Parameters
        ----------
        features : Features
            ``(batch, channel, bin, frame)``.
        joined : Tensor, optional
            ``(batch, value)``, the same for every frame.

        Returns
        -------
        Logits
            ``(batch, output, channel, bin, frame)``.
        """
        x = by_frame(self.norm(features))
        if joined is not None:
            x = torch.cat([x, joined.expand(len(x), *joined.shape)], dim=-1)
        hidden, _ = self.blstm(x)
        logits: Logits = self.dense(hidden).unflatten(-1, self.shape)
        return logits.permute(1, 2, 3, 4, 0)


def by_frame(features: Features) -> Tensor:
    """``(batch, channel, bin, frame)`` to ``(frame, batch, channel * bin)``."""
    return features.flatten(1, 2).permute(2, 0, 1)
