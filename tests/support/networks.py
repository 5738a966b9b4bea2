"""Small networks of every kind, and inputs for them."""

import torch

from stemtree.model import Model, make_model
from stemtree.model_card import Card
from stemtree.networks.bs_roformer import BsRoformerSettings
from stemtree.networks.component_query import ComponentQuerySettings
from stemtree.networks.demucs import DemucsSettings
from stemtree.networks.folded_conv import FoldedConvSettings
from stemtree.networks.mask_inference import MaskInferenceSettings
from stemtree.networks.moises_light import MoisesLightSettings
from stemtree.networks.open_unmix import OpenUnmixSettings
from stemtree.networks.query_by_example import QueryByExampleSettings
from stemtree.networks.registry import NetworkSettings
from stemtree.networks.scnet import ScNetSettings
from stemtree.networks.tfc_tdf import TfcTdfSettings
from stemtree.networks.x_umx import XUmxSettings

SMALL: dict[str, NetworkSettings] = {
    "mask_inference": MaskInferenceSettings(layers=2, units=8),
    "query_by_example": QueryByExampleSettings(units=8, layers=1),
    "folded_conv": FoldedConvSettings(widths=(4, 8, 8), squeeze=2, units=4),
    "component_query": ComponentQuerySettings(widths=(4, 8, 8), squeeze=2, units=4, components=5, classes=4),
    "open_unmix": OpenUnmixSettings(layers=2, units=8, heard=30),
    "x_umx": XUmxSettings(layers=1, units=8, heard=30),
}
"""Networks of features."""

SMALL_SEPARATORS: dict[str, NetworkSettings] = {
    "tfc_tdf": TfcTdfSettings(subbands=2, scales=2, blocks=1, width=4, growth=4, bottleneck=2),
    "scnet": ScNetSettings(widths=(4, 8), layers=2),
    "bs_roformer": BsRoformerSettings(bands=(4, 8, 12, 9), width=8, depth=1, heads=2, head_width=4),
    "demucs": DemucsSettings(width=8, layers=1, features=8, heads=2),
    "moises_light": MoisesLightSettings(
        window=64, hop=16, heard=32, bands=2, width=4, scales=2, splits=1, layers=1, bottleneck=2
    ),
}
"""Networks of spectrograms or waveforms."""


def small_model(settings: NetworkSettings, relation: str = "direct", channels: int = 2, window: int = 64) -> Model:
    """A model of four nodes, one under another, at a small transform."""
    torch.manual_seed(0)
    sources = {"sources": {"b/c": "b"}} if relation == "mixed" else {}
    return make_model(
        Card.model_validate(
            {
                "hierarchy": "pair",
                "tree": {"a": {}, "b": {"c": {}, "d": {}}},
                "nodes": ["a", "b", "b/c", "b/d"],
                "relation": {"kind": relation, **sources},
                "network": settings.model_dump(),
                "stft": {"window": window, "hop": window // 2, "sample_rate": 8000},
                "channels": channels,
            }
        )
    )


def network_inputs(settings: NetworkSettings, batch: int, channels: int, bins: int, frames: int) -> list[torch.Tensor]:
    """Features of a batch, and what else the network takes."""
    generator = torch.Generator().manual_seed(0)
    inputs = [40 * torch.randn(batch, channels, bins, frames, generator=generator) - 20]
    if settings.takes_query:
        query = torch.randn(batch, channels, bins, frames + 3, generator=generator)
        inputs += [query, (query > 0).float()]
    return inputs
