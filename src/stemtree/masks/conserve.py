"""Conservation: the masks of a node's children sum to one in every bin, so the children add up to their parent."""

import torch

from stemtree.types import Masks


def share(weights: Masks) -> Masks:
    """Divide every bin in proportion to non-negative weights; equally where all are zero.

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


def nearest(values: Masks) -> Masks:
    """Find the masks in [0, 1] that sum to one and are nearest to `values` in squared error.

    The Euclidean projection on the probability simplex (Held, Wolfe, Crowder 1974): one threshold is taken off all
    nodes of a bin and what falls below zero is cut. Over the nodes of one mixture bin this is the least-squares
    conservative version of any mask.

    Parameters
    ----------
    values : Masks
        ``(node, ...)``, any real numbers.

    Returns
    -------
    Masks
        The same shape; sums to one over nodes.
    """
    largest_first = values.sort(dim=0, descending=True).values
    counts = torch.arange(1, len(values) + 1, dtype=values.dtype).reshape(-1, *[1] * (values.ndim - 1))
    thresholds = (largest_first.cumsum(dim=0) - 1) / counts
    kept = (largest_first > thresholds).sum(dim=0, keepdim=True)
    return (values - thresholds.gather(0, kept - 1)).clamp_min(0)
