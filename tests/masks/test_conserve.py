import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.trees import wanted_nodes

from stemtree.hierarchy import Hierarchy, NodePath, load
from stemtree.masks.conserve import distribute, normalise, project_to_simplex
from stemtree.masks.partition import Partition
from stemtree.masks.relation import make_relation


def test_projection_leaves_conservative_masks_alone_and_cuts_the_others() -> None:
    good = normalise(torch.rand(4, 2, 3, 5, generator=torch.Generator().manual_seed(1)))
    torch.testing.assert_close(project_to_simplex(good), good)
    assert project_to_simplex(torch.tensor([2.0, 0.5, -1.0])).tolist() == [1, 0, 0]


def test_weights_of_zero_make_equal_masks() -> None:
    assert normalise(torch.zeros(4, 1)).flatten().tolist() == [0.25] * 4
    assert normalise(torch.full((2, 1), 1e-42)).flatten().tolist() == pytest.approx([0.5, 0.5], abs=0.01)


def test_children_divide_what_their_parent_received() -> None:
    """The mixture goes to its children as 3 to 1; the first's part to what is below as 1 to 2, with a residual of 3."""
    musdb = load("musdb18")
    nodes = ("accompaniment", "accompaniment/drums", "accompaniment/bass", "vocals")
    partition = Partition(musdb, nodes)
    assert partition.parts == ("accompaniment/drums", "accompaniment/bass", "vocals", "accompaniment")
    parts = distribute(torch.tensor([0.6, 0.1, 0.2, 0.2]).reshape(4, 1, 1, 1), partition)
    assert parts.flatten().tolist() == pytest.approx([0.75 / 6, 0.75 / 3, 0.25, 0.75 / 2])
    assert partition.sum_parts(parts, dim=0).flatten().tolist() == pytest.approx([0.75, 0.75 / 6, 0.75 / 3, 0.25])


@settings(deadline=None, max_examples=30)
@given(wanted_nodes(), st.integers(0, 99))
def test_distributed_masks_are_conservative(wanted: tuple[Hierarchy, tuple[NodePath, ...]], seed: int) -> None:
    """From any masks; and masks that are conservative already, as a tree's are, come back."""
    partition = Partition(*wanted)
    generator = torch.Generator().manual_seed(seed)
    masks = torch.rand(len(partition.nodes), 1, 3, 4, generator=generator).round(decimals=1)  # some are 0
    parts = distribute(masks, partition)
    assert parts.min() >= 0 and len(parts) == len(partition.parts)
    torch.testing.assert_close(parts.sum(dim=0), torch.ones(1, 3, 4))
    estimate = make_relation("tree", *wanted).estimate(torch.randn(1, len(parts), 1, 3, 4, generator=generator))
    again = distribute(estimate.masks[0], partition)
    torch.testing.assert_close(partition.sum_parts(again, dim=0), estimate.masks[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(again[len(partition.leaves) :], estimate.residuals[0], atol=1e-5, rtol=1e-4)
