"""Networks by their settings."""

from typing import Annotated

from pydantic import Field
from torch import nn

from stemtree.networks.folded_conv import FoldedConv, FoldedConvSettings
from stemtree.networks.mask_inference import MaskInference, MaskInferenceSettings
from stemtree.networks.query_by_example import QueryByExample, QueryByExampleSettings

NetworkSettings = Annotated[
    MaskInferenceSettings | QueryByExampleSettings | FoldedConvSettings, Field(discriminator="kind")
]
"""Any network's settings, distinguished by ``kind``.

Beside the sizes, each class says two things about its network: ``takes_query``, whether it needs an example of what to
separate, and ``reuses_freed_memory``, whether training gains from `stemtree.memory.keep_freed_memory`.
"""


def build(settings: NetworkSettings, bins: int, channels: int, outputs: int) -> nn.Module:
    """Make a network with fresh weights.

    Parameters
    ----------
    settings : NetworkSettings
        Which network, and its own sizes.
    bins, channels : int
        Size of the features.
    outputs : int
        How many logits there are for each bin: what the mask relation asks for.

    Returns
    -------
    nn.Module
        ``network(features) -> logits``; `QueryByExample` also takes a query and its presence.
    """
    match settings:
        case MaskInferenceSettings():
            return MaskInference(settings, bins, channels, outputs)
        case QueryByExampleSettings():
            return QueryByExample(settings, bins, channels, outputs)
        case FoldedConvSettings():
            return FoldedConv(settings, bins, channels, outputs)
