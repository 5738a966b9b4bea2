"""TFC-TDF v3: a U-Net of convolutions and of linear layers over bins (Kim, Lee, Jung 2023), from `pymss-core`."""

from typing import Any, ClassVar, Literal

from pydantic import PositiveInt
from torch import Tensor, nn

from stemtree.extras import library
from stemtree.networks.base import BaseNetworkSettings, Domain
from stemtree.networks.complex_channels import to_real_channels, to_stems
from stemtree.types import Spectrogram


class TfcTdfSettings(BaseNetworkSettings, frozen=True):
    """Sizes of `TfcTdf`; the defaults are those of the first network that the authors handed in to the challenge.

    Parameters
    ----------
    subbands : int
        Adjacent parts of the spectrum that become channels.
    scales : int
        How often bins and frames are halved.
    blocks : int
        At each scale, on the way down and up.
    width, growth : int
        Channels at the first scale, and how many each further one adds.
    bottleneck : int
        To which part of their number the linear layers narrow the bins.
    """

    domain: ClassVar[Domain] = "spectrogram"
    kind: Literal["tfc_tdf"] = "tfc_tdf"
    subbands: PositiveInt = 4
    scales: PositiveInt = 5
    blocks: PositiveInt = 2
    width: PositiveInt = 128
    growth: PositiveInt = 64
    bottleneck: PositiveInt = 4

    def build(self, bins: int, channels: int, outputs: int) -> "TfcTdf":
        """See `BaseNetworkSettings.build`."""
        return TfcTdf(self, bins, channels, outputs)


class TfcTdf(nn.Module):
    """Complex spectrogram to the complex spectrogram of each output, no masks between.

    It hears a multiple of bins that its scales and subbands can halve, from the lowest; of 4097 bins all but the
    highest, as published.

    Parameters
    ----------
    settings : TfcTdfSettings
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

    def __init__(self, settings: TfcTdfSettings, bins: int, channels: int, outputs: int) -> None:
        super().__init__()
        unit = settings.subbands * settings.bottleneck * 2**settings.scales
        self.heard, self.frame_multiple = max(1, bins // unit) * unit, 2**settings.scales
        purpose = "the network 'tfc_tdf' needs"
        package = library("pymss_core", "networks", purpose)
        module = library("pymss_core.modules.mdx23c_tfc_tdf_v3", "networks", purpose)
        sizes = {
            "num_subbands": settings.subbands,
            "num_scales": settings.scales,
            "num_blocks_per_scale": settings.blocks,
            "num_channels": settings.width,
            "growth": settings.growth,
            "bottleneck_factor": settings.bottleneck,
            "scale": [2, 2],
            "norm": "InstanceNorm",
            "act": "gelu",
        }
        audio = {"num_channels": channels, "dim_f": self.heard, "n_fft": 2 * self.heard, "hop_length": self.heard}
        training = {"instruments": [str(number) for number in range(outputs)], "target_instrument": None}
        config = package.to_attrdict({"model": sizes, "audio": audio, "training": training})
        self.network = module.TFC_TDF_net(config)
        self.network.stft = _Transformed()

    def forward(self, mixture: Spectrogram) -> Spectrogram:
        """Stems ``(batch, output, channel, bin, frame)`` of a mixture ``(batch, channel, bin, frame)``."""
        parts: Tensor = self.network(to_real_channels(mixture, self.heard, self.frame_multiple))
        return to_stems(parts.flatten(1, -3), mixture)


class _Transformed:
    """Stands where the network transforms waveforms and stems itself: here they are spectrograms."""

    def __call__(self, spectrogram: Any) -> Any:
        return spectrogram

    def inverse(self, spectrogram: Any) -> Any:
        return spectrogram
