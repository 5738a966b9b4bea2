"""The folded convolutional network: full-bin masks at the price of a few bins, for work on CPUs.

Adjacent bins become channels, few where pitches lie close together and many above, so that convolutions run over far
fewer places; a small U-Net with a recurrent layer at its narrowest sees the rest; and at the end channels become bins
again. Frames come before bins and channels last, which is how transforms leave memory: nothing is moved about.
"""

import math
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import BaseModel, Field, PositiveInt, field_validator
from torch import Tensor, nn
from torch.nn import functional

from stemtree.networks.layers import BinNorm, levelled
from stemtree.types import Features, Logits


class Band(BaseModel, frozen=True, extra="forbid"):
    """A range of frequencies.

    Parameters
    ----------
    fold : int
        How many adjacent bins become channels of one place.
    places : int, optional
        How many places there are; unset, as many as it takes up to the highest bin.
    """

    fold: PositiveInt
    places: PositiveInt | None = None


class FoldedConvSettings(BaseModel, frozen=True, extra="forbid"):
    """Sizes of `FoldedConv`.

    Parameters
    ----------
    bands : tuple of Band
        From low to high; the last reaches up to the highest bin.
    widths : tuple of int
        Channels from the first convolution down to the narrowest place; each step halves places and frames.
    squeeze : int
        Channels of the narrowest place that the recurrent layer sees, for each of its places.
    units : int
        Of the recurrent layer, in each direction.
    dropout : float
        Share of the recurrent layer's values that is left out in training.
    """

    takes_query: ClassVar[bool] = False
    reuses_freed_memory: ClassVar[bool] = True
    kind: Literal["folded_conv"] = "folded_conv"
    bands: tuple[Band, ...] = (Band(fold=4),)
    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=2)] = (32, 64, 96, 128)
    squeeze: PositiveInt = 16
    units: PositiveInt = 128
    dropout: float = Field(default=0.0, ge=0, lt=1)

    @field_validator("bands")
    @classmethod
    def _reach_the_top(cls, bands: tuple[Band, ...]) -> tuple[Band, ...]:
        if not bands or bands[-1].places or not all(band.places for band in bands[:-1]):
            raise ValueError("every band but the last says how many 'places' it has, and the last does not")
        return bands


class Convolution(nn.Sequential):
    """3 x 3 convolution, batch norm, ReLU; the norm becomes part of the convolution in `fuse_batch_norms`."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels_out, kernel_size=3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
        )


class Up(nn.Module):
    """Double frames and places, and add what came across from the other side."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(channels_in, channels_out, kernel_size=1)
        self.conv = Convolution(channels_out, channels_out)

    def forward(self, x: Tensor, across: Tensor) -> Tensor:
        """``(batch, channels, frame, place)`` to the shape of `across`, whose odd last frame or place has no pair."""
        wide = functional.interpolate(self.narrow(x), scale_factor=2)[..., : across.shape[2], : across.shape[3]]
        summed: Tensor = self.conv(wide + across)
        return summed


class Recurrence(nn.Module):
    """A bidirectional LSTM over frames that sees all places at once; its answer is added to what it sees."""

    def __init__(self, settings: FoldedConvSettings, channels: int, places: int) -> None:
        super().__init__()
        self.shape = (places, settings.squeeze)
        self.squeeze = nn.Conv2d(channels, settings.squeeze, kernel_size=1)
        self.lstm = nn.LSTM(settings.squeeze * places, settings.units, bidirectional=True)
        self.dropout = nn.Dropout(settings.dropout)
        self.dense = nn.Linear(2 * settings.units, settings.squeeze * places)
        self.spread = nn.Conv2d(settings.squeeze, channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, channels, frame, place)`` to the same."""
        hidden, _ = self.lstm(self.squeeze(x).permute(2, 0, 3, 1).flatten(2))
        seen = self.dense(self.dropout(hidden)).unflatten(-1, self.shape).permute(1, 3, 0, 2)
        answer: Tensor = self.spread(seen.contiguous(memory_format=torch.channels_last))
        return x + answer


class FoldedConv(nn.Module):
    """Any number of frames and bins; see the module. One mask serves all channels, and sees them all.

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
        self.outputs, self.bands = outputs, _layout(settings.bands, bins)
        widths, pairs = settings.widths, list(zip(settings.widths, settings.widths[1:], strict=False))
        places = sum(count for _, count in self.bands)
        self.norm = BinNorm(bins, channels)
        self.fold = nn.ModuleList(nn.Linear(channels * fold, widths[0]) for fold, _ in self.bands)
        self.place = nn.Parameter(torch.zeros(places, widths[0]))
        self.stem = Convolution(widths[0], widths[0])
        self.down = nn.ModuleList(Convolution(wide, narrow, stride=2) for wide, narrow in pairs)
        self.recurrence = Recurrence(settings, widths[-1], math.ceil(places / 2 ** len(pairs)))
        self.up = nn.ModuleList(Up(narrow, wide) for wide, narrow in reversed(pairs))
        self.unfold = nn.ModuleList(nn.Linear(widths[0], outputs * fold) for fold, _ in self.bands)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, features: Features) -> Logits:
        """``(batch, channel, bin, frame)`` to ``(batch, output, 1, bin, frame)``."""
        x, across = self.stem(self._folded(self.norm(levelled(features))).permute(0, 3, 1, 2)), []
        for down in self.down:
            across.append(x)
            x = down(x)
        x = self.recurrence(x)
        for up in self.up:
            x = up(x, across.pop())
        return self._unfolded(x.permute(0, 2, 3, 1), features.shape[2]).mT.unsqueeze(2)

    def _folded(self, features: Features) -> Tensor:
        """``(batch, channel, bin, frame)`` to ``(batch, frame, place, width)``."""
        rows = functional.pad(features.mT, (0, sum(fold * count for fold, count in self.bands) - features.shape[2]))
        pieces = torch.split_with_sizes(rows, [fold * count for fold, count in self.bands], dim=-1)
        folded = [
            linear(piece.reshape(*piece.shape[:3], count, fold).permute(0, 2, 3, 1, 4).flatten(3))
            for piece, linear, (fold, count) in zip(pieces, self.fold, self.bands, strict=True)
        ]
        return torch.cat(folded, dim=2) + self.place

    def _unfolded(self, x: Tensor, bins: int) -> Tensor:
        """``(batch, frame, place, width)`` to ``(batch, output, frame, bin)``."""
        pieces = torch.split_with_sizes(x, [count for _, count in self.bands], dim=2)
        unfolded = [
            linear(piece.contiguous()).view(*piece.shape[:3], self.outputs, -1).permute(0, 3, 1, 2, 4).flatten(3)
            for piece, linear in zip(pieces, self.unfold, strict=True)
        ]
        *lower, highest = unfolded
        left = bins - sum(piece.shape[-1] for piece in lower)  # the highest place may reach past the highest bin
        return torch.cat([*lower, highest[..., :left]], dim=-1)


def _layout(bands: tuple[Band, ...], bins: int) -> list[tuple[int, int]]:
    """Fold and number of places of each band that so many bins reach."""
    layout, left = [], bins
    for band in bands:
        count = math.ceil(left / band.fold) if band.places is None else min(band.places, math.ceil(left / band.fold))
        if count > 0:
            layout.append((band.fold, count))
        left -= band.fold * count
    return layout


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
