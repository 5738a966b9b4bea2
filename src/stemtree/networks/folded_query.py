"""Query by example with folded convolutions: the example's anchor scales and shifts what every convolution makes.

A network that hears its query in one place only learns to do without it: at small budgets the mean instrument is the
nearest minimum. So here the anchor conditions every convolution (FiLM, Perez et al. 2018), and it is as large at the
beginning of training as what it conditions.
"""

import math
from typing import Annotated, ClassVar, Literal

from einops import rearrange
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from stemtree.networks.base import BaseNetworkSettings
from stemtree.networks.film import Film
from stemtree.networks.folded_conv import Band, Bands, FoldedConv, FoldedConvSettings, FoldedEncoder, Up
from stemtree.types import Features, Logits


class FoldedQuerySettings(BaseNetworkSettings, frozen=True):
    """Sizes of `FoldedQuery`.

    Parameters
    ----------
    bands, widths, squeeze, units, dropout
        Of the masking network, see `FoldedConvSettings`.
    query_widths : tuple of int
        Channels of the convolutions that the example goes through, from the first down to the narrowest.
    dimensions : int
        Of the anchor.
    """

    takes_query: ClassVar[bool] = True
    reuses_freed_memory: ClassVar[bool] = True
    kind: Literal["folded_query"] = "folded_query"
    bands: Bands = (Band(fold=4),)
    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=2)] = (32, 64, 96, 128)
    squeeze: PositiveInt = 16
    units: PositiveInt = 128
    dropout: float = Field(default=0.0, ge=0, lt=1)
    query_widths: Annotated[tuple[PositiveInt, ...], Field(min_length=2)] = (32, 48, 64, 64)
    dimensions: PositiveInt = 32

    @property
    def masking(self) -> FoldedConvSettings:
        """Sizes of the masking network."""
        names = FoldedConvSettings.model_fields.keys() - {"kind"}
        return FoldedConvSettings(**{name: getattr(self, name) for name in names})

    def build(self, bins: int, channels: int, outputs: int) -> "FoldedQuery":
        """See `BaseNetworkSettings.build`."""
        return FoldedQuery(self, bins, channels, outputs)


class FoldedQuery(nn.Module):
    """A `FilmFoldedConv` on the mixture, conditioned by the anchor that a `FoldedAnchor` finds in the example.

    Parameters
    ----------
    settings : FoldedQuerySettings
        Its sizes.
    bins, channels : int
        Size of the features.
    outputs : int
        Number of logits per bin.
    """

    def __init__(self, settings: FoldedQuerySettings, bins: int, channels: int, outputs: int) -> None:
        super().__init__()
        self.query = FoldedAnchor(settings, bins, channels)
        self.masking = FilmFoldedConv(settings.masking, bins, channels, outputs, settings.dimensions)

    def forward(self, features: Features, query: Features, presence: Tensor) -> Logits:
        """See `stemtree.networks.query_by_example.QueryByExample.forward`."""
        logits: Logits = self.masking(features, self.query(query, presence))
        return logits


class FoldedAnchor(FoldedEncoder):
    """From an example to its anchor: the mean over its salient frames of what convolutions make of them.

    Parameters
    ----------
    settings : FoldedQuerySettings
        Its sizes.
    bins, channels : int
        Size of the features.
    """

    def __init__(self, settings: FoldedQuerySettings, bins: int, channels: int) -> None:
        super().__init__(settings.bands, settings.query_widths, bins, channels)
        self.squeeze = nn.Conv2d(settings.query_widths[-1], settings.squeeze, kernel_size=1)
        self.dense = nn.Linear(settings.squeeze * self.narrowest, settings.units)
        self.anchor = nn.Linear(settings.units, settings.dimensions)

    def forward(self, query: Features, presence: Tensor) -> Tensor:
        """Find the anchor; parameters as for `QueryByExample.forward`.

        Returns
        -------
        Tensor
            ``(batch, dimension)`` with a mean square of 1, or 0 where nothing is present.
        """
        x = self.stem(self.enter(query))
        for down in self.down:
            x = down(x)
        frames = rearrange(self.squeeze(x), "batch squeeze frame place -> batch frame (place squeeze)")
        frames = self.dense(frames).relu()
        salient = presence.to(frames.dtype).expand_as(query).amax(dim=(1, 2))
        salient = functional.adaptive_max_pool1d(salient, frames.shape[1]).unsqueeze(-1)
        total = salient.sum(dim=1)
        mean = (frames * salient).sum(dim=1) / total.clamp_min(1e-6)
        anchor = functional.normalize(self.anchor(mean), dim=-1) * math.sqrt(self.anchor.out_features)
        return anchor * (total > 0)


class FilmFoldedConv(FoldedConv):
    """A `FoldedConv` in which a condition scales and shifts what every convolution makes, before its ReLU.

    Parameters
    ----------
    settings : FoldedConvSettings
        Its sizes.
    bins, channels : int
        Size of the features.
    outputs : int
        Number of logits per bin.
    condition : int
        Number of values of the condition.
    """

    def __init__(self, settings: FoldedConvSettings, bins: int, channels: int, outputs: int, condition: int) -> None:
        super().__init__(settings, bins, channels, outputs)
        widths = (*settings.widths, *reversed(settings.widths[:-1]))
        self.films = nn.ModuleList(Film(condition, width) for width in widths)

    def forward(self, features: Features, condition: Tensor | None = None) -> Logits:
        """``(batch, channel, bin, frame)`` and ``(batch, value)`` to ``(batch, output, 1, bin, frame)``."""
        assert condition is not None
        films = iter(self.films)
        x, skips = _conditioned(self.stem, next(films), self.enter(features), condition), []
        for down in self.down:
            skips.append(x)
            x = _conditioned(down, next(films), x, condition)
        x = self.recurrence(x)
        for up in self.up:
            assert isinstance(up, Up)
            x = _conditioned(up.conv, next(films), up.add(x, skips.pop()), condition)
        return self.unfold_bins(x, features.shape[2])


def _conditioned(convolution: nn.Module, film: nn.Module, x: Tensor, condition: Tensor) -> Tensor:
    """The layers of a `Convolution`, with a `Film` of its channels before the last, the ReLU."""
    *layers, relu = convolution.children()
    for layer in layers:
        x = layer(x)
    x = film(rearrange(x, "batch width frame place -> frame place batch width"), condition)
    conditioned: Tensor = relu(rearrange(x, "frame place batch width -> batch width frame place"))
    return conditioned
