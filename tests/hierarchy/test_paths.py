import pytest

from stemtree.hierarchy import MIXTURE, Hierarchy, depth, is_within, join, load


@pytest.fixture
def ms21() -> Hierarchy:
    return load("ms21")


def test_joining_and_depth(ms21: Hierarchy) -> None:
    assert join(MIXTURE, "vocal") == "vocal" and join("vocal", "lead_vocal") == "vocal/lead_vocal"
    assert depth(MIXTURE) == 0
    for path in ms21.paths:
        assert depth(path) == len(ms21.ancestors(path))


def test_within_is_the_node_or_a_descendant(ms21: Hierarchy) -> None:
    everything = (MIXTURE, *ms21.paths)
    for node in everything:
        assert {path for path in everything if is_within(path, node)} == {node, *ms21.descendants(node)}
    assert not is_within("vocals", "vocal")  # the beginning of a name is not an ancestor
