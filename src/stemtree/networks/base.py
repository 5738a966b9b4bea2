"""What every network declares of itself."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import BaseModel
from torch import Tensor, nn

from stemtree.types import Features, Logits

Domain = Literal["features", "spectrogram", "waveform"]
"""What a network is given, and so what it makes; see `BaseNetworkSettings.build`."""


class BaseNetworkSettings(BaseModel, frozen=True, extra="forbid"):
    """The sizes of a network, and how to make it.

    Attributes
    ----------
    domain : {"features", "spectrogram", "waveform"}
        See `build`.
    takes_query : bool
        Whether the network needs an example of what to separate. It is called as ``network(features)`` if not; else it
        is an `AnsweringNetwork`.
    relation : str or None
        The only mask relation that its logits are made for, if there is one.
    reuses_freed_memory : bool
        Whether training gains from `stemtree.memory.keep_freed_memory`.
    """

    domain: ClassVar[Domain] = "features"
    takes_query: ClassVar[bool] = False
    relation: ClassVar[str | None] = None
    reuses_freed_memory: ClassVar[bool] = False

    @property
    def knows_classes(self) -> bool:
        """Whether the network gains by the names of examples, and tells what is in a song; see `AnsweringNetwork`."""
        return False

    def build(self, bins: int, channels: int, outputs: int) -> nn.Module:
        """Make the network with fresh weights.

        Parameters
        ----------
        bins, channels : int
            Size of the features.
        outputs : int
            Number of logits per bin: what the mask relation needs.

        Returns
        -------
        nn.Module
            By `domain`: from ``(batch, channel, bin, frame)`` features to ``(batch, output, channel, bin, frame)``
            logits; from the same of a complex spectrogram to one of each output; or from ``(batch, channel, sample)``
            audio to ``(batch, output, channel, sample)``. Of spectrograms and audio the logits are the outputs' shares
            of the mixture (`stemtree.masks.shares`).
        """
        raise NotImplementedError


class AnsweringNetwork(nn.Module):
    """A network that takes a query, in the three steps that it consists of."""

    def anchor(self, query: Features, bin_weights: Tensor) -> Tensor:
        """Sum an example up.

        Parameters
        ----------
        query : Features
            ``(batch, channel, bin, frame)`` of the example, of any number of frames.
        bin_weights : Tensor
            Non-negative weights of the query's bins, in any shape that broadcasts to the query's: 1 for each salient
            bin or frame, 0 for the others.

        Returns
        -------
        Tensor
            ``(batch, value)``.
        """
        raise NotImplementedError

    def limited_to(self, anchor: Tensor, classes: Sequence[int]) -> Tensor:
        """The anchor of an example of which is known what it may be.

        Parameters
        ----------
        anchor : Tensor
            ``(batch, value)``, of its sound.
        classes : sequence of int
            Numbers of some nodes among those that the model was trained to look for: several for the name of a family.

        Returns
        -------
        Tensor
            The same shape; `anchor` itself from a network that gains nothing by the name.
        """
        return anchor

    def evidence(self, loudness: Tensor) -> Tensor | None:
        """Log-odds of each class to be in a stretch of a song, ``(batch, class)``, if the network tells them.

        Parameters
        ----------
        loudness : Tensor
            ``(batch, component)`` of stretches, see `stemtree.masks.presence.component_loudness`.
        """
        return None

    def hear(self, features: Features) -> Tensor:
        """What can be made of the mixture's ``(batch, channel, bin, frame)`` before the anchor is known."""
        return features

    def answer(self, heard: Tensor, anchor: Tensor) -> Logits:
        """``(batch, output, channel, bin, frame)`` from what `hear` and `anchor` return."""
        raise NotImplementedError

    def forward(self, features: Features, query: Features, bin_weights: Tensor) -> Logits:
        """Estimate logits of a mixture for an example, see `hear` and `anchor`."""
        return self.answer(self.hear(features), self.anchor(query, bin_weights))
