import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemtree.errors import HierarchyError
from stemtree.hierarchy import MIXTURE, Hierarchy, Node, load


@pytest.fixture
def ms21() -> Hierarchy:
    return load("ms21")


def test_relatives(ms21: Hierarchy) -> None:
    assert ms21.children() == ("vocal", "accompaniment")
    assert ms21.ancestors("accompaniment/other/pianos") == ("accompaniment/other", "accompaniment", "")
    assert ms21.siblings("accompaniment/bass") == ("accompaniment/percussion", "accompaniment/other")
    assert ms21.siblings(MIXTURE) == () == ms21.ancestors(MIXTURE)
    assert ms21.leaves("accompaniment/percussion") == (
        "accompaniment/percussion/drum_set",
        "accompaniment/percussion/nontonal_percussion",
    )
    assert ms21.leaves("accompaniment/bass") == ("accompaniment/bass",)
    assert len(ms21.descendants("accompaniment")) == 14


def test_levels_count_from_the_leaves_and_a_short_branch_repeats_its_leaf(ms21: Hierarchy) -> None:
    assert ms21.levels == 3
    assert [ms21.level(path) for path in ("accompaniment/bass", "vocal", "accompaniment", MIXTURE)] == [1, 2, 3, 4]
    assert ms21.at_level(3) == ("vocal", "accompaniment")
    assert ms21.at_level(2) == ("vocal", "accompaniment/bass", "accompaniment/percussion", "accompaniment/other")
    assert ms21.at_level(1) == ms21.leaves()
    with pytest.raises(HierarchyError, match="levels 1 to 3, not 4"):
        ms21.at_level(4)


def test_pruning_keeps_labels(ms21: Hierarchy) -> None:
    pruned = ms21.prune(2)
    assert pruned.leaf("Electric_Guitar") == "accompaniment/other"
    assert pruned.leaf("pianos") == "accompaniment/other"
    assert pruned.leaf("Lead_Vocal") == "vocal/lead_vocal"
    assert ms21.prune(1).paths == ("vocal", "accompaniment")
    assert ms21.prune(9) == ms21
    with pytest.raises(HierarchyError, match="depth 0"):
        ms21.prune(0)


def test_subtree_makes_a_node_the_mixture(ms21: Hierarchy) -> None:
    other = ms21.subtree("accompaniment/other")
    assert other.levels == 1
    assert other.leaf("Harp") == "strings"
    with pytest.raises(HierarchyError, match="'accompaniment/bass' is a leaf"):
        ms21.subtree("accompaniment/bass")


def test_labels_fold_case_and_punctuation(ms21: Hierarchy) -> None:
    assert ms21.leaf("electric-GUITAR") == ms21.leaf("Electric_Guitar") == "accompaniment/other/electric_guitar"


def test_unknown_path_and_label_name_the_nearest(ms21: Hierarchy) -> None:
    with pytest.raises(HierarchyError, match="no node 'accompaniment/basss'; did you mean accompaniment/bass"):
        ms21.node("accompaniment/basss")
    with pytest.raises(HierarchyError, match="did you mean accompaniment/other/pianos"):
        ms21.node("piano")
    with pytest.raises(HierarchyError, match=r"label 'Elektric_Guitar'; did you mean electric guitar"):
        ms21.leaf("Elektric_Guitar")


def test_immutable(ms21: Hierarchy) -> None:
    with pytest.raises(AttributeError):
        ms21.name = "other"  # type: ignore[misc]
    assert hash(load("ms21")) == hash(ms21)


@pytest.mark.parametrize(
    ("children", "message"),
    [
        ((), "is empty"),
        ((Node("a"), Node("A")), "two nodes under the mixture are called 'A'"),
        ((Node("a/b"),), "'a/b' under the mixture cannot be a file's"),
        ((Node(".."),), "cannot be a file's"),
        ((Node("b.wav"),), "cannot be a file's"),
        ((Node("a"), Node("", labels=("q",)), Node("b")), "the name '' under the mixture cannot be a file's"),
        ((Node("a", (Node("x"), Node("X"))),), "two nodes under 'a' are called 'X'"),
        ((Node("a", labels=("x y",)), Node("b", labels=("X_Y",))), "label 'X_Y' stands under both 'a' and 'b'"),
    ],
)
def test_what_cannot_be_a_hierarchy(children: tuple[Node, ...], message: str) -> None:
    with pytest.raises(HierarchyError, match=message):
        Hierarchy("mine", Node("mixture", children))


NAMES = st.text("abcdefgh", min_size=1, max_size=2)
TREES = st.recursive(
    st.just(()), lambda below: st.dictionaries(NAMES, below, min_size=1, max_size=3).map(lambda d: tuple(d.items()))
).filter(bool)


def _build(content: tuple) -> tuple[Node, ...]:
    return tuple(Node(name, _build(below)) for name, below in content)


@given(TREES)
def test_any_tree(content: tuple) -> None:
    hierarchy = Hierarchy("any", Node("mixture", _build(content)))
    for level in range(1, hierarchy.levels + 1):
        at_level = hierarchy.at_level(level)
        covered = [leaf for path in at_level for leaf in hierarchy.leaves(path)]
        assert covered == list(hierarchy.leaves())  # every leaf once: the level is the whole mixture
    for path in hierarchy.paths:
        parent = hierarchy.ancestors(path)[0]
        assert path in hierarchy.children(parent)
        assert hierarchy.level(parent) > hierarchy.level(path)
        assert set(hierarchy.descendants(path)) == {other for other in hierarchy.paths if other.startswith(f"{path}/")}
    for depth in range(1, hierarchy.levels + 1):
        pruned = hierarchy.prune(depth)
        assert pruned.paths == tuple(path for path in hierarchy.paths if path.count("/") < depth)
