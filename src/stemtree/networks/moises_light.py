"""Moises-Light: a small U-Net of group convolutions over bands with a transformer (Hung et al. 2025).

The network comes from the package `moises-light`, and is a network of waveforms, which it transforms itself.
"""

import warnings
from typing import ClassVar, Literal

from pydantic import NonNegativeInt, PositiveInt, model_validator
from torch import nn

from stemtree.extras import library
from stemtree.networks.base import BaseNetworkSettings, Domain
from stemtree.types import Waveform


class MoisesLightSettings(BaseNetworkSettings, frozen=True):
    """Sizes of `MoisesLight`; the defaults are the package's ``paper_large``.

    Parameters
    ----------
    window, hop : int
        Of the network's own transform, in samples.
    heard : int
        How many bins it hears, from the lowest; of 3073 the paper's 2048 reach up to 14.7 kHz. Those above get no part
        of the mixture but what is left.
    bands : int
        Into how many bands of equal width these are divided.
    width : int
        Channels before the first halving of the frames, each of which adds as many.
    scales, decoded : int
        How often frames are halved, and after how many of the doublings there are convolutions again.
    splits, decoded_splits : int
        Convolutions of each block on the way down, and on the way up.
    layers : int
        Pairs of transformers, over frames and over bins.
    bottleneck : int
        To which part of their number linear layers narrow the bins of a band; the paper does not say, this is the
        package's default.
    """

    domain: ClassVar[Domain] = "waveform"
    kind: Literal["moises_light"] = "moises_light"
    window: PositiveInt = 6144
    hop: PositiveInt = 1024
    heard: PositiveInt = 2048
    bands: PositiveInt = 4
    width: PositiveInt = 56
    scales: PositiveInt = 3
    decoded: NonNegativeInt = 1
    splits: PositiveInt = 3
    decoded_splits: PositiveInt = 1
    layers: PositiveInt = 5
    bottleneck: PositiveInt = 8

    @model_validator(mode="after")
    def _fit(self) -> "MoisesLightSettings":
        if self.width % self.bands or self.heard % self.bands:
            raise ValueError(
                f"a width of {self.width} and {self.heard} bins cannot be divided among {self.bands} bands: make "
                "'width' and 'heard' multiples of 'bands'"
            )
        if self.heard > self.window // 2 + 1:
            raise ValueError(f"a window of {self.window} samples has less than {self.heard} bins: make 'heard' less")
        if self.heard // self.bands < self.bottleneck:
            raise ValueError(
                f"bands of {self.heard // self.bands} bins cannot be narrowed by {self.bottleneck}: make 'bottleneck' "
                "less"
            )
        if self.decoded > self.scales:
            raise ValueError(f"of {self.scales} scales {self.decoded} cannot be decoded: make 'decoded' less")
        return self

    def build(self, bins: int, channels: int, outputs: int) -> "MoisesLight":
        """See `BaseNetworkSettings.build`."""
        return MoisesLight(self, channels, outputs)


class MoisesLight(nn.Module):
    """Waveform to the waveform of each output, by masks of its own transform.

    The paper trains a network for each stem; here all outputs share one, as the package has it.

    Parameters
    ----------
    settings : MoisesLightSettings
        Its sizes.
    channels : int
        Of the audio.
    outputs : int
        Number of stems.

    Raises
    ------
    OptionError
        If `moises-light` is not installed.
    """

    def __init__(self, settings: MoisesLightSettings, channels: int, outputs: int) -> None:
        super().__init__()
        module = library("moises_light", "networks", "the network 'moises_light' needs")
        self.network = module.MoisesLight(
            sources=[str(number) for number in range(outputs)],
            audio_channels=channels,
            n_fft=settings.window,
            hop_size=settings.hop,
            win_size=settings.window,
            freq_dim=settings.heard,
            n_bands=settings.bands,
            G=settings.width,
            n_enc=settings.scales,
            n_dec=settings.decoded,
            n_split_enc=settings.splits,
            n_split_dec=settings.decoded_splits,
            n_rope=settings.layers,
            bn_factor=settings.bottleneck,
        )

    def forward(self, audio: Waveform) -> Waveform:
        """Stems ``(batch, output, channel, sample)`` of a mixture ``(batch, channel, sample)``."""
        with warnings.catch_warnings():  # the package asks for a precision that torch's autocast does not know on CPUs
            warnings.filterwarnings("ignore", "In CPU autocast")
            stems: Waveform = self.network(audio)
        return stems
