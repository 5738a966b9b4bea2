"""BS-RoFormer: transformers over frames and bands in turn, and complex masks (Lu et al. 2023), from `pymss-core`."""

from typing import Annotated, ClassVar, Literal

import torch
from einops import rearrange
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from stemtree.errors import OptionError
from stemtree.extras import library
from stemtree.networks.base import BaseNetworkSettings, Domain
from stemtree.types import Spectrogram

_BANDS = (*(2,) * 24, *(4,) * 12, *(12,) * 8, *(24,) * 8, *(48,) * 8, 128, 129)
"""The paper's 62 bands: bins of each, of a window of 2048 samples at 44.1 kHz."""

_MAX_BINS = 4096
"""The package tries its transform on a signal that is too short for more."""

_PURPOSE = "the network 'bs_roformer' needs"


class BsRoformerSettings(BaseNetworkSettings, frozen=True):
    """Sizes of `BsRoformer`; the defaults are the paper's.

    Parameters
    ----------
    bands : tuple of int
        Bins of each band, from the lowest. Bins that are left join the last band, bands above the highest bin are cut.
    width : int
        Features of a band.
    depth : int
        How many pairs of transformers follow each other, one over frames and one over bands.
    heads, head_width : int
        Of attention, and features of each head; these are even, since they are rotated in pairs.
    mask_layers : int
        Linear layers of the networks that make the masks of each band and output.
    mask_expansion : int
        How many times wider than a band's features these are.
    dropout : float
        In attention and after it.
    """

    domain: ClassVar[Domain] = "spectrogram"
    kind: Literal["bs_roformer"] = "bs_roformer"
    bands: Annotated[tuple[PositiveInt, ...], Field(min_length=2)] = _BANDS
    width: PositiveInt = 384
    depth: PositiveInt = 12
    heads: PositiveInt = 8
    head_width: PositiveInt = Field(default=48, multiple_of=2)
    mask_layers: PositiveInt = 2
    mask_expansion: PositiveInt = 4
    dropout: float = Field(default=0.1, ge=0, lt=1)

    def build(self, bins: int, channels: int, outputs: int) -> "BsRoformer":
        """See `BaseNetworkSettings.build`."""
        return BsRoformer(self, bins, channels, outputs)


class BsRoformer(nn.Module):
    """Complex spectrogram to a complex mask for each output, and that times the mixture.

    Parameters
    ----------
    settings : BsRoformerSettings
        Its sizes.
    bins, channels : int
        Size of the spectrograms.
    outputs : int
        Number of stems.

    Raises
    ------
    OptionError
        If there are more bins than the package takes, or `pymss-core` is not installed.
    """

    def __init__(self, settings: BsRoformerSettings, bins: int, channels: int, outputs: int) -> None:
        super().__init__()
        if bins > _MAX_BINS:
            raise OptionError(
                f"the network 'bs_roformer' hears at most {_MAX_BINS} bins, not {bins}: give a shorter window"
            )
        library("pymss_core", "networks", _PURPOSE)  # not kept: a module cannot be copied
        module = library("pymss_core.modules.bs_roformer", "networks", _PURPOSE)
        bands = fit_bands(settings.bands, bins)
        self.heard = sum(bands)
        self.network = module.BSRoformer(
            settings.width,
            depth=settings.depth,
            stereo=channels == 2,
            num_stems=outputs,
            time_transformer_depth=1,
            freq_transformer_depth=1,
            freqs_per_bands=bands,
            heads=settings.heads,
            dim_head=settings.head_width,
            attn_dropout=settings.dropout,
            ff_dropout=settings.dropout,
            stft_n_fft=2 * (self.heard - 1),
            stft_win_length=2 * (self.heard - 1),
            mask_estimator_depth=settings.mask_layers,
            mlp_expansion_factor=settings.mask_expansion,
        )
        # The package's faster forms keep copies of the weights, which training would leave behind.
        for part in (self.network.band_split, *self.network.mask_estimators):
            part.use_grouped_forward = False

    def train(self, mode: bool = True) -> "BsRoformer":
        """See `torch.nn.Module.train`; what was computed once for evaluation cannot be differentiated through."""
        library("pymss_core", "networks", _PURPOSE).clear_model_runtime_caches(self.network)
        return super().train(mode)

    def forward(self, mixture: Spectrogram) -> Spectrogram:
        """Stems ``(batch, output, channel, bin, frame)`` of a mixture ``(batch, channel, bin, frame)``."""
        batch, channels, bins, _ = mixture.shape
        whole = functional.pad(torch.view_as_real(mixture), (0, 0, 0, 0, 0, self.heard - bins))
        x: Tensor = self.network.band_split(
            rearrange(whole, "batch channel bin frame part -> batch frame (bin channel part)")
        )
        for over_frames, over_bands in self.network.layers:
            x = over_frames(rearrange(x, "batch frame band width -> (batch band) frame width"))
            x = over_bands(rearrange(x, "(batch band) frame width -> (batch frame) band width", batch=batch))
            x = rearrange(x, "(batch frame) band width -> batch frame band width", batch=batch)
        x = self.network.final_norm(x)
        masks = torch.stack([estimate(x) for estimate in self.network.mask_estimators], dim=1).float()
        masks = rearrange(
            masks,
            "batch output frame (bin channel part) -> batch output channel bin frame part",
            channel=channels,
            part=2,
        )
        return torch.view_as_complex(masks[:, :, :, :bins].contiguous()) * mixture[:, None]


def fit_bands(bands: tuple[int, ...], bins: int) -> tuple[int, ...]:
    """Bins of each of the bands that so many bins reach, two bands at least; see `BsRoformerSettings`."""
    fitted: list[int] = []
    left = max(bins, bands[0] + 1)
    for band in bands:
        if left:
            fitted.append(min(band, left))
            left -= fitted[-1]
    fitted[-1] += left
    return tuple(fitted)
