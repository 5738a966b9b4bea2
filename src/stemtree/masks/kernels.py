"""Fast implementations of what the other modules of masks define; each is tested against its plain twin."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from stemtree.hierarchy import MIXTURE, NodePath
from stemtree.masks.partition import Partition
from stemtree.types import Masks, Spectrogram


def apply_constraint(masks: Masks, partition: Partition) -> Masks:
    """See `stemtree.masks.constraint.apply_constraint`; one pass over memory for each edge, forward and backward."""
    bottom_up = [(node, partition.parents[node]) for node in reversed(partition.top_down)]
    edges = [(node, parent) for node, parent in bottom_up if parent is not None]
    result: Masks = _MaximaUpward.apply(masks, edges)  # type: ignore[no-untyped-call]
    return result


class _MaximaUpward(torch.autograd.Function):
    """Maxima in place; the gradient of `torch.maximum` passes over memory a dozen times for each edge."""

    @staticmethod
    def forward(ctx: Any, masks: Masks, edges: Sequence[tuple[int, int]]) -> Masks:
        """Raise each edge's parent, the second index, to its child, in this order."""
        result = masks.clone()
        for child, parent in edges:
            torch.maximum(result[:, parent], result[:, child], out=result[:, parent])
        ctx.edges = edges
        ctx.save_for_backward(result)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Move the gradient of each parent to its child where the child's mask is the maximum."""
        (result,) = ctx.saved_tensors
        gradient = gradient.clone()
        for child, parent in reversed(ctx.edges):
            moved = torch.where(result[:, child] == result[:, parent], gradient[:, parent], 0)
            gradient[:, child] += moved
            gradient[:, parent] -= moved
        return gradient, None


def project_pair_to_simplex(values: Masks) -> Masks:
    """See `stemtree.masks.conserve.project_to_simplex`: of two nodes, where the threshold needs no sorting."""
    first = ((values[0] - values[1] + 1) / 2).clamp(0, 1)
    return torch.stack([first, 1 - first])


def suppress_inactive(parts: Masks, partition: Partition, mixture: Spectrogram, threshold_db: float) -> Masks:
    """See `stemtree.masks.activity.suppress_inactive`; without copies of masks, in the order they have in memory."""
    power = mixture.real.square() + mixture.imag.square()
    if parts.shape[1] == 1:
        power = power.sum(dim=0, keepdim=True)
    weights, rows = power.mT.flatten(), parts.mT.flatten(1)
    energy, threshold = weights.sum().clamp_min(1e-12), 10 ** (threshold_db / 10)
    wholes: dict[NodePath, Tensor] = {MIXTURE: torch.ones_like(rows[0])}
    result = torch.empty_like(rows)
    for split in partition.splits():
        if len(split.parts) == 1 and len(split.parts[0]) == 1:  # an only child, the whole of its parent
            wholes[split.children[0]] = result[split.parts[0][0]].copy_(wholes.pop(split.node))
            continue
        masks = [_sum_rows(rows, indices) for indices in split.parts]
        energies = torch.stack([mask.square().dot(weights) for mask in masks]) / energy
        gains = (1 / (1 + (threshold / energies) ** 4)).tolist()
        outputs = [result[i[0]] if len(i) == 1 else torch.empty_like(rows[0]) for i in split.parts]
        _divide(wholes.pop(split.node), masks, gains, outputs)
        wholes.update(zip(split.children, outputs, strict=True))
    return result.view(parts.mT.shape).mT


def _divide(whole: Tensor, masks: Sequence[Tensor], gains: Sequence[float], outputs: Sequence[Tensor]) -> None:
    """Write `whole`, divided in proportion to ``gain * mask``, into `outputs`; equally where all masks are 0."""
    total = torch.zeros_like(whole)
    for gain, mask in zip(gains, masks, strict=True):
        total.add_(mask, alpha=gain)
    empty = total == 0 if total.min() == 0 else None
    factor = whole / (total if empty is None else total.masked_fill_(empty, 1))
    for gain, mask, output in zip(gains, masks, outputs, strict=True):
        torch.mul(mask, factor, out=output).mul_(gain)
        if empty is not None:
            output[empty] = whole[empty] / len(masks)


def _sum_rows(rows: Tensor, indices: Sequence[int]) -> Tensor:
    """The sum of some rows, or the row itself, without a copy of them."""
    total = rows[indices[0]]
    if len(indices) > 1:
        total = total + rows[indices[1]]
        for index in indices[2:]:
            total += rows[index]
    return total


def mean_squares(error: Tensor) -> Tensor:
    """See `stemtree.losses.mean_squares`; one pass over memory where the bins of one frame lie side by side."""
    flat = error.mT.flatten(2)
    squares: Tensor = torch.linalg.vecdot(flat, flat) / flat.shape[2]
    return squares


def difference(target: Tensor, masks: Masks, mixture_magnitude: Tensor) -> Tensor:
    """See `stemtree.losses.difference`; one pass over memory."""
    return torch.addcmul(target, masks, mixture_magnitude, value=-1)


def project_on_phase(nodes: Spectrogram, mixture: Spectrogram) -> Tensor:
    """See `stemtree.losses.project_on_phase`; without complex products."""
    phase = mixture.sgn()
    return torch.addcmul(nodes.real * phase.real, nodes.imag, phase.imag).clamp_min_(0)
