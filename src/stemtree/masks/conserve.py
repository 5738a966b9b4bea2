"""Conservation: the masks of a node's children sum to one in every bin, so the children add up to their parent."""

import torch

from stemtree.hierarchy import MIXTURE, NodePath
from stemtree.masks.partition import Partition
from stemtree.types import Masks, Spectrogram


def normalise(weights: Masks) -> Masks:
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


def project_to_simplex(values: Masks) -> Masks:
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
    if len(values) == 2:  # what the threshold comes to, without sorting
        first = ((values[0] - values[1] + 1) / 2).clamp(0, 1)
        return torch.stack([first, 1 - first])
    largest_first = values.sort(dim=0, descending=True).values
    counts = torch.arange(1, len(values) + 1, dtype=values.dtype).reshape(-1, *[1] * (values.ndim - 1))
    thresholds = (largest_first.cumsum(dim=0) - 1) / counts
    kept = (largest_first > thresholds).sum(dim=0, keepdim=True)
    return (values - thresholds.gather(0, kept - 1)).clamp_min(0)


def distribute(masks: Masks, partition: Partition) -> Masks:
    """Make independent masks of nodes conservative: from the mixture down, each node's share goes to its parts.

    A node hands what it was given to its wanted children in proportion to their masks. Where they leave a rest, that
    takes part with as much as the node's own mask (the mixture's is one) exceeds the sum of theirs, if it does. So a
    node's own mask competes with its siblings' alone, and what is below it with what it was given; masks that are
    conservative already come back unaltered.

    Parameters
    ----------
    masks : Masks
        ``(node, channel, bin, frame)``, non-negative, from any mask relation.
    partition : Partition
        Which nodes they are of.

    Returns
    -------
    Masks
        ``(part, channel, bin, frame)`` in the order of `Partition.parts`, summing to one over parts.
        `Partition.sum_parts` adds them up to conservative masks of all nodes.
    """
    parts = {}
    given: dict[int | None, Masks] = {None: torch.ones_like(masks[0])}
    for parent in (None, *partition.top_down):
        path = MIXTURE if parent is None else partition.nodes[parent]
        if path in partition.leaves:
            parts[path] = given[parent]
            continue
        children = partition.children(parent)
        weights = masks[list(children)]
        if path in partition.residuals:
            own = torch.ones_like(masks[0]) if parent is None else masks[parent]
            rest = (own - weights.sum(dim=0)).clamp_min(0)
            weights = torch.cat([weights, rest[None]])
        shares = normalise(weights) * given[parent]
        given.update(zip(children, shares, strict=False))
        if path in partition.residuals:
            parts[path] = shares[-1]
    return torch.stack([parts[path] for path in partition.parts])


def suppress_inactive(parts: Masks, partition: Partition, mixture: Spectrogram, level: float) -> Masks:
    """Take nodes that are hardly there for absent, and let their siblings share what they leave.

    A mask that follows from squared errors is the mean of what may be there, so that an instrument which is certainly
    absent still gets a little of every bin. Each node is scaled by 1 / (1 + (t / e)⁴), e being its share of the energy
    and t that of `level`: nodes above it stay, nodes at it lose 6 dB, those 3 dB below lose 25, and what lies deeper
    vanishes. What they lose stays within their parent, whose own mask is as good as it was.

    Parameters
    ----------
    parts : Masks
        ``(part, 1 or channel, bin, frame)`` in the order of `Partition.parts`, summing to one over parts.
    partition : Partition
        Which nodes they are of.
    mixture : Spectrogram
        ``(channel, bin, frame)`` that they are masks of: seconds of it, over which nodes count as present or absent.
    level : float
        In dB relative to the mixture.

    Returns
    -------
    Masks
        The same shape; sums to one over parts.
    """
    power = mixture.real.square() + mixture.imag.square()
    if parts.shape[1] == 1:
        power = power.sum(dim=0, keepdim=True)
    heard, rows = power.mT.flatten(), parts.mT.flatten(1)  # as they lie in memory
    energy, threshold = heard.sum().clamp_min(1e-12), 10 ** (level / 10)
    given: dict[NodePath, torch.Tensor] = {MIXTURE: torch.ones_like(rows[0])}
    faded = torch.empty_like(rows)
    for parent, children in partition.families():
        whole = given.pop(parent)
        masks = [_added(rows, numbers) for _, numbers in children]
        shares = torch.stack([mask.square().dot(heard) for mask in masks]) / energy
        scales = (1 / (1 + (threshold / shares) ** 4)).tolist()
        total = torch.zeros_like(whole)
        for scale, mask in zip(scales, masks, strict=True):
            total.add_(mask, alpha=scale)
        nothing = total == 0 if total.min() == 0 else None
        factor = whole / (total if nothing is None else total.masked_fill_(nothing, 1))
        for scale, mask, (child, numbers) in zip(scales, masks, children, strict=True):
            left = torch.mul(mask, factor, out=faded[numbers[0]] if len(numbers) == 1 else torch.empty_like(mask))
            left.mul_(scale)
            if nothing is not None:
                left[nothing] = whole[nothing] / len(children)
            if len(numbers) > 1:
                given[child] = left
    return faded.view(parts.mT.shape).mT


def _added(rows: torch.Tensor, numbers: list[int]) -> torch.Tensor:
    """The sum of some rows, without a copy of them; a row itself where there is one."""
    total = rows[numbers[0]]
    if len(numbers) > 1:
        total = total + rows[numbers[1]]
        for number in numbers[2:]:
            total += rows[number]
    return total
