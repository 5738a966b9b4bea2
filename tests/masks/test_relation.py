"""Every relation against a twin that goes through one bin after the other, on random trees."""

import math
from collections.abc import Mapping

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.trees import wanted_nodes

from stemtree.errors import HierarchyError, OptionError
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, load
from stemtree.masks.relation import RELATIONS, make_relation

SHAPE = (2, 1, 3, 2)  # batch, channel, bin, frame
MS21 = load("ms21")
GUITAR = ("accompaniment/other/electric_guitar", "accompaniment/other", "accompaniment")


def _below(path: NodePath, nodes: tuple[NodePath, ...]) -> list[NodePath]:
    return [node for node in nodes if node != path and (path == MIXTURE or node.startswith(f"{path}/"))]


def _children(path: NodePath, nodes: tuple[NodePath, ...]) -> list[NodePath]:
    below = _below(path, nodes)
    return [node for node in below if not any(node in _below(other, nodes) for other in below)]


def _residuals(hierarchy: Hierarchy, nodes: tuple[NodePath, ...]) -> list[NodePath]:
    """Inner nodes whose wanted children do not hold all of their leaves."""
    inner = [path for path in (MIXTURE, *nodes) if _below(path, nodes)] or [MIXTURE]
    held = {
        path: {leaf for child in _children(path, nodes) for leaf in hierarchy.leaves(child)}
        for path in dict.fromkeys([MIXTURE, *inner])
    }
    return [path for path, leaves in held.items() if leaves != set(hierarchy.leaves(path))]


def _twin(kind: str, hierarchy: Hierarchy, nodes: tuple[NodePath, ...], logits: list[float]) -> dict[NodePath, float]:
    """The masks of one bin, as the equations have them."""
    own = {path: 1 / (1 + math.exp(-value)) for path, value in zip(nodes, logits, strict=False)}

    def constrained(path: NodePath) -> float:
        return max(own[path], *(constrained(child) for child in _children(path, nodes)), 0)

    def sequential(path: NodePath) -> float:
        return own[path] * math.prod(own[above] for above in hierarchy.ancestors(path) if above in nodes)

    if kind == "constrained":
        return {path: constrained(path) for path in nodes}
    if kind == "sequential":
        return {path: sequential(path) for path in nodes}
    if kind == "direct":
        return own
    if kind == "siblings":
        residuals = _residuals(hierarchy, nodes)
        left = [math.exp(value) for value in logits[len(nodes) :]]
        masks = {MIXTURE: 1.0}
        for path in sorted(nodes, key=len):
            parent = next(above for above in hierarchy.ancestors(path) if above in (*nodes, MIXTURE))
            rest = left[residuals.index(parent)] if parent in residuals else 0.0
            family = [math.exp(logits[nodes.index(child)]) for child in _children(parent, nodes)]
            masks[path] = masks[parent] * math.exp(logits[nodes.index(path)]) / (sum(family) + rest)
        return {path: masks[path] for path in nodes}
    parts = [path for path in nodes if not _below(path, nodes)] + _residuals(hierarchy, nodes)
    weights = {part: math.exp(value) for part, value in zip(parts, logits, strict=True)}
    masks = {path: 0.0 for path in nodes}
    for path in nodes:
        masks[path] = sum(weight for part, weight in weights.items() if part in (path, *_below(path, tuple(parts))))
    return {path: mask / sum(weights.values()) for path, mask in masks.items()}


@settings(deadline=None, max_examples=30)
@given(wanted_nodes(), st.sampled_from(["direct", "constrained", "sequential", "tree", "siblings"]), st.integers(0, 99))
def test_equals_the_equations_bin_by_bin(wanted: tuple[Hierarchy, tuple[NodePath, ...]], kind: str, seed: int) -> None:
    hierarchy, nodes = wanted
    relation = make_relation(kind, hierarchy, nodes)
    logits = 3 * torch.randn(SHAPE[0], relation.outputs, *SHAPE[1:], generator=torch.Generator().manual_seed(seed))
    masks = relation(logits)
    assert relation.nodes == nodes and masks.shape == (SHAPE[0], len(nodes), *SHAPE[1:])
    for batch, channel, bin, frame in [(b, c, f, t) for b in (0, 1) for c in (0,) for f in range(3) for t in (0, 1)]:
        expected = _twin(kind, hierarchy, nodes, logits[batch, :, channel, bin, frame].tolist())
        assert masks[batch, :, channel, bin, frame].tolist() == pytest.approx([expected[path] for path in nodes])


