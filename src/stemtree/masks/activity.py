"""Suppression of nodes that are not active."""

import torch

from stemtree.accelerate import accelerated_by
from stemtree.hierarchy import MIXTURE, NodePath
from stemtree.masks import kernels
from stemtree.masks.conserve import normalise
from stemtree.masks.partition import Partition
from stemtree.types import Masks, Spectrogram


@accelerated_by(kernels.suppress_inactive)
def suppress_inactive(parts: Masks, partition: Partition, mixture: Spectrogram, threshold_db: float) -> Masks:
    """Suppress nodes that are hardly active, and let their siblings take over what they had.

    A mask that minimises a squared error is a mean over what may be there, so an instrument that is certainly absent
    still gets a little of every bin. Each node is scaled by 1 / (1 + (t / e)⁴), where e is its energy relative to the
    mixture's and t that of `threshold_db`: nodes above the threshold stay, nodes at it lose 6 dB, nodes 3 dB below it
    lose 25 dB, and nodes further below vanish. What a node loses stays within its parent, whose own mask is kept.

    Parameters
    ----------
    parts : Masks
        ``(part, 1 or channel, bin, frame)`` in the order of `Partition.parts`, summing to one over parts.
    partition : Partition
        The parts.
    mixture : Spectrogram
        ``(channel, bin, frame)``, the seconds of the mixture over which a node's energy is measured.
    threshold_db : float
        In dB relative to the mixture.

    Returns
    -------
    Masks
        The same shape as `parts`; sums to one over parts.
    """
    power = mixture.abs().square()
    if parts.shape[1] == 1:
        power = power.sum(dim=0, keepdim=True)
    threshold = 10 ** (threshold_db / 10)
    result = torch.empty_like(parts)
    wholes: dict[NodePath, Masks] = {MIXTURE: torch.ones_like(parts[0])}
    for split in partition.splits():
        masks = torch.stack([torch.stack([parts[index] for index in indices]).sum(dim=0) for indices in split.parts])
        energies = (power * masks.square()).sum(dim=(1, 2, 3), keepdim=True) / power.sum().clamp_min(1e-12)
        divided = normalise(masks / (1 + (threshold / energies) ** 4)) * wholes[split.node]
        for child, indices, mask in zip(split.children, split.parts, divided, strict=True):
            wholes[child] = mask
            if len(indices) == 1:
                result[indices[0]] = mask
    return result
