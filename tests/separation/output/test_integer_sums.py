import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtree.hierarchy import load
from stemtree.separation.output.integer_sums import NodeSums

MS21 = load("ms21")


def _adds_up(nodes: dict[str, np.ndarray], whole: np.ndarray) -> None:
    assert (sum(nodes[child] for child in MS21.children()) == whole).all()
    for path in MS21.paths:
        if children := MS21.children(path):
            assert (nodes[path] == sum(nodes[child] for child in children)).all()


@given(seed=st.integers(0, 2**32 - 1), loudness=st.floats(1e-6, 3), bits=st.sampled_from([16, 24]))
@settings(deadline=None)
def test_integers_add_up_at_every_node_however_loud(seed: int, loudness: float, bits: int) -> None:
    generator = np.random.default_rng(seed)
    leaves = (loudness * generator.standard_normal((14, 2, 50))).astype(np.float32)
    mixture = leaves.sum(axis=0, dtype=np.float64)
    samples = NodeSums(MS21, bits).sum_leaves(mixture, leaves)
    nodes = samples.nodes
    full = 2 ** (bits - 1)
    whole = np.clip(np.rint(mixture * full), -full, full - 1)
    _adds_up(nodes, whole)
    assert all(-full <= node.min() and node.max() < full for node in nodes.values())
    exact = {
        path: leaves.astype(float)[[MS21.leaves().index(leaf) for leaf in MS21.leaves(path)]].sum(axis=0)
        for path in nodes
    }
    if not any(samples.held.values()):
        assert max(np.abs(nodes[path] - exact[path] * full).max() for path in nodes) <= 1 + 1e-6
    else:
        assert loudness > 0.02


def test_clipping_is_held_counted_and_taken_by_siblings() -> None:
    tree = load("musdb18").prune(1)
    leaves = np.array([[[-0.5, 0.1]], [[1.2, 0.2]]], np.float32)
    samples = NodeSums(tree, 16).sum_leaves(leaves.sum(axis=0, dtype=np.float64), leaves)
    assert samples.nodes["accompaniment"][0, 0] == 32767
    assert samples.nodes["vocals"][0, 0] == round(0.7 * 32768) - 32767
    assert samples.held == {"": 0, "vocals": 1, "accompaniment": 1}


def test_floats_are_sums() -> None:
    leaves = np.random.default_rng(0).standard_normal((14, 1, 9)).astype(np.float32)
    samples = NodeSums(MS21, None).sum_leaves(leaves.sum(axis=0, dtype=np.float64), leaves)
    assert samples.nodes["vocal"] == pytest.approx(leaves[0] + leaves[1])
    assert not any(samples.held.values())


def test_absurdly_loud_input_does_not_overflow() -> None:
    leaves = np.full((14, 1, 3), 1e12, np.float32)
    samples = NodeSums(MS21, 24).sum_leaves(leaves.sum(axis=0, dtype=np.float64), leaves)
    _adds_up(samples.nodes, np.full((1, 3), 2**23 - 1))
    assert samples.held[""] == 3
