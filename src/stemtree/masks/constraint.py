"""The hierarchical constraint: a node's mask is nowhere below that of a node beneath it (poster; thesis, 4.9)."""

import torch

from stemtree.accelerate import accelerated_by
from stemtree.masks import kernels
from stemtree.masks.partition import Partition
from stemtree.types import Masks


@accelerated_by(kernels.apply_constraint)
def apply_constraint(masks: Masks, partition: Partition) -> Masks:
    """From the leaves upward, take the element-wise maximum of a node's mask and its children's constrained masks.

    The gradient of a bin goes to the mask that is the largest there: where a child's is larger than its parent's own,
    the child also learns from the parent's error, and the parent's own mask learns nothing. If both are equal, the
    child gets the gradient.

    Parameters
    ----------
    masks : Masks
        ``(batch, node, channel, bin, frame)`` in the order of `Partition.nodes`.
    partition : Partition
        The nodes.

    Returns
    -------
    Masks
        The same shape.
    """
    result = list(masks.unbind(dim=1))
    for child in reversed(partition.top_down):
        parent = partition.parents[child]
        if parent is not None:
            result[parent] = torch.where(result[child] >= result[parent], result[child], result[parent])
    return torch.stack(result, dim=1)
