"""Query by example: one network for every path; a recording of a leaf says which path is meant (poster)."""

from typing import ClassVar, Literal

from einops import rearrange
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from stemtree.accelerate import accelerated_by
from stemtree.networks import kernels
from stemtree.networks.base import AnsweringNetwork, BaseNetworkSettings
from stemtree.networks.film import FilmMaskInference
from stemtree.networks.layers import BinNorm
from stemtree.networks.mask_inference import MaskInference, MaskInferenceSettings
from stemtree.types import Features, Logits


class QueryByExampleSettings(BaseNetworkSettings, frozen=True):
    """Sizes of `QueryByExample`; the defaults are the papers'.

    Parameters
    ----------
    layers : int
        Number of BLSTM layers of the masking network.
    query_layers : int
        Number of BLSTM layers of the query network.
    units, dropout
        Of both, as for `MaskInferenceSettings`.
    dimensions : int
        Of the space in which the query's bins are embedded.
    conditioning : {"concatenate", "film"}
        How the masking network is told the anchor: appended to every frame (poster), or by scaling and shifting the
        input of every layer (FiLM, Perez et al. 2018).
    """

    takes_query: ClassVar[bool] = True
    kind: Literal["query_by_example"] = "query_by_example"
    layers: PositiveInt = 4
    query_layers: PositiveInt = 2
    units: PositiveInt = 600
    dropout: float = Field(default=0.3, ge=0, lt=1)
    dimensions: PositiveInt = 20
    conditioning: Literal["concatenate", "film"] = "concatenate"

    @property
    def masking(self) -> MaskInferenceSettings:
        """Sizes of the masking network."""
        return MaskInferenceSettings(layers=self.layers, units=self.units, dropout=self.dropout)

    def build(self, bins: int, channels: int, outputs: int) -> "QueryByExample":
        """See `BaseNetworkSettings.build`."""
        return QueryByExample(self, bins, channels, outputs)


class QueryNetwork(nn.Module):
    """Stacked BLSTM over frames, then one linear layer that embeds every bin.

    The mean embedding of the query's salient bins, normalised to length 1, is its **anchor**.

    Parameters
    ----------
    settings : QueryByExampleSettings
        Its sizes.
    bins, channels : int
        Size of the features.
    """

    def __init__(self, settings: QueryByExampleSettings, bins: int, channels: int) -> None:
        super().__init__()
        self.norm = BinNorm(bins, channels)
        self.blstm = nn.LSTM(
            channels * bins,
            settings.units,
            settings.query_layers,
            dropout=settings.dropout if settings.query_layers > 1 else 0,
            bidirectional=True,
        )
        self.dense = nn.Linear(2 * settings.units, channels * bins * settings.dimensions)

    def forward(self, query: Features, bin_weights: Tensor) -> Tensor:
        """Find the anchor; parameters as for `AnsweringNetwork.anchor`.

        Returns
        -------
        Tensor
            ``(batch, dimension)`` of length 1, or 0 where nothing is present.
        """
        hidden, _ = self.blstm(rearrange(self.norm(query), "batch channel bin frame -> frame batch (channel bin)"))
        bin_weights = bin_weights.to(hidden.dtype).expand_as(query)
        bin_weights = rearrange(bin_weights, "batch channel bin frame -> batch (channel bin) frame")
        total = sum_embeddings(hidden, bin_weights, self.dense.weight, self.dense.bias)
        return functional.normalize(total, dim=-1)  # the same for the sum as for the mean


@accelerated_by(kernels.sum_embeddings)
def sum_embeddings(hidden: Tensor, bin_weights: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Embed every bin of every frame and add the embeddings up, each by the weight of its bin.

    Parameters
    ----------
    hidden : Tensor
        ``(frame, batch, unit)``.
    bin_weights : Tensor
        ``(batch, feature, frame)``, a feature being a bin of a channel.
    weight, bias : Tensor
        Of the linear layer from ``unit`` to ``feature * dimension``.

    Returns
    -------
    Tensor
        ``(batch, dimension)``.
    """
    embeddings = rearrange(
        functional.linear(hidden, weight, bias),
        "frame batch (feature dimension) -> batch feature frame dimension",
        feature=bin_weights.shape[1],
    )
    return (bin_weights.unsqueeze(-1) * embeddings).sum(dim=(1, 2))


class QueryByExample(AnsweringNetwork):
    """Mask inference on the mixture, conditioned on the query's anchor.

    Parameters
    ----------
    settings : QueryByExampleSettings
        Its sizes.
    bins, channels : int
        Size of the features.
    outputs : int
        Number of logits per bin.
    """

    def __init__(self, settings: QueryByExampleSettings, bins: int, channels: int, outputs: int) -> None:
        super().__init__()
        self.query = QueryNetwork(settings, bins, channels)
        masking = FilmMaskInference if settings.conditioning == "film" else MaskInference
        self.masking = masking(settings.masking, bins, channels, outputs, condition=settings.dimensions)

    def anchor(self, query: Features, bin_weights: Tensor) -> Tensor:
        """See `AnsweringNetwork.anchor`."""
        anchor: Tensor = self.query(query, bin_weights)
        return anchor

    def answer(self, heard: Features, anchor: Tensor) -> Logits:
        """See `AnsweringNetwork.answer`."""
        logits: Logits = self.masking(heard, anchor)
        return logits
