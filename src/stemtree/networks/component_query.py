"""Query by example with components: the song is divided once, and the example says which components are meant.

1. A `FoldedConv` divides every bin among a few dozen **components** by a softmax, whatever is asked for.
2. The same network divides the example. How much of it each component got, and what the network hears in it, tell which
   **class** of instrument it is: the **anchor** holds a probability for each class.
3. Each class has its **shares** of each component: how much of it is the instrument, how much the rest of its family,
   and so on up to the rest of the song. They sum to one. A part of the song is the sum of its shares of all components,
   averaged over the classes that the example may be.

A network whose convolutions hear the anchor has to learn to separate for every anchor anew. Here what a network without
a query has learned is kept. One pass through the network serves any number of examples.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import ClassVar, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from stemtree.errors import OptionError
from stemtree.networks.base import AnsweringNetwork
from stemtree.networks.folded_conv import FoldedConv, FoldedConvSizes
from stemtree.types import Features, Logits, Masks

_LEAST = 1e-6
"""Smaller shares of bins count as this, so that their logarithm is finite."""

_BY_NAME = 0.8
"""How much the name of an example counts, beside its sound."""

_QUIET = 0.01
"""A component that gets this much of an example, or less, is hardly in it."""


class ComponentQuerySettings(FoldedConvSizes, frozen=True):
    """Sizes of `ComponentQuery`.

    Parameters
    ----------
    bands, widths, squeeze, units, dropout
        Of the network that divides song and example, see `FoldedConvSizes`.
    components : int
        Into how many.
    classes : int
        Of instruments, among which an example is placed.
    named : bool
        Whether the classes are what the model was trained to look for, in that order. Then the name of an example
        serves as well as its sound, and the model tells which classes are in a song; see `ComponentQuery.evidence`.
    frozen : bool
        Whether the network that divides keeps the weights that training begins with. Then classes alone are learned,
        and components are as good as those of the model that lent the weights.
    """

    takes_query: ClassVar[bool] = True
    relation: ClassVar[str | None] = "tree"
    kind: Literal["component_query"] = "component_query"
    components: PositiveInt = 24
    classes: PositiveInt = 16
    named: bool = False
    frozen: bool = False

    @property
    def knows_classes(self) -> bool:
        """See `BaseNetworkSettings.knows_classes`."""
        return self.named

    def build(self, bins: int, channels: int, outputs: int) -> "ComponentQuery":
        """See `BaseNetworkSettings.build`; raises OptionError where nothing lies beside what is asked for."""
        if outputs < 2:
            raise OptionError(f"nothing lies beside the targets, which '{self.kind}' tells from the rest: give others")
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
        self.components, self.frozen = settings.components, settings.frozen
        self.divide = FoldedConv(settings, bins, channels, settings.components)
        self.divide.requires_grad_(not settings.frozen)
        timbre = settings.squeeze * self.divide.narrowest
        self.norm = nn.LayerNorm(timbre, elementwise_affine=False)
        self.recognise = nn.Linear(settings.components + timbre, settings.classes)
        self.owners = nn.Parameter(_first_owners(settings.classes, outputs, settings.components))
        self.presence = nn.Linear(settings.components, settings.classes) if settings.named else None

    def anchor(self, query: Features, bin_weights: Tensor) -> Tensor:
        """See `AnsweringNetwork.anchor`: the probability of each class, ``(batch, class)``; 0 where nothing is present.

        No gradient goes through the network that divides, which learns from songs alone.
        """
        sound, is_present = self.sound(query, bin_weights)
        probabilities: Tensor = self.recognise(sound).float().softmax(dim=1)
        return probabilities * is_present

    def limited_to(self, anchor: Tensor, classes: Sequence[int]) -> Tensor:
        """See `AnsweringNetwork.limited_to`: most of the probability for these classes, the rest by the sound."""
        if self.presence is None or not classes:
            return anchor
        named = torch.zeros_like(anchor)
        named[:, classes] = anchor[:, classes] + 1e-6
        is_present = anchor.sum(dim=1, keepdim=True) > 0
        return anchor.lerp(named / named.sum(dim=1, keepdim=True) * is_present, _BY_NAME)

    def evidence(self, loudness: Tensor) -> Tensor | None:
        """See `AnsweringNetwork.evidence`: linear in the loudness of components."""
        odds: Tensor | None = None if self.presence is None else self.presence(loudness)
        return odds

    @torch.no_grad()
    def sound(self, query: Features, bin_weights: Tensor) -> tuple[Tensor, Tensor]:
        """What classes are told by: ``(batch, components + timbre)``, and whether there is anything, ``(batch, 1)``.

        Logarithms of the amounts of components, then the mean of what the network hears, over the example's salient
        bins and frames.
        """
        bin_weights = bin_weights.to(query.dtype).expand_as(query).amax(dim=1)
        with _in_evaluation(self.divide):
            x, skips = self.divide.narrow(query)
            narrow = self.divide.recurrence.squeeze(x)
            masks = self.divide.widen(x, skips, query.shape[2]).softmax(dim=1)[:, :, 0]
        amounts = torch.einsum("bkft,bft->bk", masks, bin_weights.to(masks.dtype)).float()
        amounts = amounts / amounts.sum(dim=1, keepdim=True).clamp_min(1e-6)
        salient = functional.adaptive_max_pool1d(bin_weights.amax(dim=1).unsqueeze(1), narrow.shape[2]).squeeze(1)
        weights = salient / salient.sum(dim=1, keepdim=True).clamp_min(1e-6)
        mean = torch.einsum("bsfp,bf->bsp", narrow, weights.to(narrow.dtype))
        timbre = self.norm(mean.flatten(1).float())
        # From about 1.5 for a component that got all of the example down to -1.
        log_amounts = ((amounts + _QUIET).log() + 3) / 2
        return torch.cat([log_amounts, timbre / 3], dim=1), salient.sum(dim=1, keepdim=True) > 0

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

        What no class claims, as for a silent example, is the rest of the song.
        """
        shares = torch.einsum("bi,iok->bok", anchor, self.owners.softmax(dim=1))
        shares[:, 1] += 1 - anchor.sum(dim=1, keepdim=True)
        return shares


def _first_owners(classes: int, outputs: int, components: int) -> Tensor:
    """Logits of shares before anything is learned: each class has one component, and hardly anything of the others."""
    owners = torch.zeros(classes, outputs, components)
    owners[:, 1] = 4
    for number in range(classes):
        owners[number, :2, number % components] = torch.tensor([4.0, 0.0])
    return owners


@contextmanager
def _in_evaluation(module: nn.Module) -> Iterator[None]:
    """Batch norms use their running statistics and leave them as they are."""
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)
