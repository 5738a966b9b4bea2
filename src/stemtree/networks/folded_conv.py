"""The folded convolutional network: full-bin masks at the price of a quarter of the bins, for work on CPUs.

Adjacent bins become channels, so that convolutions run over a quarter of the places; a small U-Net with a recurrent
layer at its narrowest sees the rest; and at the end channels become bins again.
"""

from __future__ import annotations  # the aliases of tensors are names, not classes

import math
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from stemtree.networks.layers import BinNorm
from stemtree.types import Features, Logits


class FoldedConvSettings(BaseModel, frozen=True, extra="forbid"):
    """Sizes of `FoldedConv`.

    Parameters
    ----------
    fold : int
        How many adjacent bins become channels.
    widths : tuple of int
        Channels from the first convolution down to the narrowest place; each step halves bins and frames.
    squeeze : int
        Channels of the narrowest place that the recurrent layer sees, for each of its bins.
    units : int
        Of the recurrent layer, in each direction.
    dropout : float
        Share of the recurrent layer's values that is left out in training.
    """

    kind: Literal["folded_conv"] = "folded_conv"
    fold: PositiveInt = 4
    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=2)] = (32, 64, 96, 128)
    squeeze: PositiveInt = 16
    units: PositiveInt = 128
    dropout: float = Field(default=0.0, ge=0, lt=1)


class Convolution(nn.Sequential):
    """3 x 3 convolution, batch norm, ReLU; the norm becomes part of the convolution in `fuse_batch_norms`."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels_out, kernel_size=3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
        )


class Up(nn.Module):
    """Double bins and frames, and add what came across from the other side."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(channels_in, channels_out, kernel_size=1)
        self.conv = Convolution(channels_out, channels_out)

    def forward(self, x: Tensor, across: Tensor) -> Tensor:
        """``(batch, channels, bin, frame)`` to the shape of `across`, whose odd last bin or frame has no pair."""
        wide = functional.interpolate(self.narrow(x), scale_factor=2)[..., : across.shape[2], : across.shape[3]]
        summed: Tensor = self.conv(wide + across)
        return summed


class Recurrence(nn.Module):
    """A bidirectional LSTM over frames that sees all bins at once; its answer is added to what it sees."""

    def __init__(self, settings: FoldedConvSettings, channels: int, bins: int) -> None:
        super().__init__()
        self.shape = (settings.squeeze, bins)
        self.squeeze = nn.Conv2d(channels, settings.squeeze, kernel_size=1)
        self.lstm = nn.LSTM(settings.squeeze * bins, settings.units, bidirectional=True)
        self.dropout = nn.Dropout(settings.dropout)
        self.dense = nn.Linear(2 * settings.units, settings.squeeze * bins)
        self.spread = nn.Conv2d(settings.squeeze, channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, channels, bin, frame)`` to the same."""
        hidden, _ = self.lstm(self.squeeze(x).flatten(1, 2).permute(2, 0, 1))
        seen = self.dense(self.dropout(hidden)).unflatten(-1, self.shape).permute(1, 2, 3, 0)
        answer: Tensor = self.spread(seen.contiguous(memory_format=torch.channels_last))
        return x + answer


class FoldedConv(nn.Module):
    """Any number of frames and bins; see the module.

    Parameters
    ----------
    settings : FoldedConvSettings
        Its sizes.
    bins, channels : int
        Size of the features.
    outputs : int
        How many logits there are for each bin.
    """

    def __init__(self, settings: FoldedConvSettings, bins: int, channels: int, outputs: int) -> None:
        super().__init__()
        self.fold, self.outputs = settings.fold, outputs
        widths, pairs = settings.widths, list(zip(settings.widths, settings.widths[1:], strict=False))
        groups = math.ceil(bins / settings.fold)
        self.norm = BinNorm(bins, channels)
        self.stem = Convolution(channels * settings.fold, widths[0])
        self.down = nn.ModuleList(Convolution(wide, narrow, stride=2) for wide, narrow in pairs)
        self.recurrence = Recurrence(settings, widths[-1], math.ceil(groups / 2 ** len(pairs)))
        self.up = nn.ModuleList(Up(narrow, wide) for wide, narrow in reversed(pairs))
        self.out = nn.Conv2d(widths[0], outputs * channels * settings.fold, kernel_size=1)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, features: Features) -> Logits:
        """``(batch, channel, bin, frame)`` to ``(batch, output, channel, bin, frame)``."""
        x, across = self.stem(self._folded(self.norm(features))), []
        for down in self.down:
            across.append(x)
            x = down(x)
        x = self.recurrence(x)
        for up in self.up:
            x = up(x, across.pop())
        return self._unfolded(self.out(x))[..., : features.shape[2], :]

    def _folded(self, features: Features) -> Tensor:
        """``(batch, channel, bin, frame)`` to ``(batch, channel * place, group, frame)``."""
        batch, channels, bins, frames = features.shape
        padded = functional.pad(features, (0, 0, 0, -bins % self.fold))
        places = padded.view(batch, channels, -1, self.fold, frames).transpose(2, 3)
        return places.flatten(1, 2).contiguous(memory_format=torch.channels_last)

    def _unfolded(self, x: Tensor) -> Logits:
        """``(batch, output * channel * place, group, frame)`` to ``(batch, output, channel, bin, frame)``."""
        batch, _, groups, frames = x.shape
        places = x.view(batch, self.outputs, -1, self.fold, groups, frames).transpose(3, 4)
        return places.flatten(3, 4)


def fuse_batch_norms(network: nn.Module) -> nn.Module:
    """Make every batch norm part of the convolution before it, in place: the same answers for less, in evaluation.

    Parameters
    ----------
    network : nn.Module
        In evaluation mode; it can not be trained further.

    Returns
    -------
    nn.Module
        The same object.
    """
    for block in network.modules():
        if isinstance(block, Convolution):
            conv, norm, _ = block
            assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
            block[0], block[1] = nn.utils.fuse_conv_bn_eval(conv, norm), nn.Identity()
    return network
