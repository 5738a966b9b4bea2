"""Losses: how far estimated masks are from the truth (thesis, 4.3 and 4.4.1).

All are means over the bins of all known nodes, N being their number; so they depend neither on the length of the
examples nor on how much of their truth is missing, and a batch of which nothing is known has the loss 0. S is a node's
spectrogram, X the mixture's, M' a mask of the mixture, M one of another node. Ideal masks are cut at 1, which estimates
cannot exceed: no gradient changes. Where what they divide by is silent they are 0.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from stemtree.masks.partition import Partition
from stemtree.masks.relation import Estimate
from stemtree.types import Masks, Spectrogram


@dataclass(frozen=True, eq=False)
class Truth:
    """What an estimate should have been.

    Parameters
    ----------
    mixture : Spectrogram
        ``(batch, channel, bin, frame)``.
    nodes : Spectrogram
        ``(batch, node, channel, bin, frame)``, in the order of the estimate's masks.
    known : Tensor
        ``(batch, node)``: 0 where a node's signal is not known, which is left out of the sum and of N; else 1, or any
        other weight.
    """

    mixture: Spectrogram
    nodes: Spectrogram
    known: Tensor

    @cached_property
    def mixture_magnitude(self) -> Tensor:
        """``(batch, 1, channel, bin, frame)``: |X|."""
        return self.mixture.abs().unsqueeze(1)

    @cached_property
    def magnitudes(self) -> Tensor:
        """``(batch, node, channel, bin, frame)``: |S|."""
        return self.nodes.abs()

    @cached_property
    def in_phase(self) -> Tensor:
        """As `magnitudes`: |S| cos(angle S - angle X), truncated to the range from 0 to |X|, as in (4.13)."""
        phase = self.mixture.sgn().unsqueeze(1)
        projected = torch.addcmul(self.nodes.real * phase.real, self.nodes.imag, phase.imag)
        return projected.clamp_min_(0).minimum(self.mixture_magnitude)


def magnitude_mse(estimate: Estimate, truth: Truth) -> Tensor:
    """1/N sum (|S| - M' |X|)² (4.10)."""
    return _mean_square(_error(truth.magnitudes, estimate.masks, truth), truth.known)


def magnitude_l1(estimate: Estimate, truth: Truth) -> Tensor:
    """1/N sum ||S| - M' |X|| (4.11)."""
    return _mean_absolute(_error(truth.magnitudes, estimate.masks, truth), truth.known)


def mask_l1(estimate: Estimate, truth: Truth) -> Tensor:
    """1/N sum |M' - |S| / |X|| (4.12, 4.15)."""
    return _mean_absolute(estimate.masks - _ratio(truth.magnitudes, truth.mixture_magnitude), truth.known)


def ratio_l1(estimate: Estimate, truth: Truth) -> Tensor:
    """1/N sum |M - |S| / |S above|| (4.16): each node against the one that it is taken from, both known."""
    above, known = [], []
    for node, source in enumerate(estimate.sources):
        above.append(truth.mixture_magnitude[:, 0] if source is None else truth.magnitudes[:, source])
        known.append(truth.known[:, node] * (1 if source is None else truth.known[:, source]))
    ratios = _ratio(truth.magnitudes, torch.stack(above, dim=1))
    return _mean_absolute(estimate.relative - ratios, torch.stack(known, dim=1))


def tpsa_l1(estimate: Estimate, truth: Truth) -> Tensor:
    """1/N sum |M' |X| - T(|S| cos(angle S - angle X))|, T truncating to [0, |X|] (4.13)."""
    return _mean_absolute(_error(truth.in_phase, estimate.masks, truth), truth.known)


def tpsa_mse(estimate: Estimate, truth: Truth) -> Tensor:
    """(4.13) with squares in place of absolute values.

    Most nodes are silent in most bins, and the absolute error is least at the median, which is then 0; the squared
    error is least at the mean.
    """
    return _mean_square(_error(truth.in_phase, estimate.masks, truth), truth.known)


def tpsa_relative_mse(estimate: Estimate, truth: Truth) -> Tensor:
    """`tpsa_mse` of each example relative to its mixture's mean |X|², so that soft songs count as much as loud ones."""
    power = truth.mixture_magnitude.square().mean(dim=(2, 3, 4)).clamp_min(1e-9)
    return _weighted(_squares(_error(truth.in_phase, estimate.masks, truth)) / power, truth.known)


def tpsa_mask_l1(estimate: Estimate, truth: Truth) -> Tensor:
    """1/N sum |M' - T(|S| cos(angle S - angle X)) / |X|| (4.14)."""
    return _mean_absolute(estimate.masks - _ratio(truth.in_phase, truth.mixture_magnitude), truth.known)


LOSSES: dict[str, Callable[[Estimate, Truth], Tensor]] = {
    loss.__name__: loss
    for loss in (
        magnitude_mse,
        magnitude_l1,
        mask_l1,
        ratio_l1,
        tpsa_l1,
        tpsa_mse,
        tpsa_relative_mse,
        tpsa_mask_l1,
    )
}


def with_residuals(estimate: Estimate, truth: Truth, partition: Partition) -> tuple[Estimate, Truth]:
    """Count the rests of a `Tree` among the nodes, so that any loss also asks what was put there.

    The truth of a rest is its node without the wanted ones beneath it, known where all of these are.
    """
    mixture, known = truth.mixture.unsqueeze(1), torch.ones_like(truth.known[:, :1])
    nodes, weights = [truth.nodes], [truth.known]
    for path in partition.residuals:
        number = partition.nodes.index(path) if path else None
        beneath = list(partition.children(number))
        whole, whole_known = (
            (mixture, known) if number is None else (truth.nodes[:, [number]], truth.known[:, [number]])
        )
        nodes.append(whole - truth.nodes[:, beneath].sum(dim=1, keepdim=True))
        weights.append(whole_known * truth.known[:, beneath].prod(dim=1, keepdim=True))
    masks = torch.cat([estimate.masks, estimate.residuals], dim=1)
    sources = estimate.sources + (None,) * len(partition.residuals)
    return (
        Estimate(masks, masks, sources, estimate.residuals[:, :0]),
        replace(truth, nodes=torch.cat(nodes, dim=1), known=torch.cat(weights, dim=1)),
    )


def _error(target: Tensor, masks: Masks, truth: Truth) -> Tensor:
    """``target - masks * |X|``, in one pass over memory."""
    return torch.addcmul(target, masks, truth.mixture_magnitude, value=-1)


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """``part / whole`` cut at 1; 0 where the whole is silent."""
    return torch.where(whole > 0, part / whole.where(whole > 0, 1), 0).clamp_max(1)


def _mean_square(error: Tensor, known: Tensor) -> Tensor:
    return _weighted(_squares(error), known)


def _squares(error: Tensor) -> Tensor:
    """``(batch, node)`` mean squares, in one pass over memory, where the bins of one frame lie side by side."""
    flat = error.mT.flatten(2)
    squares: Tensor = torch.linalg.vecdot(flat, flat) / flat.shape[2]
    return squares


def _mean_absolute(error: Tensor, known: Tensor) -> Tensor:
    return _weighted(error.abs().mean(dim=(2, 3, 4)), known)


def _weighted(errors: Tensor, known: Tensor) -> Tensor:
    """Mean of ``(batch, node)`` errors; 0, with a gradient of 0, where all weights are 0."""
    total = known.sum()
    return (errors * known).sum() / total.where(total > 0, 1)
