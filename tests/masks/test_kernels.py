"""Every fast implementation against its plain twin."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.trees import wanted_nodes

from stemtree.hierarchy import Hierarchy, NodePath
from stemtree.losses import difference, mean_squares, project_on_phase
from stemtree.masks.activity import suppress_inactive
from stemtree.masks.conserve import project_to_simplex
from stemtree.masks.constraint import apply_constraint
from stemtree.masks.kernels import project_pair_to_simplex
from stemtree.masks.partition import Partition


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(deadline=None, max_examples=30)
@given(wanted_nodes(), st.integers(0, 99))
def test_constraint(wanted: tuple[Hierarchy, tuple[NodePath, ...]], seed: int) -> None:
    """Equal masks too, of which the lower one gets the gradient."""
    partition, generator = Partition(*wanted), _generator(seed)
    masks = torch.rand(2, len(partition.nodes), 1, 3, 2, generator=generator).round(decimals=1).requires_grad_()
    weights = torch.randn(masks.shape, generator=generator)
    fast, plain = apply_constraint(masks, partition), apply_constraint.plain(masks, partition)
    assert torch.equal(fast, plain)
    gradients = [torch.autograd.grad((result * weights).sum(), masks)[0] for result in (fast, plain)]
    torch.testing.assert_close(*gradients)


def test_projection_of_a_pair() -> None:
    """A third value that is far too low to be kept changes nothing."""
    pair = 2 * torch.randn(2, 1000, generator=_generator(2))
    masks = project_pair_to_simplex(pair)
    torch.testing.assert_close(masks, project_to_simplex(torch.cat([pair, torch.full((1, 1000), -1e4)]))[:2])
    assert torch.equal(masks, project_to_simplex(pair))
    assert (masks == 0).any() and ((masks > 0) & (masks < 1)).any()


@settings(deadline=None, max_examples=30)
@given(wanted_nodes(), st.integers(0, 99), st.booleans(), st.floats(-40, -1))
def test_suppression(
    wanted: tuple[Hierarchy, tuple[NodePath, ...]], seed: int, one_mask_for_all: bool, threshold_db: float
) -> None:
    """Parts of 0 too, and nodes with an only child."""
    partition, generator = Partition(*wanted), _generator(seed)
    mixture = torch.randn(2, 5, 7, dtype=torch.complex64, generator=generator)
    weights = torch.rand(len(partition.parts), 1 if one_mask_for_all else 2, 5, 7, generator=generator)
    parts = (weights.round(decimals=1) + 1e-12) / (weights.round(decimals=1) + 1e-12).sum(dim=0)
    parts = parts.where(parts > 1e-6, 0)
    fast = suppress_inactive(parts, partition, mixture, threshold_db)
    torch.testing.assert_close(fast.sum(dim=0), torch.ones(parts.shape[1:]))
    torch.testing.assert_close(
        fast, suppress_inactive.plain(parts, partition, mixture, threshold_db), atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize("frames_before_bins", [False, True])
def test_pieces_of_losses(frames_before_bins: bool) -> None:
    generator = _generator()
    nodes = torch.randn(3, 4, 2, 6, 5, dtype=torch.complex64, generator=generator)
    mixture = torch.randn(3, 1, 2, 6, 5, dtype=torch.complex64, generator=generator)
    mixture[..., 0] = 0
    masks = torch.rand(nodes.shape, generator=generator)
    if frames_before_bins:
        nodes, mixture, masks = (tensor.mT.contiguous().mT for tensor in (nodes, mixture, masks))
    torch.testing.assert_close(project_on_phase(nodes, mixture), project_on_phase.plain(nodes, mixture))
    error = difference(nodes.abs(), masks, mixture.abs())
    torch.testing.assert_close(error, difference.plain(nodes.abs(), masks, mixture.abs()))
    torch.testing.assert_close(mean_squares(error), mean_squares.plain(error))
