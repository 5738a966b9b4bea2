"""Fast implementations of what the networks define; each is tested against its plain twin."""

from collections.abc import Iterable
from itertools import pairwise

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from stemtree.types import Features


def standardise_bins(features: Features, mean: Tensor, variance: Tensor, scale: Tensor, shift: Tensor) -> Features:
    """See `stemtree.networks.layers.standardise_bins`; one pass over memory, in whatever order the features lie."""
    factor = scale * variance.rsqrt()
    offset = shift - factor * mean
    by_bin = (*features.shape[1:3], 1)
    return torch.addcmul(offset.view(by_bin), features, factor.view(by_bin))


def sum_embeddings(hidden: Tensor, presence: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """See `stemtree.networks.query_by_example.sum_embeddings`.

    The sum over frames is linear, so it is taken before the linear layer: the embeddings of all bins and frames are
    never in memory.
    """
    features = presence.shape[1]
    summed = presence @ hidden.transpose(0, 1)
    embed = rearrange(weight, "(feature dimension) unit -> feature dimension unit", feature=features)
    shift = rearrange(bias, "(feature dimension) -> feature dimension", feature=features)
    return torch.einsum("bfu,fdu->bd", summed, embed) + presence.sum(dim=-1) @ shift


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
