"""Conservation: the masks of a node's children sum to one in every bin, so the children add up to their parent."""

import torch

from stemtree.hierarchy import MIXTURE
from stemtree.masks import kernels
from stemtree.masks.partition import Partition
from stemtree.types import Masks


def normalise(weights: Masks) -> Masks:
    """Divide non-negative weights by their sum over nodes; equal masks where all weights are zero.

    Parameters
    ----------
    weights : Masks
        ``(node, ...)``.

    Returns
    -------
    Masks
        The same shape; sums to one over nodes.
    """
    total = weights.sum(dim=0)
    return torch.where(total > 0, weights / total.where(total > 0, 1), 1 / len(weights))


def project_to_simplex(values: Masks) -> Masks:
    """Find the masks in [0, 1] that sum to one and are nearest to `values` in squared error.

    The Euclidean projection on the probability simplex (Held, Wolfe, Crowder 1974): one threshold is subtracted from
    all nodes of a bin, and what falls below zero is set to zero. For the nodes of one mixture bin this is the
    least-squares conservative version of any mask.

    Parameters
    ----------
    values : Masks
        ``(node, ...)``, any real numbers.

    Returns
    -------
    Masks
        The same shape; sums to one over nodes.
    """
    if len(values) == 2:
        return kernels.project_pair_to_simplex(values)
    descending = values.sort(dim=0, descending=True).values
    counts = torch.arange(1, len(values) + 1, dtype=values.dtype, device=values.device)
    thresholds = (descending.cumsum(dim=0) - 1) / counts.reshape(-1, *[1] * (values.ndim - 1))
    count = (descending > thresholds).sum(dim=0, keepdim=True)
    return (values - thresholds.gather(0, count - 1)).clamp_min(0)


def distribute(masks: Masks, partition: Partition) -> Masks:
    """Make independent masks of nodes conservative: distribute the mixture down the tree, in proportion to the masks.

    Each node passes what it received on to its wanted children in proportion to their masks. If it has a residual, the
    residual takes part with a weight of its own: the node's mask (for the mixture, one) less the sum of its children's,
    or zero where that is negative. So a node's mask only competes with those of its siblings. Masks that are
    conservative already are returned unaltered.

    Parameters
    ----------
    masks : Masks
        ``(node, channel, bin, frame)``, non-negative, from any mask relation, in the order of `Partition.nodes`.
    partition : Partition
        The nodes.

    Returns
    -------
    Masks
        ``(part, channel, bin, frame)`` in the order of `Partition.parts`, summing to one over parts.
        `Partition.sum_parts` adds them up to conservative masks of all nodes.
    """
    parts = {}
    received: dict[int | None, Masks] = {None: torch.ones_like(masks[0])}
    for parent in (None, *partition.top_down):
        path = MIXTURE if parent is None else partition.nodes[parent]
        if path in partition.leaves:
            parts[path] = received[parent]
            continue
        children = partition.children(parent)
        weights = masks[list(children)]
        if path in partition.residuals:
            own = torch.ones_like(masks[0]) if parent is None else masks[parent]
            residual = (own - weights.sum(dim=0)).clamp_min(0)
            weights = torch.cat([weights, residual[None]])
        divided = normalise(weights) * received[parent]
        received.update(zip(children, divided, strict=False))
        if path in partition.residuals:
            parts[path] = divided[-1]
    return torch.stack([parts[path] for path in partition.parts])
