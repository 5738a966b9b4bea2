"""X-UMX: one Open-Unmix for each output, crossed by averaging (Sawata et al. 2021)."""

from typing import Literal, cast

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from stemtree.networks.base import BaseNetworkSettings
from stemtree.networks.open_unmix import OpenUnmix, OpenUnmixSettings
from stemtree.types import Features, Logits


class XUmxSettings(BaseNetworkSettings, frozen=True):
    """Sizes of `XUmx`, of each of its branches; see `OpenUnmixSettings`, whose defaults are the paper's too."""

    kind: Literal["x_umx"] = "x_umx"
    layers: PositiveInt = 3
    units: PositiveInt = Field(default=512, multiple_of=2)
    dropout: float = Field(default=0.4, ge=0, lt=1)
    heard: PositiveInt = 1487

    @property
    def branch(self) -> OpenUnmixSettings:
        """Sizes of one branch."""
        return OpenUnmixSettings(layers=self.layers, units=self.units, dropout=self.dropout, heard=self.heard)

    def build(self, bins: int, channels: int, outputs: int) -> "XUmx":
        """See `BaseNetworkSettings.build`."""
        return XUmx(self, bins, channels, outputs)


class XUmx(nn.Module):
    """A branch for each output; before and after their BLSTMs all branches go on with the mean of what they have.

    Parameters
    ----------
    settings : XUmxSettings
        Sizes of a branch.
    bins, channels : int
        Size of the features.
    outputs : int
        Number of logits per bin, and of branches.
    """

    def __init__(self, settings: XUmxSettings, bins: int, channels: int, outputs: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(settings.branch.build(bins, channels, 1) for _ in range(outputs))

    def forward(self, features: Features) -> Logits:
        """Estimate logits: ``(batch, output, channel, bin, frame)`` from ``(batch, channel, bin, frame)``."""
        branches = [cast(OpenUnmix, branch) for branch in self.branches]
        narrow = _mean([branch.narrow_frames(features) for branch in branches])
        hidden = _mean([branch.recur(narrow) for branch in branches])
        return torch.cat([branch.widen_frames(hidden) for branch in branches], dim=1)


def _mean(tensors: list[Tensor]) -> Tensor:
    return torch.stack(tensors).mean(dim=0)
