import torch
from hypothesis import given, settings
from support.trees import wanted_nodes

from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, from_dict, load
from stemtree.masks.partition import Partition, Split

MS21 = load("ms21")
GUITAR = ("accompaniment/other/electric_guitar", "accompaniment/other", "accompaniment")


def test_parts_are_leaves_and_residuals() -> None:
    path = Partition(MS21, GUITAR)
    assert path.parts == (GUITAR[0], MIXTURE, GUITAR[1], GUITAR[2])
    whole = Partition(MS21, MS21.paths)
    assert whole.parts == MS21.leaves() and len(whole.parts) == 14 and whole.residuals == ()
    assert Partition(MS21, ("vocal", "accompaniment/bass")).parts == ("vocal", "accompaniment/bass", MIXTURE)


@settings(deadline=None, max_examples=30)
@given(wanted_nodes())
def test_no_two_parts_overlap_and_together_they_are_the_mixture(wanted: tuple[Hierarchy, tuple[NodePath, ...]]) -> None:
    """Every leaf of the hierarchy lies in one part: in the lowest wanted node that holds it, or in none."""
    hierarchy, nodes = wanted
    partition = Partition(hierarchy, nodes)
    lowest = {
        next((path for path in (leaf, *hierarchy.ancestors(leaf)) if path in nodes), MIXTURE)
        for leaf in hierarchy.leaves()
    }
    assert set(partition.parts) == lowest and len(partition.parts) == len(lowest)


def test_splits_go_from_the_mixture_down() -> None:
    hierarchy = from_dict("deep", {"a": {}, "b": {"c": {}, "d": {}, "e": {}}, "f": {}})
    partition = Partition(hierarchy, ("b/c", "a", "b", "b/d"))
    assert partition.parts == ("b/c", "a", "b/d", MIXTURE, "b")
    assert partition.splits() == [
        Split(MIXTURE, ("a", "b", MIXTURE), ((1,), (0, 2, 4), (3,))),
        Split("b", ("b/c", "b/d", "b"), ((0,), (2,), (4,))),
    ]
    parts = torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0])
    assert partition.sum_parts(parts, dim=0).tolist() == [1, 2, 21, 4]


def test_residuals_of_one_node_are_that_node() -> None:
    hierarchy = from_dict("path", {"family": {"guitar": {}, "rest": {}}, "rest": {}})
    assert Partition(hierarchy, ("family/guitar", "family")).part_nodes == ("family/guitar", "rest", "family/rest")
    assert Partition(MS21, MS21.leaves()).part_nodes == MS21.leaves()
    assert Partition(MS21, GUITAR).part_nodes == ()
