"""The U-Net of Spleeter (Hennequin et al. 2020), after Jansson et al. 2017."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from stemtree.accelerate import accelerated_by
from stemtree.networks import kernels

CHANNELS = (16, 32, 64, 128, 256, 512)


class Encoder(nn.Module):
    """Strided convolution, batch norm, leaky ReLU: half as many frames and bins."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel_size=5, stride=2)
        self.norm = nn.BatchNorm2d(channels_out, eps=1e-3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``(batch, channels, frame, bin)`` to the next encoder's input and, before the norm, the skip connection."""
        # TensorFlow's "same" padding: for an even length and stride 2, one zero before and two after.
        skip = self.conv(functional.pad(x, (1, 2, 1, 2)))
        return functional.leaky_relu(self.norm(skip), 0.2, inplace=True), skip


class Decoder(nn.Module):
    """Transposed convolution, ReLU, batch norm: twice as many frames and bins."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(channels_in, channels_out, kernel_size=5, stride=2)
        self.norm = nn.BatchNorm2d(channels_out, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, channels, frame, bin)`` to twice as many frames and bins."""
        assert self.conv.bias is not None
        wide = double_by_transposed_convolution(x, self.conv.weight, self.conv.bias)
        normalised: Tensor = self.norm(functional.relu(wide, inplace=True))
        return normalised


@accelerated_by(kernels.double_by_transposed_convolution)
def double_by_transposed_convolution(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """5 x 5 transposed convolution of stride 2, cropped as TensorFlow's "same" padding does."""
    return functional.conv_transpose2d(x, weight, bias, stride=2)[..., 1:-2, 1:-2]


class UNet(nn.Module):
    """Magnitudes in, one independent mask per audio channel out.

    Six encoders halve frames and bins; six decoders double them again, and each but the first also sees the skip
    connection of the same size; a dilated convolution turns the last map into masks.

    Parameters
    ----------
    channels : int
        Audio channels.
    """

    def __init__(self, channels: int = 2) -> None:
        super().__init__()
        narrow = (channels, *CHANNELS[:-1])
        self.down = nn.ModuleList(Encoder(*pair) for pair in zip(narrow, CHANNELS, strict=True))
        wide = (CHANNELS[-1], *(2 * width for width in CHANNELS[-2::-1]))  # twice: with the skip connection
        self.up = nn.ModuleList(Decoder(*pair) for pair in zip(wide, (*CHANNELS[-2::-1], 1), strict=True))
        self.mask = nn.Conv2d(1, channels, kernel_size=4, dilation=2, padding=3)

    def forward(self, magnitude: Tensor) -> Tensor:
        """Estimate masks in [0, 1].

        Parameters
        ----------
        magnitude : Tensor
            ``(batch, channel, frame, bin)``, frames and bins in multiples of 64.

        Returns
        -------
        Tensor
            The same shape.
        """
        x, skips = magnitude, []
        for encoder in self.down:
            x, skip = encoder(x)
            skips.append(skip)
        deepest, *others = self.up
        x = deepest(skips.pop())
        for decoder in others:
            x = decoder(torch.cat([skips.pop(), x], dim=1))
        mask: Tensor = self.mask(x).sigmoid()
        return mask
