"""The folded convolutional network: masks of every bin at the price of a few bins, for work on CPUs.

1. **Fold**: adjacent bins become the channels of one place, few bins where pitches lie close together and many above,
   so convolutions run over far fewer places.
2. **U-Net**: strided 3 x 3 convolutions down, and back up with skip connections, over frames and places.
3. **Recurrence**: where the U-Net is narrowest, a bidirectional LSTM over frames.
4. **Unfold**: channels become bins again.

Tensors between 1 and 4 are ``(batch, width, frame, place)``, with the width last in memory (``channels_last``): this
changes no value, and convolutions on CPUs are fastest so.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

import torch
from einops import rearrange
from pydantic import AfterValidator, BaseModel, Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from stemtree.accelerate import accelerated_by
from stemtree.networks import kernels
from stemtree.networks.base import BaseNetworkSettings
from stemtree.networks.layers import BinNorm, Convolution3x3, normalise_loudness
from stemtree.types import Features, Logits


class Band(BaseModel, frozen=True, extra="forbid"):
    """A range of frequencies.

    Parameters
    ----------
    fold : int
        How many adjacent bins become channels of one place.
    places : int, optional
        Number of places; by default as many as it takes up to the highest bin.
    """

    fold: PositiveInt
    places: PositiveInt | None = None


def _reach_the_top(bands: tuple[Band, ...]) -> tuple[Band, ...]:
    if not bands or bands[-1].places or not all(band.places for band in bands[:-1]):
        raise ValueError("every band but the last says how many 'places' it has, and the last does not")
    return bands


Bands = Annotated[tuple[Band, ...], AfterValidator(_reach_the_top)]
"""From low to high; the last reaches up to the highest bin."""


class FoldedConvSizes(BaseNetworkSettings, frozen=True):
    """Sizes of `FoldedConv`, alone or within another network.

    Parameters
    ----------
    bands : tuple of Band
        From low to high; the last reaches up to the highest bin.
    widths : tuple of int
        Channels of the convolutions, from the first down to the narrowest; each step halves places and frames.
    squeeze : int
        Channels of each of the narrowest places that the recurrent layer gets.
    units : int
        Of the recurrent layer, in each direction.
    dropout : float
        Probability of dropout after the recurrent layer.
    """

    reuses_freed_memory: ClassVar[bool] = True
    kind: str  # declared here so that files begin with it
    bands: Bands = (Band(fold=4),)
    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=2)] = (32, 64, 96, 128)
    squeeze: PositiveInt = 16
    units: PositiveInt = 128
    dropout: float = Field(default=0.0, ge=0, lt=1)


class FoldedConvSettings(FoldedConvSizes, frozen=True):
    """A `FoldedConv` alone; see `FoldedConvSizes`."""

    kind: Literal["folded_conv"] = "folded_conv"

    def build(self, bins: int, channels: int, outputs: int) -> "FoldedConv":
        """See `BaseNetworkSettings.build`."""
        return FoldedConv(self, bins, channels, outputs)


class FoldedConv(nn.Module):
    """A small U-Net on folded bins with a recurrent layer at its narrowest; see the module.

    It takes any number of frames. One mask serves all channels.

    Parameters
    ----------
    settings : FoldedConvSizes
        Its sizes.
    bins, channels : int
        Size of the features.
    outputs : int
        Number of logits per bin.
    """

    def __init__(self, settings: FoldedConvSizes, bins: int, channels: int, outputs: int) -> None:
        super().__init__()
        widths = settings.widths
        self.outputs = outputs
        self.bands = layout(settings.bands, bins)
        places = sum(count for _, count in self.bands)
        self.norm = BinNorm(bins, channels)
        self.fold = nn.ModuleList(nn.Linear(channels * fold, widths[0]) for fold, _ in self.bands)
        self.place = nn.Parameter(torch.zeros(places, widths[0]))
        self.stem = Convolution(widths[0], widths[0])
        self.down = nn.ModuleList(Convolution(wide, narrow, stride=2) for wide, narrow in pairwise(widths))
        self.narrowest = math.ceil(places / 2 ** len(self.down))
        """Number of places behind the last convolution."""
        self.recurrence = Recurrence(settings, widths[-1], self.narrowest)
        self.up = nn.ModuleList(Up(narrow, wide) for narrow, wide in pairwise(reversed(widths)))
        self.unfold = nn.ModuleList(nn.Linear(widths[0], outputs * fold) for fold, _ in self.bands)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, features: Features) -> Logits:
        """``(batch, channel, bin, frame)`` to ``(batch, output, 1, bin, frame)``."""
        return self.widen(*self.narrow(features), features.shape[2])

    def narrow(self, features: Features) -> tuple[Tensor, list[Tensor]]:
        """The way down: what comes out of the recurrent layer, and what is kept for the way up."""
        x, skips = self.stem(self.fold_bins(self.norm(normalise_loudness(features)))), []
        for down in self.down:
            skips.append(x)
            x = down(x)
        return self.recurrence(x), skips

    def fold_bins(self, features: Features) -> Tensor:
        """``(batch, channel, bin, frame)`` to ``(batch, width, frame, place)``."""
        sizes = [fold * count for fold, count in self.bands]
        rows = functional.pad(features.mT, (0, sum(sizes) - features.shape[2]))  # the last place may lack bins
        folded = [
            linear(rearrange(piece, "batch channel frame (place fold) -> batch frame place (channel fold)", fold=fold))
            for piece, linear, (fold, _) in zip(torch.split(rows, sizes, dim=-1), self.fold, self.bands, strict=True)
        ]
        x = torch.cat(folded, dim=2) + self.place
        return rearrange(x, "batch frame place width -> batch width frame place")

    def widen(self, x: Tensor, skips: list[Tensor], bins: int) -> Logits:
        """The way up, from what `narrow` returns: ``(batch, output, 1, bin, frame)`` of so many bins."""
        for up in self.up:
            x = up(x, skips.pop())
        return self.unfold_bins(x, bins)

    def unfold_bins(self, x: Tensor, bins: int) -> Logits:
        """``(batch, width, frame, place)`` to ``(batch, output, 1, bin, frame)`` of so many bins."""
        rows = rearrange(x, "batch width frame place -> batch frame place width")
        pieces = torch.split(rows, [count for _, count in self.bands], dim=2)
        values = (linear(piece.contiguous()) for piece, linear in zip(pieces, self.unfold, strict=True))
        # The fast twin writes into one tensor, through which gradients go slowly.
        join = join_bands.plain if torch.is_grad_enabled() else join_bands
        return rearrange(join(values, self.outputs, bins), "batch output frame bin -> batch output 1 bin frame")


def add_to_logits(weights: Mapping[str, Tensor], added: Sequence[float]) -> None:
    """Change a network's weights, in place, so that its logits grow by as much in every bin whatever the features.

    Parameters
    ----------
    weights : mapping of str to Tensor
        The state of a `FoldedConv`.
    added : sequence of float
        For each of its outputs.
    """
    for name, tensor in weights.items():
        if name.startswith("unfold.") and name.endswith(".bias"):
            tensor.view(len(added), -1).add_(tensor.new_tensor(added)[:, None])  # (output, fold)


@accelerated_by(kernels.join_bands)
def join_bands(bands: Iterable[Tensor], outputs: int, bins: int) -> Tensor:
    """Put the bins of all bands side by side.

    Parameters
    ----------
    bands : iterable of Tensor
        ``(batch, frame, place, output * fold)`` each, from low to high; the last one's last place may have bins too
        many.
    outputs, bins : int
        How many there are.

    Returns
    -------
    Tensor
        ``(batch, output, frame, bin)``.
    """
    unfolded = [
        rearrange(band, "batch frame place (output fold) -> batch output frame (place fold)", output=outputs)
        for band in bands
    ]
    *lower, highest = unfolded
    bins_left = bins - sum(piece.shape[-1] for piece in lower)
    return torch.cat([*lower, highest[..., :bins_left]], dim=-1)


class Convolution(nn.Sequential):
    """3 x 3 convolution, batch norm, ReLU."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__(
            Convolution3x3(channels_in, channels_out, kernel_size=3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
        )


