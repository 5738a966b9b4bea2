"""SCNet: bands of the spectrum compressed, the higher the more, and recurrent layers over both axes (Tong et al. 2024).

The network comes from `pymss-core`.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt, field_validator
from torch import nn

from stemtree.extras import library
from stemtree.networks.base import BaseNetworkSettings, Domain
from stemtree.networks.complex_channels import to_real_channels, to_stems
from stemtree.types import Spectrogram

_MIN_BINS = 64
"""So few bins leave every band one at least after three compressions."""

Share = Annotated[float, Field(gt=0, lt=1)]


class ScNetSettings(BaseNetworkSettings, frozen=True):
    """Sizes of `ScNet`; the defaults are those of the authors' code.

    Parameters
    ----------
    widths : tuple of int
        Channels after each compression.
    bands : tuple of float
        The parts of the bins that the low, middle and high band have.
    strides, kernels : tuple of int
        How many bins of each band become one, and from how many.
    depths : tuple of int
        Convolution modules of each band.
    compress : int
        To which part of their number these narrow the channels.
    layers : int
        Dual-path recurrent layers, every other one over the Fourier transform of the frames.
    """

    domain: ClassVar[Domain] = "spectrogram"
    kind: Literal["scnet"] = "scnet"
    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=1, max_length=3)] = (32, 64, 128)
    bands: tuple[Share, Share, Share] = (0.175, 0.392, 0.433)
    strides: tuple[PositiveInt, PositiveInt, PositiveInt] = (1, 4, 16)
    kernels: tuple[PositiveInt, PositiveInt, PositiveInt] = (3, 4, 16)
    depths: tuple[PositiveInt, PositiveInt, PositiveInt] = (3, 2, 1)
    compress: PositiveInt = 4
    layers: PositiveInt = 6

    @field_validator("bands")
    @classmethod
    def _are_all(cls, bands: tuple[float, float, float]) -> tuple[float, float, float]:
        if abs(sum(bands) - 1) > 1e-3:
            raise ValueError(f"the three bands add up to {sum(bands):g} of the bins: make it 1")
        return bands

    @field_validator("layers")
    @classmethod
    def _are_even(cls, layers: int) -> int:
        if layers % 2:
            raise ValueError(
                f"{layers} dual-path layers end in the Fourier transform of the frames: give an even number"
            )
        return layers

    def build(self, bins: int, channels: int, outputs: int) -> "ScNet":
        """See `BaseNetworkSettings.build`."""
        return ScNet(self, bins, channels, outputs)


class ScNet(nn.Module):
    """Complex spectrogram to the complex spectrogram of each output, no masks between.

    Parameters
    ----------
    settings : ScNetSettings
        Its sizes.
    bins, channels : int
        Size of the spectrograms.
    outputs : int
        Number of stems.

    Raises
    ------
    OptionError
        If `pymss-core` is not installed.
    """

    def __init__(self, settings: ScNetSettings, bins: int, channels: int, outputs: int) -> None:
        super().__init__()
        module = library("pymss_core.modules.scnet", "networks", "the network 'scnet' needs")
        self.heard = max(bins, _MIN_BINS)
        self.network = module.SCNet(
            sources=[str(number) for number in range(outputs)],
            audio_channels=channels,
            dims=[2 * channels, *settings.widths],
            band_SR=settings.bands,
            band_stride=settings.strides,
            band_kernel=settings.kernels,
            conv_depths=settings.depths,
            compress=settings.compress,
            num_dplayer=settings.layers,
        )

    def forward(self, mixture: Spectrogram) -> Spectrogram:
        """Stems ``(batch, output, channel, bin, frame)`` of a mixture ``(batch, channel, bin, frame)``."""
        x = to_real_channels(mixture, self.heard, frame_multiple=2)  # the inverse real transform makes an even number
        skips = []
        for encode in self.network.encoder:
            x, *skip = encode(x)
            skips.append(skip)
        x = self.network.separation_net(x)
        for fuse, expand in self.network.decoder:
            full_band, lengths, lengths_before = skips.pop()
            x = expand(fuse(x, full_band), lengths, lengths_before)
        return to_stems(x, mixture)
