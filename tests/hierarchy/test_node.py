import pytest

from stemtree.errors import HierarchyError
from stemtree.hierarchy.node import Node, check_names


def test_levels_count_from_the_leaves() -> None:
    leaf = Node("a")
    assert [leaf.level, Node("b", (leaf,)).level, Node("c", (leaf, Node("b", (leaf,)))).level] == [1, 2, 3]


def test_names_are_checked_below_a_node() -> None:
    check_names("x", Node("x", (Node("a & b"), Node("c-d", (Node("a & b"),)))))
    with pytest.raises(HierarchyError, match="the name 'b/c' under 'x/a' cannot be a file's"):
        check_names("x", Node("x", (Node("a", (Node("b/c"),)),)))
