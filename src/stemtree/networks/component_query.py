"""Query by example with components: the song is divided once, and the example says which components are meant.

1. A `FoldedConv` divides every bin among a few dozen **components** by a softmax, whatever is asked for.
2. The same network divides the example. Its **anchor** says how much of it each component got, and what the network
   hears in it.
3. The anchor gives each component its **shares**: how much of it is the instrument, how much the rest of its family,
   and so on up to the rest of the song. They sum to one. A part of the song is the sum of its shares of all components.

A network whose convolutions hear the anchor has to learn to separate for every anchor anew. Here what a network without
a query has learned is kept: which component an instrument is, the network itself says, right or wrong, of the example
as of the song. One pass through the network serves any number of examples.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import ClassVar, Literal

import torch
from einops import rearrange
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from stemtree.networks.base import AnsweringNetwork
from stemtree.networks.folded_conv import FoldedConv, FoldedConvSizes
from stemtree.types import Features, Logits, Masks

_LEAST = 1e-6
"""Shares of bins below this count as this, so that their logarithm is finite."""

_QUIET = 0.02
"""A component that gets this much of an example, or less, is hardly meant by it."""


class ComponentQuerySettings(FoldedConvSizes, frozen=True):
    """Sizes of `ComponentQuery`.

    Parameters
    ----------
    bands, widths, squeeze, units, dropout
        Of the network that divides song and example, see `FoldedConvSizes`.
    components : int
        Into how many.
    dimensions : int
        Of what an anchor says beside the amounts of the components.
    frozen : bool
        Whether the network that divides keeps the weights that training begins with. Then shares alone are learned, and
        components are as good as those of the model that lent the weights.
    """

    takes_query: ClassVar[bool] = True
    relation: ClassVar[str | None] = "tree"
    kind: Literal["component_query"] = "component_query"
    components: PositiveInt = 24
    dimensions: PositiveInt = 32
    frozen: bool = False

    def build(self, bins: int, channels: int, outputs: int) -> "ComponentQuery":
        """See `BaseNetworkSettings.build`."""
        return ComponentQuery(self, bins, channels, outputs)


class ComponentQuery(AnsweringNetwork):
    """Parts of the mixture as sums of components; see the module.

    Parameters
    ----------
    settings : ComponentQuerySettings
        Its sizes.
    bins, channels : int
        Size of the features.
    outputs : int
        Number of parts. The first is the instrument, the second the rest of the song (`Partition.parts`).
    """

    def __init__(self, settings: ComponentQuerySettings, bins: int, channels: int, outputs: int) -> None:
        super().__init__()
        self.components, self.outputs, self.frozen = settings.components, outputs, settings.frozen
        self.divide = FoldedConv(settings, bins, channels, settings.components)
        self.divide.requires_grad_(not settings.frozen)
        self.hear_timbre = nn.Sequential(
            nn.Linear(settings.squeeze * self.divide.narrowest, settings.units),
            nn.ReLU(inplace=True),
            nn.Linear(settings.units, settings.dimensions),
        )
        self.share = nn.Sequential(
            nn.Linear(settings.components + settings.dimensions, settings.units),
            nn.ReLU(inplace=True),
            nn.Linear(settings.units, outputs * settings.components),
        )

    def anchor(self, query: Features, presence: Tensor) -> Tensor:
        """See `AnsweringNetwork.anchor`: amounts of components, which sum to one, then dimensions of timbre.

        Means over the example's salient bins and frames, or 0 where nothing is present; ``(batch, components +
        dimensions)``. No gradient goes through the network that divides, which learns from songs alone.
        """
        presence = presence.to(query.dtype).expand_as(query).amax(dim=1)
        with torch.no_grad(), _in_evaluation(self.divide):
            x, skips = self.divide.narrow(query)
            narrow = self.divide.recurrence.squeeze(x)
            masks = self.divide.widen(x, skips, query.shape[2]).softmax(dim=1)[:, :, 0]
        amounts = torch.einsum("bkft,bft->bk", masks, presence.to(masks.dtype)).float()
        amounts = amounts / amounts.sum(dim=1, keepdim=True).clamp_min(1e-6)
        salient = functional.adaptive_max_pool1d(presence.amax(dim=1).unsqueeze(1), narrow.shape[2]).squeeze(1)
        weights = salient / salient.sum(dim=1, keepdim=True).clamp_min(1e-6)
        mean = torch.einsum("bsfp,bf->bsp", narrow, weights.to(narrow.dtype))
        timbre = functional.normalize(self.hear_timbre(mean.flatten(1)).float(), dim=-1)
        is_present = salient.sum(dim=1, keepdim=True) > 0
        return torch.cat([amounts, timbre * math.sqrt(timbre.shape[1])], dim=1) * is_present

    def hear(self, features: Features) -> Masks:
        """See `AnsweringNetwork.hear`: the masks of the components, ``(batch, component, 1, bin, frame)``."""
        with _in_evaluation(self.divide) if self.frozen else nullcontext():
            masks: Masks = self.divide(features).softmax(dim=1)
        return masks

    def answer(self, heard: Masks, anchor: Tensor) -> Logits:
        """See `AnsweringNetwork.answer`: ``(batch, output, 1, bin, frame)``, logarithms of masks that sum to one."""
        masks = torch.einsum("bkcft,bok->bocft", heard, self.shares(anchor).to(heard.dtype))
        return masks.float().clamp_min(_LEAST).log()

    def shares(self, anchor: Tensor) -> Tensor:
        """``(batch, output, component)`` of anchors: how much of each component each part gets.

        Before anything is learned the instrument gets most of the components that got most of the example, and the rest
        of the song most of the others.
        """
        amounts, timbre = anchor[:, : self.components], anchor[:, self.components :]
        # From 0 for the largest amount down to -4.
        meant = ((amounts + _QUIET) / (amounts.amax(dim=1, keepdim=True) + _QUIET)).log()
        learned = rearrange(
            self.share(torch.cat([meant + 2, timbre], dim=1)),
            "batch (output component) -> batch output component",
            output=self.outputs,
        ).float()
        first = torch.full_like(meant, -5).unsqueeze(1).repeat(1, self.outputs, 1)
        first[:, 0], first[:, 1:2] = 2 * meant, -1
        shares: Tensor = (first + learned).softmax(dim=1)
        return shares


@contextmanager
def _in_evaluation(module: nn.Module) -> Iterator[None]:
    """Batch norms use their running statistics and leave them as they are."""
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)