class Up(nn.Module):
    """Double frames and places, and add the skip connection."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(channels_in, channels_out, kernel_size=1)
        self.conv = Convolution(channels_out, channels_out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """``(batch, width, frame, place)`` to the shape of `skip`, whose odd last frame or place has no pair."""
        wide = functional.interpolate(self.narrow(x), scale_factor=2)[..., : skip.shape[2], : skip.shape[3]]
        summed: Tensor = self.conv(wide + skip)
        return summed


class Recurrence(nn.Module):
    """Bidirectional LSTM over frames that gets all places at once; a residual connection adds its input."""

    def __init__(self, settings: FoldedConvSizes, channels: int, places: int) -> None:
        super().__init__()
        self.places = places
        self.squeeze = nn.Conv2d(channels, settings.squeeze, kernel_size=1)
        self.lstm = nn.LSTM(settings.squeeze * places, settings.units, bidirectional=True)
        self.dropout = nn.Dropout(settings.dropout)
        self.dense = nn.Linear(2 * settings.units, settings.squeeze * places)
        self.spread = nn.Conv2d(settings.squeeze, channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, width, frame, place)`` to the same."""
        narrow = rearrange(self.squeeze(x), "batch squeeze frame place -> frame batch (place squeeze)")
        hidden, _ = self.lstm(narrow)
        hidden = self.dense(self.dropout(hidden))
        hidden = rearrange(hidden, "frame batch (place squeeze) -> batch squeeze frame place", place=self.places)
        answer: Tensor = self.spread(hidden.contiguous(memory_format=torch.channels_last))
        return x + answer


def layout(bands: Sequence[Band], bins: int) -> list[tuple[int, int]]:
    """The fold and the number of places of each band that so many bins reach."""
    reached, left = [], bins
    for band in bands:
        count = math.ceil(left / band.fold) if band.places is None else min(band.places, math.ceil(left / band.fold))
        if count > 0:
            reached.append((band.fold, count))
        left -= band.fold * count
    return reached
