"""Demucs, Hybrid Demucs and Hybrid Transformer Demucs: networks of waveforms, from the package `demucs`.

The papers: Défossez, Usunier, Bottou and Bach 2019; Défossez 2021; Rouard, Massa and Défossez 2023.
"""

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import nn

from stemtree.extras import library
from stemtree.networks.base import BaseNetworkSettings, Domain
from stemtree.types import Waveform

_CLASSES = {
    "waveform": ("demucs.demucs", "Demucs"),
    "hybrid": ("demucs.hdemucs", "HDemucs"),
    "transformer": ("demucs.htdemucs", "HTDemucs"),
}


class DemucsSettings(BaseNetworkSettings, frozen=True):
    """Sizes of `Demucs`; the defaults are those of the published ``htdemucs``.

    Parameters
    ----------
    architecture : {"transformer", "hybrid", "waveform"}
        The third paper's network of a waveform and a spectrogram with a transformer between, the second's without, or
        the first's of a waveform alone, as the package has it today.
    width : int
        Channels of the first layer, 8 at least; each further one has twice as many.
    layers : int
        Of the transformer, which the other two do not have.
    features, heads : int
        Of the transformer.
    """

    domain: ClassVar[Domain] = "waveform"
    kind: Literal["demucs"] = "demucs"
    architecture: Literal["transformer", "hybrid", "waveform"] = "transformer"
    width: int = Field(default=48, ge=8)
    layers: PositiveInt = 5
    features: PositiveInt = 512
    heads: PositiveInt = 8

    @model_validator(mode="after")
    def _divide(self) -> "DemucsSettings":
        if self.features % (4 * self.heads):
            raise ValueError(
                f"{self.features} features cannot be divided among {self.heads} heads: make 'features' a multiple of "
                f"{4 * self.heads}"
            )
        return self

    @property
    def options(self) -> dict[str, Any]:
        """What the package's class is given."""
        if self.architecture != "transformer":
            return {"channels": self.width}
        return {
            "channels": self.width,
            "t_layers": self.layers,
            "bottom_channels": self.features,
            "t_heads": self.heads,
            "dconv_mode": 3,
            "t_dropout": 0.02,
            "use_train_segment": False,  # so that it takes audio of any length
        }

    def build(self, bins: int, channels: int, outputs: int) -> "Demucs":
        """See `BaseNetworkSettings.build`."""
        return Demucs(self, channels, outputs)


class Demucs(nn.Module):
    """Waveform to the waveform of each output, in single precision.

    Parameters
    ----------
    settings : DemucsSettings
        Its sizes.
    channels : int
        Of the audio.
    outputs : int
        Number of stems.

    Raises
    ------
    OptionError
        If `demucs` is not installed.
    """

    def __init__(self, settings: DemucsSettings, channels: int, outputs: int) -> None:
        super().__init__()
        module, name = _CLASSES[settings.architecture]
        package = library(module, "networks", "the network 'demucs' needs")
        sources = [str(number) for number in range(outputs)]
        self.network = getattr(package, name)(sources, audio_channels=channels, **settings.options)

    def forward(self, audio: Waveform) -> Waveform:
        """Stems ``(batch, output, channel, sample)`` of a mixture ``(batch, channel, sample)``."""
        with torch.autocast(audio.device.type, enabled=False):  # it makes complex numbers of its features
            stems: Waveform = self.network(audio.float())
        return stems
