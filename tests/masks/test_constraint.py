import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.trees import wanted_nodes

from stemtree.hierarchy import Hierarchy, NodePath, is_within
from stemtree.masks.constraint import apply_constraint
from stemtree.masks.partition import Partition


@settings(deadline=None, max_examples=30)
@given(wanted_nodes(), st.integers(0, 99))
def test_the_constraint_hands_its_gradient_to_the_largest(
    wanted: tuple[Hierarchy, tuple[NodePath, ...]], seed: int
) -> None:
    """As torch does for the maximum over a node and all below it."""
    hierarchy, nodes = wanted
    generator = torch.Generator().manual_seed(seed)
    masks = torch.rand(2, len(nodes), 1, 3, 2, generator=generator).requires_grad_()
    weights = torch.randn(masks.shape, generator=generator)
    groups = [[index for index, below in enumerate(nodes) if is_within(below, path)] for path in nodes]
    expected = torch.stack([masks[:, group].amax(dim=1) for group in groups], dim=1)
    found = apply_constraint(masks, Partition(hierarchy, nodes))
    assert torch.equal(found, expected)
    gradients = [torch.autograd.grad((result * weights).sum(), masks)[0] for result in (found, expected)]
    torch.testing.assert_close(*gradients)
