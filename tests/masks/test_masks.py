import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.trees import wanted_nodes

from stemtree.hierarchy import Hierarchy, NodePath, from_dict, load
from stemtree.masks.conserve import distribute, normalise, project_to_simplex, suppress_inactive
from stemtree.masks.ideal import IDEAL_MASKS, ideal_binary, ideal_ratio, phase_sensitive
from stemtree.masks.partition import Partition
from stemtree.masks.relation import make_relation


def _stems(nodes: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(nodes)
    return torch.randn(nodes, 2, 9, 5, dtype=torch.complex64, generator=generator)


@pytest.mark.parametrize("kind", IDEAL_MASKS)
@pytest.mark.parametrize("nodes", [1, 2, 5])
def test_ideal_masks_are_conservative(kind: str, nodes: int) -> None:
    stems = _stems(nodes)
    stems[..., 0] = 0  # silence must be shared too
    masks = IDEAL_MASKS[kind](stems, stems.sum(dim=0))
    assert masks.min() >= 0
    torch.testing.assert_close(masks.sum(dim=0), torch.ones(stems.shape[1:]))


def test_ratio_and_binary_by_hand() -> None:
    stems = torch.tensor([3.0, -4.0j, 0.0]).reshape(3, 1, 1, 1)
    assert ideal_ratio(stems, stems.sum(dim=0)).flatten().tolist() == pytest.approx([3 / 7, 4 / 7, 0])
    assert ideal_binary(stems, stems.sum(dim=0)).flatten().tolist() == [0, 1, 0]


def test_phase_sensitive_is_the_best_conservative_mask() -> None:
    """A fine grid over all conservative masks of three stems finds nothing nearer to the true stems."""
    stems = _stems()[:, :1, :4, :3]
    mixture = stems.sum(dim=0)

    def error(masks: torch.Tensor) -> torch.Tensor:
        return (masks * mixture - stems).abs().square().sum(dim=0)

    best = error(phase_sensitive(stems, mixture))
    steps = np.linspace(0, 1, 51)
    for first, second in itertools.product(steps, steps):
        if first + second <= 1:
            grid = torch.tensor([first, second, 1 - first - second], dtype=torch.float32).reshape(3, 1, 1, 1)
            assert (error(grid) >= best - 1e-5).all()


def test_nearest_leaves_conservative_masks_alone_and_cuts_the_rest() -> None:
    good = normalise(torch.rand(4, 2, 3, 5, generator=torch.Generator().manual_seed(1)))
    torch.testing.assert_close(project_to_simplex(good), good)
    assert project_to_simplex(torch.tensor([2.0, 0.5, -1.0])).tolist() == [1, 0, 0]


def test_nearest_of_two_is_that_of_many() -> None:
    """A third value that is far too low to be kept changes nothing."""
    two = 2 * torch.randn(2, 1000, generator=torch.Generator().manual_seed(2))
    masks = project_to_simplex(two)
    torch.testing.assert_close(masks, project_to_simplex(torch.cat([two, torch.full((1, 1000), -1e4)]))[:2])
    assert (masks == 0).any() and ((masks > 0) & (masks < 1)).any()


def test_share_of_nothing_is_equal() -> None:
    assert normalise(torch.zeros(4, 1)).flatten().tolist() == [0.25] * 4
    assert normalise(torch.full((2, 1), 1e-42)).flatten().tolist() == pytest.approx([0.5, 0.5], abs=0.01)


def test_children_share_what_their_parent_was_given() -> None:
    """The mixture goes to its children as 3 to 1; the first's part to what is below as 1 to 2, with a rest of 3."""
    musdb = load("musdb18")
    nodes = ("accompaniment", "accompaniment/drums", "accompaniment/bass", "vocals")
    partition = Partition(musdb, nodes)
    assert partition.parts == ("accompaniment/drums", "accompaniment/bass", "vocals", "accompaniment")
    parts = distribute(torch.tensor([0.6, 0.1, 0.2, 0.2]).reshape(4, 1, 1, 1), partition)
    assert parts.flatten().tolist() == pytest.approx([0.75 / 6, 0.75 / 3, 0.25, 0.75 / 2])
    assert partition.sum_parts(parts, dim=0).flatten().tolist() == pytest.approx([0.75, 0.75 / 6, 0.75 / 3, 0.25])


@settings(deadline=None, max_examples=30)
@given(wanted_nodes(), st.integers(0, 99))
def test_apportioned_masks_are_conservative(wanted: tuple[Hierarchy, tuple[NodePath, ...]], seed: int) -> None:
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


def test_faint_nodes_fade() -> None:
    generator = torch.Generator().manual_seed(0)
    mixture = torch.randn(2, 9, 7, dtype=torch.complex64, generator=generator)
    flat = Partition(from_dict("flat", {"a": {}, "b": {}, "c": {}}), ("a", "b", "c"))
    parts = torch.tensor([0.9, 0.09, 0.01]).view(3, 1, 1, 1) * torch.ones(3, 1, 9, 7)
    faded = suppress_inactive(parts, flat, mixture, -20.9)  # the level of the second
    torch.testing.assert_close(faded.sum(dim=0), torch.ones(1, 9, 7))
    levels = 20 * (faded[:, 0, 0, 0] / faded[0, 0, 0, 0]).log10()
    assert levels[1].item() == pytest.approx(20 * math.log10(0.1) - 6, abs=0.2)
    assert levels[2].item() < -70
    torch.testing.assert_close(suppress_inactive(parts, flat, mixture, -90.0), parts, atol=1e-4, rtol=0)
    silence = suppress_inactive(parts, flat, torch.zeros_like(mixture), -20.0)
    torch.testing.assert_close(silence, torch.full_like(parts, 1 / 3))


def test_what_fades_stays_within_its_parent() -> None:
    generator = torch.Generator().manual_seed(0)
    mixture = torch.randn(2, 9, 7, dtype=torch.complex64, generator=generator)
    nodes = ("a", "b", "b/c", "b/d")  # and a rest of b, and one of the mixture
    partition = Partition(from_dict("deep", {"a": {}, "b": {"c": {}, "d": {}, "e": {}}, "f": {}}), nodes)
    assert partition.parts == ("a", "b/c", "b/d", "", "b")
    parts = torch.tensor([0.4, 0.01, 0.2, 0.29, 0.1]).view(5, 1, 1, 1) * torch.ones(5, 1, 9, 7)
    faded = suppress_inactive(parts, partition, mixture, -35.0)
    torch.testing.assert_close(faded.sum(dim=0), torch.ones(1, 9, 7))
    assert faded[1].max() < 0.002
    before, after = partition.sum_parts(parts, 0), partition.sum_parts(faded, 0)
    torch.testing.assert_close(after[:2], before[:2], atol=0.01, rtol=0)
    assert torch.all(faded[2] / faded[4] > 2)
