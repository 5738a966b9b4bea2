"""The hierarchical constraint: a node's mask is nowhere below that of a node beneath it (poster; thesis, 4.9)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from stemtree.masks.partition import Partition
from stemtree.types import Masks


def apply_constraint(masks: Masks, partition: Partition) -> Masks:
    """From the leaves upward, the element-wise maximum of a node's own mask and its children's raised ones.

    The gradient of a bin goes to the mask that is the largest there: where a child's is larger than its parent's own,
    the child also learns from the parent's error, and the parent's own mask learns nothing. Of equals the lowest gets
    it.

    Parameters
    ----------
    masks : Masks
        ``(batch, node, channel, bin, frame)``.
    partition : Partition
        Which nodes they are of.

    Returns
    -------
    Masks
        The same shape.
    """
    upward = [(node, partition.parents[node]) for node in reversed(partition.top_down)]
    edges = [(node, parent) for node, parent in upward if parent is not None]
    result: Masks = _Raise.apply(masks, edges)  # type: ignore[no-untyped-call]
    return result


class _Raise(torch.autograd.Function):
    """The maxima in place; the gradients of `torch.maximum` go over memory a dozen times for each."""

    @staticmethod
    def forward(ctx: Any, masks: Masks, edges: Sequence[tuple[int, int]]) -> Masks:
        """Raise each edge's second node to its first, in this order."""
        result = masks.clone()
        for child, parent in edges:
            torch.maximum(result[:, parent], result[:, child], out=result[:, parent])
        ctx.edges = edges
        ctx.save_for_backward(result)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Hand each edge's gradient back down to the child, where its mask is the parent's."""
        (result,) = ctx.saved_tensors
        gradient = gradient.clone()
        for child, parent in reversed(ctx.edges):
            won = torch.where(result[:, child] == result[:, parent], gradient[:, parent], 0)
            gradient[:, child] += won
            gradient[:, parent] -= won
        return gradient, None
