"""Fast implementations of what the networks define; each is tested against its plain twin."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from stemtree.types import Features


def standardise_bins(features: Features, mean: Tensor, variance: Tensor, scale: Tensor, shift: Tensor) -> Features:
    """See `stemtree.networks.layers.standardise_bins`; one pass over memory, in whatever order the features lie."""
    factor = scale * variance.rsqrt()
    offset = shift - factor * mean
    by_bin = (*features.shape[1:3], 1)
    return torch.addcmul(offset.view(by_bin), features, factor.view(by_bin))


def sum_embeddings(hidden: Tensor, bin_weights: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """See `stemtree.networks.query_by_example.sum_embeddings`.

    The sum over frames is linear, so it is taken before the linear layer: the embeddings of all bins and frames are
    never in memory.
    """
    features = bin_weights.shape[1]
    summed = bin_weights @ hidden.transpose(0, 1)
    embed = rearrange(weight, "(feature dimension) unit -> feature dimension unit", feature=features)
    shift = rearrange(bias, "(feature dimension) -> feature dimension", feature=features)
    return torch.einsum("bfu,fdu->bd", summed, embed) + bin_weights.sum(dim=-1) @ shift


def join_bands(bands: Iterable[Tensor], outputs: int, bins: int) -> Tensor:
    """See `stemtree.networks.folded_conv.join_bands`; every value is moved once, and no two bands are in memory."""
    joined, start = torch.empty(0), 0
    for band in bands:
        values = rearrange(band, "batch frame place (output fold) -> batch output frame place fold", output=outputs)
        *sizes, places, fold = values.shape
        if not start:
            joined = band.new_empty(*sizes, bins)
        whole = min(places, (bins - start) // fold)  # places all of whose bins there are
        stop = start + whole * fold
        joined[..., start:stop].view(*sizes, whole, fold).copy_(values[..., :whole, :])
        if whole < places:
            joined[..., stop:].copy_(values[..., whole, : bins - stop])
        start += places * fold
    return joined


def double_by_transposed_convolution(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """See `stemtree.networks.unet.double_by_transposed_convolution`."""
    # Libraries have no fast transposed convolution for a single output channel.
    wide = _scatter(x, weight) if weight.shape[1] == 1 else _transpose(x, weight)
    # oneDNN adds a bias to a transposed convolution one value at a time: a tenth of the whole network.
    return wide + bias.view(-1, 1, 1)


def _transpose(x: Tensor, weight: Tensor) -> Tensor:
    return functional.conv_transpose2d(x, weight, stride=2, padding=1)[..., :-1, :-1]


def _scatter(x: Tensor, weight: Tensor) -> Tensor:
    """For one output channel: what every place adds to the 5 x 5 places around it, then all of it summed."""
    patches = weight.flatten(1).mT @ x.permute(0, 2, 3, 1).flatten(1, 2).mT
    size = (2 * x.shape[2] + 3, 2 * x.shape[3] + 3)
    return functional.fold(patches, size, kernel_size=5, stride=2)[..., 1:-2, 1:-2]


def convolve(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """See `stemtree.networks.layers.convolve`; in training, gradients of weights go by products of matrices."""
    if torch.is_grad_enabled() and weight.requires_grad and _has_slow_gradients(x):
        convolved: Tensor = _Convolution.apply(x, weight, stride)  # type: ignore[no-untyped-call]
        return convolved
    return functional.conv2d(x, weight, stride=stride, padding=1)


def _has_slow_gradients(x: Tensor) -> bool:
    """Whether oneDNN takes three times as long for gradients of weights as for the convolution: without AVX-512."""
    single = x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return single and torch.backends.cpu.get_cpu_capability() == "AVX2"


class _Convolution(torch.autograd.Function):
    """A 3 x 3 convolution whose gradient with respect to the weights is a product of matrices."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return functional.conv2d(x, weight, stride=stride, padding=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, None]:
        x, weight = ctx.saved_tensors
        of_x: Tensor | None = None
        if ctx.needs_input_grad[0]:
            options = {"stride": [ctx.stride] * 2, "padding": [1, 1], "dilation": [1, 1], "transposed": False}
            of_x, _, _ = torch.ops.aten.convolution_backward(
                gradient, x, weight, None, **options, output_padding=[0, 0], groups=1, output_mask=[True, False, False]
            )
        return of_x, gradient_of_weight(x, gradient, ctx.stride), None


def gradient_of_weight(x: Tensor, gradient: Tensor, stride: int) -> Tensor:
    """Gradient of a 3 x 3 convolution with padding 1 with respect to its weights: what `_Convolution` computes.

    Parameters
    ----------
    x : Tensor
        ``(batch, channel, row, column)``, what was convolved.
    gradient : Tensor
        ``(batch, output, row, column)``, with respect to what came out.
    stride : int
        Of the convolution.

    Returns
    -------
    Tensor
        ``(output, channel, 3, 3)``.
    """
    outputs, rows, columns = gradient.shape[1:]
    channels = x.shape[1]
    last_row, last_column = (stride * (size - 1) + 1 for size in (rows, columns))
    total = x.new_zeros(3, 3 * channels, outputs)
    # One example at a time, and three columns of the kernel at once: matrices wide enough that they multiply fast.
    for example, wanted in zip(x.permute(0, 2, 3, 1), gradient.permute(0, 2, 3, 1), strict=True):
        padded = functional.pad(example, (0, 0, 1, 1, 1, 1))
        shifted = torch.cat([padded[:, start : start + last_column : stride] for start in range(3)], dim=-1)
        flat = wanted.reshape(-1, outputs)
        for row in range(3):
            total[row].addmm_(shifted[row : row + last_row : stride].reshape(-1, 3 * channels).mT, flat)
    return rearrange(total, "row (column channel) output -> output channel row column", column=3)


def fuse_batch_norms(network: nn.Module) -> nn.Module:
    """Make every batch norm part of the convolution before it, in place: the same logits for less, in evaluation.

    Parameters
    ----------
    network : nn.Module
        In evaluation mode; it cannot be trained further. Without such pairs in an `nn.Sequential` nothing changes.

    Returns
    -------
    nn.Module
        The same object.
    """
    for block in network.modules():
        if isinstance(block, nn.Sequential):
            for index, (conv, norm) in enumerate(pairwise(list(block))):
                if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    block[index], block[index + 1] = nn.utils.fuse_conv_bn_eval(conv, norm), nn.Identity()
    return network
