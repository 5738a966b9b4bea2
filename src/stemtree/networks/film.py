"""Mask inference in which a condition scales and shifts the input of every layer (FiLM, Perez et al. 2018)."""

from einops import rearrange
from torch import Tensor, nn

from stemtree.networks.layers import BinNorm
from stemtree.networks.mask_inference import MaskInferenceSettings
from stemtree.types import Features, Logits


class Film(nn.Module):
    """Multiply each feature by one plus a linear function of the condition, and add another.

    Parameters
    ----------
    condition : int
        Number of values of the condition.
    features : int
        Number of features.
    """

    def __init__(self, condition: int, features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(condition, 2 * features)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """``(frame, batch, feature)`` to the same; the condition is ``(batch, value)``."""
        scale, shift = self.linear(condition).chunk(2, dim=-1)
        filmed: Tensor = x * (1 + scale) + shift
        return filmed


class FilmMaskInference(nn.Module):
    """Stacked BLSTM over frames, each layer behind a `Film`, then one linear layer to logits.

    Parameters
    ----------
    settings : MaskInferenceSettings
        Its sizes.
    bins, channels : int
        Size of the features.
    outputs : int
        Number of logits per bin.
    condition : int
        Number of values of the condition.
    """

    def __init__(self, settings: MaskInferenceSettings, bins: int, channels: int, outputs: int, condition: int) -> None:
        super().__init__()
        self.bins, self.channels = bins, channels
        self.norm = BinNorm(bins, channels)
        sizes = [channels * bins] + [2 * settings.units] * (settings.layers - 1)
        self.films = nn.ModuleList(Film(condition, size) for size in sizes)
        self.layers = nn.ModuleList(nn.LSTM(size, settings.units, bidirectional=True) for size in sizes)
        self.dropout = nn.Dropout(settings.dropout)
        self.dense = nn.Linear(2 * settings.units, outputs * channels * bins)

    def forward(self, features: Features, condition: Tensor) -> Logits:
        """Estimate logits.

        Parameters
        ----------
        features : Features
            ``(batch, channel, bin, frame)``.
        condition : Tensor
            ``(batch, value)``, the same for every frame.

        Returns
        -------
        Logits
            ``(batch, output, channel, bin, frame)``.
        """
        x: Tensor = rearrange(self.norm(features), "batch channel bin frame -> frame batch (channel bin)")
        for number, (film, layer) in enumerate(zip(self.films, self.layers, strict=True)):
            x, _ = layer(film(self.dropout(x) if number else x, condition))
        logits: Logits = self.dense(x)
        return rearrange(
            logits,
            "frame batch (output channel bin) -> batch output channel bin frame",
            channel=self.channels,
            bin=self.bins,
        )
