import pytest
import torch

from stemtree.hierarchy import Hierarchy, NodePath, depth, from_dict
from stemtree.masks.stacking import Answer, stack, stacked_tree

TREE = from_dict(
    "three",
    {"bass": {"bass": {"acoustic": {}, "electric": {}}}, "wind": {"brass": {"horn": {}, "tuba": {}}, "wood": {}}},
)
HORN, TUBA, ELECTRIC = "wind/brass/horn", "wind/brass/tuba", "bass/bass/electric"


@pytest.fixture
def hierarchy() -> Hierarchy:
    return TREE


def answers(leaves: list[NodePath], seed: int = 0) -> dict[NodePath, Answer]:
    generator = torch.Generator().manual_seed(seed)
    return {
        leaf: {level: torch.rand(1, 5, 7, generator=generator) for level in range(1, depth(leaf) + 1)}
        for leaf in leaves
    }


def test_what_was_not_asked_for_is_a_rest(hierarchy: Hierarchy) -> None:
    tree = stacked_tree(hierarchy, [HORN, ELECTRIC], [HORN, ELECTRIC]).hierarchy
    assert tree.as_dict() == {
        "bass": {"bass": {"electric": {}, "rest": {}}},
        "wind": {"brass": {"horn": {}, "rest": {}}, "rest": {}},
        "rest": {},
    }


def test_what_is_not_there_leaves_no_rest(hierarchy: Hierarchy) -> None:
    tree = stacked_tree(hierarchy, [HORN], [HORN, TUBA, "wind/wood"]).hierarchy
    assert tree.as_dict() == {"wind": {"brass": {"horn": {}}}, "rest": {}}


def test_inner_nodes_can_be_leaves(hierarchy: Hierarchy) -> None:
    partition = stacked_tree(hierarchy, ["bass", HORN], ["bass", HORN])
    assert partition.leaves == ("bass", HORN)
    assert partition.part_nodes == ("bass", HORN, "rest", "wind/rest", "wind/brass/rest")


def test_children_add_up_to_their_parents(hierarchy: Hierarchy) -> None:
    leaves = [HORN, TUBA, ELECTRIC]
    partition = stacked_tree(hierarchy, leaves, leaves)
    parts = stack(answers(leaves), partition)
    torch.testing.assert_close(parts.sum(dim=0), torch.ones(1, 5, 7))
    assert (parts >= 0).all()


def test_slow_twin_of_one_family(hierarchy: Hierarchy) -> None:
    """Bin by bin: of the mixture to the family, and of the family to its two leaves, as masks are to each other."""
    leaves = [HORN, TUBA]
    partition, given = stacked_tree(hierarchy, leaves, leaves), answers(leaves)
    parts = dict(zip(partition.part_nodes, stack(given, partition), strict=True))
    for place in ((0, 0, 0), (0, 2, 3), (0, 4, 6)):
        wind, brass = ((given[HORN][level][place] + given[TUBA][level][place]) / 2 for level in (1, 2))
        horn, tuba = given[HORN][3][place], given[TUBA][3][place]
        above = wind * brass / (brass + max(wind - brass, 0))  # the mixture's rest is what wind is not
        torch.testing.assert_close(parts[HORN][place], above * horn / (horn + tuba))
        torch.testing.assert_close(parts["rest"][place], 1 - wind)