@settings(deadline=None, max_examples=30)
@given(wanted_nodes(), st.integers(0, 99))
def test_invariants(wanted: tuple[Hierarchy, tuple[NodePath, ...]], seed: int) -> None:
    """Conservation (tree, siblings), order (all but direct) and product (sequential, siblings)."""
    hierarchy, nodes = wanted
    for kind in ("constrained", "sequential", "tree", "siblings"):
        relation = make_relation(kind, hierarchy, nodes)
        logits = 5 * torch.randn(SHAPE[0], relation.outputs, *SHAPE[1:], generator=torch.Generator().manual_seed(seed))
        estimate = relation.estimate(logits)
        by_path = dict(zip(nodes, estimate.masks.unbind(1), strict=True))
        residuals = dict(zip(relation.partition.residuals, estimate.residuals.unbind(1), strict=False))
        for parent in (MIXTURE, *nodes):
            children = [by_path[child] for child in _children(parent, nodes)]
            whole = by_path.get(parent, torch.ones(SHAPE))
            assert all((whole >= child - 1e-6).all() for child in children)
            if kind in ("tree", "siblings") and children:
                torch.testing.assert_close(sum(children) + residuals.get(parent, 0), whole)
        if kind in ("tree", "siblings"):
            parts = relation.part_masks(logits)
            torch.testing.assert_close(parts.sum(dim=1), torch.ones(SHAPE))
            torch.testing.assert_close(relation.partition.sum_parts(parts, dim=1), estimate.masks)
        if kind in ("sequential", "siblings"):
            for number, source in enumerate(estimate.sources):
                above = 1 if source is None else estimate.masks[:, source]
                torch.testing.assert_close(estimate.masks[:, number], estimate.relative[:, number] * above)


def test_the_constraint_reaches_from_the_leaf_to_the_top() -> None:
    """The published code compared the top with the middle's own mask, and so lost the leaf."""
    relation = make_relation("constrained", MS21, GUITAR)
    logits = torch.tensor([2.0, -1.0, 0.0]).reshape(1, 3, 1, 1, 1).requires_grad_()
    masks = relation(logits)
    assert masks.flatten().tolist() == [torch.tensor(2.0).sigmoid()] * 3
    masks.sum().backward()
    leaf, *higher = logits.grad.flatten().tolist()
    assert higher == [0, 0] and leaf == pytest.approx(3 * masks[0, 0].item() * (1 - masks[0, 0].item()))


def test_mixed_takes_each_node_from_its_source() -> None:
    leaf, middle, top = GUITAR
    relation = make_relation("mixed", MS21, GUITAR, {leaf: top})  # past the middle, which is direct
    logits = torch.tensor([0.5, -1.0, 2.0]).reshape(1, 3, 1, 1, 1)
    own = logits.sigmoid().flatten()
    estimate = relation.estimate(logits)
    assert relation.sources == (2, None, None)
    torch.testing.assert_close(estimate.masks.flatten(), torch.stack([own[0] * own[2], own[1], own[2]]))
    torch.testing.assert_close(estimate.relative.flatten(), own)
    everything: Mapping[NodePath, NodePath] = {leaf: middle, middle: top}
    torch.testing.assert_close(
        make_relation("mixed", MS21, GUITAR, everything)(logits), make_relation("sequential", MS21, GUITAR)(logits)
    )


@pytest.mark.parametrize("kind", RELATIONS)
def test_masks_are_float32_and_teach_every_logit(kind: str) -> None:
    relation = make_relation(kind, MS21, MS21.paths, {"vocal/lead_vocal": "vocal"} if kind == "mixed" else None)
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, relation.outputs, 1, 16, 4, generator=generator).bfloat16().requires_grad_()
    masks = relation(logits)
    assert masks.dtype == torch.float32 and masks.min() >= 0 and masks.max() <= 1
    (masks * torch.randn(masks.shape, generator=generator)).sum().backward()
    assert (logits.grad.abs().amax(dim=(0, 2, 3, 4)) > 0).all()


def test_one_clear_sentence() -> None:
    with pytest.raises(OptionError, match="no mask relation 'sequentiel'; did you mean sequential"):
        make_relation("sequentiel", MS21, GUITAR)
    with pytest.raises(HierarchyError, match="no node 'guitar'"):
        make_relation("direct", MS21, ("guitar",))
    with pytest.raises(HierarchyError, match="the mixture itself"):
        make_relation("direct", MS21, (MIXTURE,))
    with pytest.raises(OptionError, match="no nodes"):
        make_relation("tree", MS21, ())
    with pytest.raises(OptionError, match="'vocal' is wanted twice"):
        make_relation("tree", MS21, ("vocal", "vocal"))
    with pytest.raises(OptionError, match="'mixed' needs 'sources'"):
        make_relation("mixed", MS21, GUITAR)
    with pytest.raises(OptionError, match="'direct' takes no 'sources'"):
        make_relation("direct", MS21, GUITAR, {})
    with pytest.raises(OptionError, match="names 'vocal', which is not wanted"):
        make_relation("mixed", MS21, GUITAR, {"vocal": MIXTURE})
    with pytest.raises(OptionError, match="'accompaniment' cannot be taken from 'accompaniment/other'"):
        make_relation("mixed", MS21, GUITAR, {"accompaniment": "accompaniment/other"})
