"""Several blocks at once, and a device whose memory runs out."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from support.stub_device import STUB, stub_device

from stemtree.audio import ArraySource
from stemtree.errors import DeviceError, DeviceWarning, OptionError
from stemtree.hierarchy import Hierarchy, NodePath
from stemtree.hierarchy.load import parse
from stemtree.separation.batches import Batches
from stemtree.separation.plan import make_plan
from stemtree.separation.splitters.base import CPU, Block, Splitter
from stemtree.separation.walk import SeparatedBlock, walk
from stemtree.spectral import Stft
from stemtree.types import Masks

STFT = Stft(64, 16, 8000)
TREE = parse("tree: {a: , b: {c: {d: }, e: }}", "mine")


@dataclass(eq=False)
class ByLoudness(Splitter):
    """Masks that depend on the bin; where its memory ends, more blocks at once are an error."""

    holds: int = 99
    stft: Stft = STFT
    block_frames: int = 7
    context_frames: int = 0
    moves: bool = True
    sizes: list[int] = field(default_factory=list)

    def outputs(self, hierarchy: Hierarchy, node: NodePath) -> tuple[NodePath, ...]:
        return hierarchy.children(node)

    def masks(self, block: Block, node: NodePath, outputs: tuple[NodePath, ...]) -> Masks:
        mask = block.spectrogram.abs().sigmoid() / (1 if block.after is None else 1.5)
        return torch.stack([mask, 1 - mask])

    def masks_of_blocks(self, blocks: Sequence[Block], node: NodePath, outputs: tuple[NodePath, ...]) -> list[Masks]:
        self.sizes.append(len(blocks))
        if len(blocks) > self.holds:
            raise torch.OutOfMemoryError("out of memory")
        return [self.masks(block, node, outputs) for block in blocks]

    def to(self, device: torch.device) -> None:
        if self.moves:
            self.device = device

    def provenance(self) -> dict[str, object]:
        return {"name": "by loudness"}


@pytest.fixture
def song() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (2, 1000)) / 4


def _walk(song: np.ndarray, splitter: ByLoudness, batches: Batches) -> list[SeparatedBlock]:
    splitter.to(batches.device)
    return list(walk(make_plan(TREE, [splitter]), ArraySource(song, 8000), batches))


def _leaves(blocks: list[SeparatedBlock]) -> np.ndarray:
    return np.concatenate([block.leaves for block in blocks], axis=-1)


@pytest.mark.parametrize("context", [0, 3])
@pytest.mark.parametrize("moves", [True, False])
@pytest.mark.parametrize("size", [1, 4])
def test_a_device_gives_what_the_cpu_gives(song: np.ndarray, size: int, moves: bool, context: int) -> None:
    expected = _leaves(_walk(song, ByLoudness(context_frames=context), Batches()))
    splitter = ByLoudness(context_frames=context, moves=moves)
    with stub_device() as counts:
        blocks = _walk(song, splitter, Batches(STUB, size))
    leaves = _leaves(blocks)
    assert np.abs(leaves - expected).max() < 1e-6  # -120 dBFS
    # the mixture adds up, all along
    np.testing.assert_allclose(leaves.sum(axis=0, dtype=np.float64), song, atol=1e-7)
    np.testing.assert_array_equal(np.concatenate([block.mixture for block in blocks], axis=-1), song)
    if moves:  # each sample goes there once, and each stem's back once
        assert sum(shape[-1] for shape in counts.sent) == 1000
        assert {shape[:-1] for shape in counts.fetched} == {(3, 2)}
        assert sum(shape[-1] for shape in counts.fetched) == 1000
        assert counts.numbers == 0, "the device waits for the CPU"
    # 63 frames in nine blocks; those at the ends have context on one side only; each batch is split at two nodes
    groups = [1] * 9 if size == 1 else [1, 4, 3, 1] if context else [4, 4, 1]
    assert splitter.sizes == [group for group in groups for _ in range(2)]


def test_next_blocks_are_begun_before_results_are_used(song: np.ndarray) -> None:
    splitter = ByLoudness()
    splitter.to(STUB)
    with stub_device():
        blocks = walk(make_plan(TREE, [splitter]), ArraySource(song, 8000), Batches(STUB, 2))
        next(blocks)
        assert splitter.sizes == [2, 2, 2, 2]  # two nodes of two batches
        blocks.close()


def test_memory_that_runs_out_halves_the_batch(song: np.ndarray) -> None:
    splitter, batches = ByLoudness(holds=2), Batches(STUB, 8)
    expected = _leaves(_walk(song, ByLoudness(), Batches()))
    with stub_device(), warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        leaves = _leaves(_walk(song, splitter, batches))
    np.testing.assert_allclose(leaves, expected, atol=1e-6)
    assert [(str(note.message), note.category) for note in notes] == [
        (f"the memory of 'meta' does not hold {failed} blocks at once: going on with {failed // 2}", DeviceWarning)
        for failed in (8, 4)
    ]
    assert batches.size == 2 and splitter.sizes[:4] == [8, 4, 2, 2]


def test_memory_that_holds_nothing(song: np.ndarray) -> None:
    with stub_device(), pytest.warns(DeviceWarning), pytest.raises(DeviceError) as caught:
        _walk(song, ByLoudness(holds=0), Batches(STUB, 2))
    assert str(caught.value) == (
        "the memory of 'meta' does not hold a single block: end what else uses it, or give --device cpu"
    )
    with pytest.raises(torch.OutOfMemoryError):  # the command line has a sentence for it
        _walk(song, ByLoudness(holds=0), Batches(CPU, 1))


def test_no_blocks_at_once() -> None:
    with pytest.raises(OptionError, match="the number of blocks at once cannot be 0: give 1 or more"):
        Batches(CPU, 0)
