"""Small networks of every kind, and inputs for them."""

import torch

from stemtree.networks.folded_conv import FoldedConvSettings
from stemtree.networks.mask_inference import MaskInferenceSettings
from stemtree.networks.open_unmix import OpenUnmixSettings
from stemtree.networks.query_by_example import QueryByExampleSettings
from stemtree.networks.registry import NetworkSettings
from stemtree.networks.x_umx import XUmxSettings

SMALL: dict[str, NetworkSettings] = {
    "mask_inference": MaskInferenceSettings(layers=2, units=8),
    "query_by_example": QueryByExampleSettings(units=8, layers=1),
    "folded_conv": FoldedConvSettings(widths=(4, 8, 8), squeeze=2, units=4),
    "open_unmix": OpenUnmixSettings(layers=2, units=8, heard=30),
    "x_umx": XUmxSettings(layers=1, units=8, heard=30),
}


def network_inputs(settings: NetworkSettings, batch: int, channels: int, bins: int, frames: int) -> list[torch.Tensor]:
    """Features of a batch, and what else the network takes."""
    generator = torch.Generator().manual_seed(0)
    inputs = [40 * torch.randn(batch, channels, bins, frames, generator=generator) - 20]
    if settings.takes_query:
        query = torch.randn(batch, channels, bins, frames + 3, generator=generator)
        inputs += [query, (query > 0).float()]
    return inputs
