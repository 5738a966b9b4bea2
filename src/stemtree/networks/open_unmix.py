"""Open-Unmix: three BLSTM layers between two that narrow and widen every frame (Stöter et al. 2019)."""

from typing import Literal

import torch
from einops import rearrange
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from stemtree.networks.base import BaseNetworkSettings
from stemtree.networks.layers import BinNorm
from stemtree.types import Features, Logits


class OpenUnmixSettings(BaseNetworkSettings, frozen=True):
    """Sizes of `OpenUnmix`; the defaults are the paper's.

    Parameters
    ----------
    layers : int
        Number of BLSTM layers.
    units : int
        To which a frame is narrowed; half of them for each direction of the BLSTM, so their number is even.
    dropout : float
        Probability of dropout between two BLSTM layers.
    heard : int
        How many bins the network hears, from the lowest; 1487 of 2049 reach up to 16 kHz at 44.1 kHz. It has outputs
        for all.
    """

    kind: Literal["open_unmix"] = "open_unmix"
    layers: PositiveInt = 3
    units: PositiveInt = Field(default=512, multiple_of=2)
    dropout: float = Field(default=0.4, ge=0, lt=1)
    heard: PositiveInt = 1487

    def build(self, bins: int, channels: int, outputs: int) -> "OpenUnmix":
        """See `BaseNetworkSettings.build`."""
        return OpenUnmix(self, bins, channels, outputs)


class OpenUnmix(nn.Module):
    """Narrow every frame, three BLSTM layers with a skip connection around them, widen every frame again.

    It hears magnitudes, not decibels. The paper trains one such network for each stem and ends with a ReLU, whose place
    the mask relation takes; here all outputs share one network.

    Parameters
    ----------
    settings : OpenUnmixSettings
        Its sizes.
    bins, channels : int
        Size of the features.
    outputs : int
        Number of logits per bin.
    """

    def __init__(self, settings: OpenUnmixSettings, bins: int, channels: int, outputs: int) -> None:
        super().__init__()
        self.bins, self.channels, self.heard = bins, channels, min(settings.heard, bins)
        units = settings.units
        self.norm = BinNorm(self.heard, channels)
        self.narrow = nn.Sequential(
            nn.Linear(channels * self.heard, units, bias=False), nn.BatchNorm1d(units), nn.Tanh()
        )
        dropout = settings.dropout if settings.layers > 1 else 0
        self.blstm = nn.LSTM(units, units // 2, settings.layers, dropout=dropout, bidirectional=True)
        size = outputs * channels * bins
        self.widen = nn.Sequential(
            nn.Linear(2 * units, units, bias=False),
            nn.BatchNorm1d(units),
            nn.ReLU(),
            nn.Linear(units, size, bias=False),
            nn.BatchNorm1d(size),
        )

    def forward(self, features: Features) -> Logits:
        """Estimate logits: ``(batch, output, channel, bin, frame)`` from ``(batch, channel, bin, frame)``."""
        return self.widen_frames(self.recur(self.narrow_frames(features)))

    def narrow_frames(self, features: Features) -> Tensor:
        """Narrow every frame: ``(batch, channel, bin, frame)`` to ``(frame, batch, unit)``."""
        magnitudes = self.norm(10 ** (features[:, :, : self.heard] / 20))
        narrow: Tensor = self.narrow(rearrange(magnitudes, "batch channel bin frame -> (frame batch) (channel bin)"))
        narrow = rearrange(narrow, "(frame batch) unit -> frame batch unit", batch=len(features))
        return narrow

    def recur(self, narrow: Tensor) -> Tensor:
        """Put what the BLSTM hears beside what it makes of it: ``(frame, batch, 2 * unit)``."""
        hidden, _ = self.blstm(narrow)
        return torch.cat([narrow, hidden], dim=-1)

    def widen_frames(self, hidden: Tensor) -> Logits:
        """Widen every frame to logits: ``(batch, output, channel, bin, frame)``."""
        logits: Logits = rearrange(
            self.widen(rearrange(hidden, "frame batch unit -> (frame batch) unit")),
            "(frame batch) (output channel bin) -> batch output channel bin frame",
            batch=hidden.shape[1],
            channel=self.channels,
            bin=self.bins,
        )
        return logits
