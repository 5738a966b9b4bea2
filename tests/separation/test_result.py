import numpy as np
import pytest

from stemtree.errors import HierarchyError
from stemtree.hierarchy import Hierarchy
from stemtree.hierarchy.load import parse
from stemtree.separation.result import TreeResult

TREE = parse("tree: {a: , b: {c: , d: }}", "mine")


def _rows(tree: Hierarchy, leaves: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(tree.leaves(), leaves, strict=True))


@pytest.fixture
def result() -> TreeResult:
    leaves = np.arange(12, dtype=np.float32).reshape(3, 2, 2) / 20
    return TreeResult(TREE, ("b", "b/c"), 8000, leaves.sum(axis=0, dtype=np.float64), _rows(TREE, leaves))


def test_inner_nodes_are_sums_of_their_children(result: TreeResult) -> None:
    np.testing.assert_allclose(result["b"].audio, result["b/c"].audio + result["b/d"].audio)
    np.testing.assert_allclose(result.root.audio, result["a"].audio + result["b"].audio)
    assert [node.path for node in result.root] == ["", "a", "b", "b/c", "b/d"]
    assert result["b"].level == 2 and result["b"].children[1].name == "d"


def test_children_may_share_out_a_node() -> None:
    rows = np.arange(16, dtype=np.float32).reshape(4, 2, 2) / 20
    result = TreeResult(TREE, TREE.paths, 8000, rows[0] + rows[3], dict(zip((*TREE.leaves(), "b"), rows, strict=True)))
    assert (result["b"].audio == rows[3]).all()
    assert (result["b/d"].audio == rows[2]).all()


def test_iterates_over_what_was_asked_for(result: TreeResult) -> None:
    assert [node.path for node in result] == ["b", "b/c"]
    assert "b/d" in result and "b/e" not in result
    with pytest.raises(HierarchyError, match="no node 'b/e'"):
        result["b/e"]


def test_loudness_is_rounded_and_silence_is_minus_infinity() -> None:
    leaves = np.array([[[0.1, -0.1]], [[0.0, 0.0]], [[1.0, 1.0]]], np.float32)
    result = TreeResult(TREE, TREE.paths, 8000, leaves.sum(axis=0, dtype=np.float64), _rows(TREE, leaves))
    assert result["a"].rms_dbfs == -20
    assert result["b/c"].rms_dbfs == -np.inf
    assert f"{result['b/d'].rms_dbfs}" == "0.0"


def test_a_name_of_several_nodes_is_their_sum() -> None:
    tree = parse("aliases: {guitar: [x, y]}\ntree: {x: , y: , z: }", "mine")
    leaves = np.arange(6, dtype=np.float32).reshape(3, 1, 2) / 8
    result = TreeResult(tree, tree.paths, 8000, leaves.sum(axis=0, dtype=np.float64), _rows(tree, leaves))
    np.testing.assert_array_equal(result["Guitar"].audio, leaves[0] + leaves[1])
    assert result["guitar"].children == (result["x"], result["y"]) and result["guitar"].level == 2
    assert "guitar" in result and "violin" not in result
