"""Losses: how far estimated masks are from the truth (thesis, 4.3 and 4.4.1).

S is a node's spectrogram and X the mixture's. M' is the node's mask of the mixture (`Estimate.masks`), and M its mask
of the node that it is taken from (`Estimate.relative`). Every loss is a mean over the N bins of all known nodes, so it
depends neither on the length of the examples nor on how much of their truth is missing; where nothing is known it is 0.
Ideal masks are clamped to 1, which estimates cannot exceed (no gradient changes), and are 0 where they would divide by
0.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from stemtree.accelerate import accelerated_by
from stemtree.masks import kernels
from stemtree.masks.partition import Partition
from stemtree.masks.relation import Estimate
from stemtree.types import Masks, Spectrogram


@dataclass(frozen=True, eq=False)
class Truth:
    """The spectrograms that masks should yield.

    Parameters
    ----------
    mixture : Spectrogram
        ``(batch, channel, bin, frame)``: X.
    nodes : Spectrogram
        ``(batch, node, channel, bin, frame)``: S of each node, in the order of the masks.
    known : Tensor
        ``(batch, node)`` weights: 0 leaves a node out of the sum and of N, because its signal is not known; else 1, or
        any other weight.
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
        """``(batch, node, channel, bin, frame)``: |S| cos(angle S - angle X), truncated to [0, |X|], as in (4.13)."""
        return project_on_phase(self.nodes, self.mixture.unsqueeze(1)).minimum(self.mixture_magnitude)


def magnitude_mse(estimate: Estimate, truth: Truth) -> Tensor:
    """1/N sum (|S| - M' |X|)² (4.10)."""
    return _mean_of_known(mean_squares(difference(truth.magnitudes, estimate.masks, truth.mixture_magnitude)), truth)


def magnitude_l1(estimate: Estimate, truth: Truth) -> Tensor:
    """1/N sum ||S| - M' |X|| (4.11)."""
    return _mean_of_known(_mean_absolute(difference(truth.magnitudes, estimate.masks, truth.mixture_magnitude)), truth)


def mask_l1(estimate: Estimate, truth: Truth) -> Tensor:
    """1/N sum |M' - |S| / |X|| (4.12, 4.15)."""
    return _mean_of_known(_mean_absolute(estimate.masks - _ratio(truth.magnitudes, truth.mixture_magnitude)), truth)


def ratio_l1(estimate: Estimate, truth: Truth) -> Tensor:
    """1/N sum |M - |S| / |S above|| (4.16): each node against the one that it is taken from, both known."""
    above, known = [], []
    for node, source in enumerate(estimate.sources):
        above.append(truth.mixture_magnitude[:, 0] if source is None else truth.magnitudes[:, source])
        known.append(truth.known[:, node] * (1 if source is None else truth.known[:, source]))
    error = estimate.relative - _ratio(truth.magnitudes, torch.stack(above, dim=1))
    return _mean_of_known(_mean_absolute(error), replace(truth, known=torch.stack(known, dim=1)))


def tpsa_l1(estimate: Estimate, truth: Truth) -> Tensor:
    """1/N sum |M' |X| - T(|S| cos(angle S - angle X))|, T truncating to [0, |X|] (4.13)."""
    return _mean_of_known(_mean_absolute(difference(truth.in_phase, estimate.masks, truth.mixture_magnitude)), truth)


def tpsa_mse(estimate: Estimate, truth: Truth) -> Tensor:
    """(4.13) with squares in place of absolute values.

    Most nodes are silent in most bins. The absolute error is least at the median, which is then 0; the squared error is
    least at the mean.
    """
    return _mean_of_known(mean_squares(difference(truth.in_phase, estimate.masks, truth.mixture_magnitude)), truth)


def tpsa_relative_mse(estimate: Estimate, truth: Truth) -> Tensor:
    """`tpsa_mse` of each example divided by its mixture's mean |X|², so that soft songs count as much as loud ones."""
    power = truth.mixture_magnitude.square().mean(dim=(2, 3, 4)).clamp_min(1e-9)
    error = difference(truth.in_phase, estimate.masks, truth.mixture_magnitude)
    return _mean_of_known(mean_squares(error) / power, truth)


def tpsa_mask_l1(estimate: Estimate, truth: Truth) -> Tensor:
    """1/N sum |M' - T(|S| cos(angle S - angle X)) / |X|| (4.14)."""
    return _mean_of_known(_mean_absolute(estimate.masks - _ratio(truth.in_phase, truth.mixture_magnitude)), truth)


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
"""Losses by name."""


@accelerated_by(kernels.project_on_phase)
def project_on_phase(nodes: Spectrogram, mixture: Spectrogram) -> Tensor:
    """|S| cos(angle S - angle X) where it is positive, else 0: the part of each bin that is in phase with X."""
    return (nodes * mixture.sgn().conj()).real.clamp_min(0)


@accelerated_by(kernels.difference)
def difference(target: Tensor, masks: Masks, mixture_magnitude: Tensor) -> Tensor:
    """``target - masks * mixture_magnitude``."""
    return target - masks * mixture_magnitude


@accelerated_by(kernels.mean_squares)
def mean_squares(error: Tensor) -> Tensor:
    """``(batch, node)`` means of squares over channels, bins and frames."""
    return error.square().mean(dim=(2, 3, 4))


def _mean_absolute(error: Tensor) -> Tensor:
    """``(batch, node)`` means of absolute values over channels, bins and frames."""
    return error.abs().mean(dim=(2, 3, 4))


def _mean_of_known(errors: Tensor, truth: Truth) -> Tensor:
    """The mean of ``(batch, node)`` errors weighted by `Truth.known`; 0, with a gradient of 0, where nothing is."""
    total = truth.known.sum()
    return (errors * truth.known).sum() / total.where(total > 0, 1)


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """``part / whole`` clamped to 1; 0 where the whole is silent."""
    return torch.where(whole > 0, part / whole.where(whole > 0, 1), 0).clamp_max(1)


def with_residuals(estimate: Estimate, truth: Truth, partition: Partition) -> tuple[Estimate, Truth]:
    """Append the residuals to the nodes of an estimate and its truth, so that any loss counts them too.

    The truth of a residual is its node less the wanted nodes beneath it, and is known where all of these are.
    """
    mixture, known = truth.mixture.unsqueeze(1), torch.ones_like(truth.known[:, :1])
    nodes, weights = [truth.nodes], [truth.known]
    for path in partition.residuals:
        index = partition.nodes.index(path) if path else None
        children = list(partition.children(index))
        whole, whole_known = (mixture, known) if index is None else (truth.nodes[:, [index]], truth.known[:, [index]])
        nodes.append(whole - truth.nodes[:, children].sum(dim=1, keepdim=True))
        weights.append(whole_known * truth.known[:, children].prod(dim=1, keepdim=True))
    masks = torch.cat([estimate.masks, estimate.residuals], dim=1)
    relative = masks
    above: tuple[int | None, ...] = (None,) * len(partition.residuals)
    if estimate.relative_residuals is not None:
        relative = torch.cat([estimate.relative, estimate.relative_residuals], dim=1)
        above = tuple(partition.nodes.index(path) if path else None for path in partition.residuals)
    return (
        Estimate(masks, relative, estimate.sources + above, estimate.residuals[:, :0]),
        replace(truth, nodes=torch.cat(nodes, dim=1), known=torch.cat(weights, dim=1)),
    )
