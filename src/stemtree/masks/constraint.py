"""The hierarchical constraint: a node's mask is nowhere below that of a node beneath it (poster; thesis, 4.9)."""

from __future__ import annotations  # the aliases of tensors are names, not classes

import torch

from stemtree.masks.division import Division
from stemtree.types import Masks


def raised(masks: Masks, division: Division) -> Masks:
    """From the leaves upward, the element-wise maximum of a node's own mask and its children's raised ones.

    The gradient of a bin goes to the mask that is the largest there: where a child's is larger than its parent's own,
    the child also learns from the parent's error, and the parent's own mask learns nothing. Equals share it.

    Parameters
    ----------
    masks : Masks
        ``(batch, node, channel, bin, frame)``.
    division : Division
        Which nodes they are of.

    Returns
    -------
    Masks
        The same shape.
    """
    result = list(masks.unbind(1))
    for node in reversed(division.downward):
        parent = division.parents[node]
        if parent is not None:
            result[parent] = torch.maximum(result[parent], result[node])
    return torch.stack(result, 1)
