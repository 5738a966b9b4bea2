"""Query by example: one network for every path, told by a recording of a leaf which one is meant (poster)."""

from typing import ClassVar, Literal

import torch
from pydantic import BaseModel, Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from stemtree.networks.layers import BinNorm
from stemtree.networks.mask_inference import MaskInference, MaskInferenceSettings, by_frame
from stemtree.types import Features, Logits


class QueryByExampleSettings(BaseModel, frozen=True, extra="forbid"):
    """Sizes of `QueryByExample`; the defaults are the papers'.

    Parameters
    ----------
    layers : int
        Of the masking network.
    query_layers : int
        Of the query network.
    units, dropout
        Of both, as for `MaskInferenceSettings`.
    dimensions : int
        Of the space that the query's bins are embedded in.
    """

    takes_query: ClassVar[bool] = True
    reuses_freed_memory: ClassVar[bool] = False
    kind: Literal["query_by_example"] = "query_by_example"
    layers: PositiveInt = 4
    query_layers: PositiveInt = 2
    units: PositiveInt = 600
    dropout: float = Field(default=0.3, ge=0, lt=1)
    dimensions: PositiveInt = 20

    @property
    def masking(self) -> MaskInferenceSettings:
        """The masking network's."""
        return MaskInferenceSettings(layers=self.layers, units=self.units, dropout=self.dropout)


class QueryNetwork(nn.Module):
    """A recording to one point on the unit sphere, the anchor: the mean embedding of its salient bins, normalised.

    Parameters
    ----------
    settings : QueryByExampleSettings
        Its sizes.
    bins, channels : int
        Size of the features.
    """

    def __init__(self, settings: QueryByExampleSettings, bins: int, channels: int) -> None:
        super().__init__()
        self.shape = (channels * bins, settings.dimensions)
        self.norm = BinNorm(bins, channels)
        self.blstm = nn.LSTM(
            channels * bins,
            settings.units,
            settings.query_layers,
            dropout=settings.dropout if settings.query_layers > 1 else 0,
            bidirectional=True,
        )
        self.dense = nn.Linear(2 * settings.units, channels * bins * settings.dimensions)

    def forward(self, query: Features, presence: Tensor) -> Tensor:
        """Find the anchor; arguments as for `QueryByExample.forward`.

        Returns
        -------
        Tensor
            ``(batch, dimension)`` of length 1, or 0 where nothing is present.
        """
        hidden, _ = self.blstm(by_frame(self.norm(query)))
        # The dense layer embeds every bin of every frame; the sum over frames, being linear, may be taken before it,
        # and so 20 values for each bin and frame are never held in memory.
        weights = presence.to(hidden.dtype).expand_as(query).flatten(1, 2)
        summed = weights @ hidden.transpose(0, 1)
        embed, shift = self.dense.weight.view(*self.shape, -1), self.dense.bias.view(self.shape)
        total = torch.einsum("bfu,fdu->bd", summed, embed) + weights.sum(dim=-1) @ shift
        # The length of 1 makes it the same whether the sum or the mean is normalised.
        return functional.normalize(total, dim=-1)


class QueryByExample(nn.Module):
    """The query's anchor joined to every frame of the mixture, and mask inference on both.

    Parameters
    ----------
    settings : QueryByExampleSettings
        Its sizes.
    bins, channels : int
        Size of the features.
    outputs : int
        How many logits there are for each bin.
    """

    def __init__(self, settings: QueryByExampleSettings, bins: int, channels: int, outputs: int) -> None:
        super().__init__()
        self.query = QueryNetwork(settings, bins, channels)
        self.masking = MaskInference(settings.masking, bins, channels, outputs, joined=settings.dimensions)

    def forward(self, features: Features, query: Features, presence: Tensor) -> Logits:
        """Estimate logits.

        Parameters
        ----------
        features : Features
            ``(batch, channel, bin, frame)`` of the mixture.
        query : Features
            ``(batch, channel, bin, frame)`` of the example, with frames of its own number.
        presence : Tensor
            Non-negative weights of the query's bins, in any shape that broadcasts to the query's: 1 for each salient
            bin or frame, 0 for the rest.

        Returns
        -------
        Logits
            ``(batch, output, channel, bin, frame)`` of the mixture.
        """
        logits: Logits = self.masking(features, self.query(query, presence))
        return logits
