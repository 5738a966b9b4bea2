"""What every network declares of itself."""

from typing import ClassVar, Literal

from pydantic import BaseModel
from torch import nn

Domain = Literal["features", "spectrogram", "waveform"]
"""What a network is given, and so what it makes; see `BaseNetworkSettings.build`."""


class BaseNetworkSettings(BaseModel, frozen=True, extra="forbid"):
    """The sizes of a network, and how to make it.

    Attributes
    ----------
    domain : {"features", "spectrogram", "waveform"}
        See `build`.
    takes_query : bool
        Whether the network needs an example of what to separate. It is called as ``network(features)`` if not, else as
        ``network(features, query, presence)``; see `stemtree.networks.query_by_example`.
    reuses_freed_memory : bool
        Whether training gains from `stemtree.memory.keep_freed_memory`.
    """

    domain: ClassVar[Domain] = "features"
    takes_query: ClassVar[bool] = False
    reuses_freed_memory: ClassVar[bool] = False

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
