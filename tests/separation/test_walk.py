"""The walk with splitters of constant masks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from stemtree.audio import ArraySource
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath
from stemtree.hierarchy.load import parse
from stemtree.separation.output.integer_sums import NodeSums
from stemtree.separation.plan import make_plan
from stemtree.separation.splitters.base import Block, Splitter
from stemtree.separation.walk import split, walk, with_context
from stemtree.spectral import Stft
from stemtree.types import Masks

STFT = Stft(64, 16, 8000)
TREE = parse("tree: {a: , b: {c: {d: }, e: }}", "mine")


@dataclass(eq=False)
class Constant(Splitter):
    """Masks that are constant in every bin; remembers its blocks."""

    serves: dict[NodePath, dict[NodePath, float]]
    stft: Stft = STFT
    block_frames: int = 7
    context_frames: int = 0
    blocks: list[Block] = field(default_factory=list)

    def outputs(self, hierarchy: Hierarchy, node: NodePath) -> tuple[NodePath, ...]:
        return tuple(self.serves.get(node, ()))

    def masks(self, block: Block, node: NodePath, outputs: tuple[NodePath, ...]) -> Masks:
        self.blocks.append(block)
        return torch.stack([torch.full(block.spectrogram.shape, self.serves[node][output]) for output in outputs])

    def provenance(self) -> dict[str, object]:
        return {"name": "constant"}


@pytest.fixture
def song() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (2, 1000))


@pytest.mark.parametrize("context", [0, 3])
def test_leaves_are_products_of_masks(song: np.ndarray, context: int) -> None:
    root = Constant({MIXTURE: {"a": 0.25, "b": 0.75}}, context_frames=context)
    plan = make_plan(TREE, [root, Constant({"b": {"b/c": 0.4, "b/e": 0.6}})])
    blocks = list(walk(plan, ArraySource(song, 8000)))
    np.testing.assert_array_equal(np.concatenate([block.mixture for block in blocks], axis=1), song)
    leaves = np.concatenate([block.leaves for block in blocks], axis=2)
    assert plan.tree.leaves() == ("a", "b/c/d", "b/e")
    np.testing.assert_allclose(leaves, np.array([0.25, 0.3, 0.45])[:, None, None] * song, atol=1e-5)
    assert [block.start for block in root.blocks] == list(range(0, 7 * len(root.blocks), 7))


def test_outputs_beneath_a_leaf_are_summed() -> None:
    everything = Constant({MIXTURE: {"a": 0.1, "b/c": 0.2, "b/e": 0.7}})
    plan = make_plan(TREE, [everything], depth=1)
    assert plan.steps[0].targets == (("a",), ("b",), ("b",))
    spectrogram = torch.randn(1, 33, 5, dtype=torch.complex64)
    ((a, b),) = split(plan, [Block(spectrogram, 0, STFT)])
    torch.testing.assert_close(a.product(), 0.1 * spectrogram)
    torch.testing.assert_close(b.product(), 0.9 * spectrogram)


@pytest.mark.parametrize("context", [0, 2, 9])
def test_blocks_see_the_frames_around_them(context: int) -> None:
    song = torch.randn(2, 33, 20, dtype=torch.complex64)
    blocks = list(with_context(song.split(6, dim=-1), STFT, context))
    assert [block.start for block in blocks] == [0, 6, 12, 18]
    for block in blocks:
        end = block.start + block.spectrogram.shape[-1]
        torch.testing.assert_close(block.spectrogram, song[..., block.start : end])
        if not context or not block.start:
            assert block.before is None
        else:
            torch.testing.assert_close(block.before, song[..., max(block.start - min(context, 6), 0) : block.start])
        if not context or end == 20:
            assert block.after is None
        else:
            torch.testing.assert_close(block.after, song[..., end : min(end + min(context, 6), 20)])


def test_a_song_shorter_than_a_window(song: np.ndarray) -> None:
    plan = make_plan(TREE, [Constant({MIXTURE: {"a": 0.5, "b": 0.5}})], depth=1)
    (block,) = walk(plan, ArraySource(song[:, :1], 8000))
    np.testing.assert_allclose(block.leaves, np.stack([song[:, :1] / 2] * 2), atol=1e-6)


DEEP = parse(
    """
    continues: musdb18
    tree: {accompaniment/drums: {kick: , rest: {snare: , toms: }}, accompaniment/other: {keys: }}
    """,
    "deep",
)
DRUMS = "accompaniment/drums"


@pytest.mark.parametrize("bits", [None, 16, 24])
@pytest.mark.parametrize("loudness", [0.3, 3])
def test_what_a_hierarchy_continues_keeps_its_samples(bits: int | None, loudness: float) -> None:
    leaves = dict(zip(DEEP.prune(2).leaves(), (0.2, 0.3, 0.4, 0.1), strict=True))
    pieces = {f"{DRUMS}/kick": 0.7, f"{DRUMS}/rest/snare": 1.5, f"{DRUMS}/rest/toms": -1.2}
    splitters = [Constant({MIXTURE: leaves}), Constant({DRUMS: pieces})]
    song = loudness * np.random.default_rng(0).standard_normal((2, 1000))
    nodes: list[Mapping[NodePath, np.ndarray]] = []
    for depth in (2, None):
        plan = make_plan(DEEP, splitters, depth)
        sums = NodeSums(plan.tree, bits)
        blocks = [
            sums.sum_leaves(block.mixture, block.leaves, block.continued).nodes
            for block in walk(plan, ArraySource(song, 8000))
        ]
        nodes.append({path: np.concatenate([block[path] for block in blocks], axis=1) for path in plan.tree.paths})
    shallow, deep = nodes
    for path, samples in shallow.items():
        np.testing.assert_array_equal(samples, deep[path])
    for path in (DRUMS, f"{DRUMS}/rest", "accompaniment/other"):
        total = sum(deep[child] for child in DEEP.children(path))
        np.testing.assert_allclose(total, deep[path], atol=0 if bits else 2e-6, rtol=0)
    if loudness < 1 and bits:
        error = np.abs(deep[f"{DRUMS}/kick"] / 2 ** (bits - 1) - 0.28 * song).max()
        assert error < 2 ** (1 - bits) + 1e-6
