import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.trees import wanted_nodes

from stemtree.hierarchy import Hierarchy, NodePath, from_dict, load
from stemtree.masks.conserve import distribute, normalise, project_to_simplex, suppress_inactive
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


def test_faint_nodes_are_suppressed() -> None:
    generator = torch.Generator().manual_seed(0)
    mixture = torch.randn(2, 9, 7, dtype=torch.complex64, generator=generator)
    flat = Partition(from_dict("flat", {"a": {}, "b": {}, "c": {}}), ("a", "b", "c"))
    parts = torch.tensor([0.9, 0.09, 0.01]).view(3, 1, 1, 1) * torch.ones(3, 1, 9, 7)
    suppressed = suppress_inactive(parts, flat, mixture, -20.9)  # where the second lies
    torch.testing.assert_close(suppressed.sum(dim=0), torch.ones(1, 9, 7))
    relative_db = 20 * (suppressed[:, 0, 0, 0] / suppressed[0, 0, 0, 0]).log10()
    assert relative_db[1].item() == pytest.approx(20 * math.log10(0.1) - 6, abs=0.2)
    assert relative_db[2].item() < -70
    torch.testing.assert_close(suppress_inactive(parts, flat, mixture, -90.0), parts, atol=1e-4, rtol=0)
    silence = suppress_inactive(parts, flat, torch.zeros_like(mixture), -20.0)
    torch.testing.assert_close(silence, torch.full_like(parts, 1 / 3))


def test_what_is_suppressed_stays_within_its_parent() -> None:
    generator = torch.Generator().manual_seed(0)
    mixture = torch.randn(2, 9, 7, dtype=torch.complex64, generator=generator)
    nodes = ("a", "b", "b/c", "b/d")  # and a residual of b, and one of the mixture
    partition = Partition(from_dict("deep", {"a": {}, "b": {"c": {}, "d": {}, "e": {}}, "f": {}}), nodes)
    assert partition.parts == ("a", "b/c", "b/d", "", "b")
    parts = torch.tensor([0.4, 0.01, 0.2, 0.29, 0.1]).view(5, 1, 1, 1) * torch.ones(5, 1, 9, 7)
    suppressed = suppress_inactive(parts, partition, mixture, -35.0)
    torch.testing.assert_close(suppressed.sum(dim=0), torch.ones(1, 9, 7))
    assert suppressed[1].max() < 0.002
    before, after = partition.sum_parts(parts, 0), partition.sum_parts(suppressed, 0)
    torch.testing.assert_close(after[:2], before[:2], atol=0.01, rtol=0)
    assert torch.all(suppressed[2] / suppressed[4] > 2)
