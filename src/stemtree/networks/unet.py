"""The U-Net of Spleeter (Hennequin et al. 2020), after Jansson et al. 2017."""

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = (16, 32, 64, 128, 256, 512)


class Down(nn.Module):
    """Halve bins and frames; also returns what goes across to the other side, before normalisation."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel_size=5, stride=2)
        self.norm = nn.BatchNorm2d(channels_out, eps=1e-3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``(batch, channels, frame, bin)`` to two tensors of half the frames and bins."""
        # TensorFlow's "same" padding: an even length and stride 2 take one zero before and two after.
        across = self.conv(functional.pad(x, (1, 2, 1, 2)))
        return functional.leaky_relu(self.norm(across), 0.2, inplace=True), across


class Up(nn.Module):
    """Double bins and frames."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(channels_in, channels_out, kernel_size=5, stride=2)
        self.norm = nn.BatchNorm2d(channels_out, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, channels, frame, bin)`` to twice the frames and bins."""
        # For a single output channel libraries have no fast transposed convolution.
        wide = self._scattered(x) if self.conv.out_channels == 1 else self._transposed(x)
        normalised: Tensor = self.norm(functional.relu(wide, inplace=True))
        return normalised

    def _transposed(self, x: Tensor) -> Tensor:
        # oneDNN adds a bias to a transposed convolution one value at a time: a tenth of the whole network.
        wide = functional.conv_transpose2d(x, self.conv.weight, stride=2, padding=1)[..., :-1, :-1]
        return wide + self._bias

    def _scattered(self, x: Tensor) -> Tensor:
        """The same for one output channel: what every place gives to the 5 x 5 around it, then all of it added up."""
        given = self.conv.weight.flatten(1).mT @ x.permute(0, 2, 3, 1).flatten(1, 2).mT
        wide = functional.fold(given, (2 * x.shape[2] + 3, 2 * x.shape[3] + 3), kernel_size=5, stride=2)
        return wide[..., 1:-2, 1:-2] + self._bias

    @property
    def _bias(self) -> Tensor:
        """Of the convolution, to be added to ``(batch, channels, frame, bin)``."""
        assert self.conv.bias is not None
        return self.conv.bias.view(-1, 1, 1)


class UNet(nn.Module):
    """Magnitudes in, one independent mask per channel out.

    Six strided convolutions down to 1/64 of both axes, six transposed ones back up with the skips joined on, and a
    dilated one that spreads the single map that is left to the channels of the mask.

    Parameters
    ----------
    channels : int
        Audio channels.
    """

    def __init__(self, channels: int = 2) -> None:
        super().__init__()
        narrow = (channels, *CHANNELS[:-1])
        self.down = nn.ModuleList(Down(*pair) for pair in zip(narrow, CHANNELS, strict=True))
        # All but the deepest see the skip beside what comes from below, hence twice the channels.
        wide = (CHANNELS[-1], *(2 * width for width in CHANNELS[-2::-1]))
        self.up = nn.ModuleList(Up(*pair) for pair in zip(wide, (*CHANNELS[-2::-1], 1), strict=True))
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
        for down in self.down:
            x, across = down(x)
            skips.append(across)
        x = self.up[0](skips.pop())
        for up in list(self.up)[1:]:
            x = up(torch.cat([skips.pop(), x], dim=1))
        mask: Tensor = self.mask(x).sigmoid()
        return mask
