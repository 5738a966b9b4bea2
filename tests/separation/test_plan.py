"""Plans with splitters that only say what they could do."""

from dataclasses import dataclass, field

import pytest
import torch

from stemtree.errors import HierarchyError, SplitterError
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, load
from stemtree.separation.plan import make_plan, plan_walk, prune_to_served
from stemtree.separation.splitters.base import Block, Splitter
from stemtree.spectral import Stft
from stemtree.types import Masks


@dataclass(eq=False)
class Fake(Splitter):
    serves: dict[NodePath, tuple[NodePath, ...]]
    stft: Stft = field(default_factory=Stft)
    block_frames: int = 512
    context_frames: int = 0

    def outputs(self, hierarchy: Hierarchy, node: NodePath) -> tuple[NodePath, ...]:
        return self.serves.get(node, ())

    def masks(self, block: Block, node: NodePath, outputs: tuple[NodePath, ...]) -> Masks:
        return torch.full((len(outputs), *block.spectrogram.shape), 1 / len(outputs))

    def provenance(self) -> dict[str, object]:
        return {"name": "fake"}


@dataclass(eq=False)
class MadeFor(Fake):
    hierarchy: Hierarchy | None = None


MS21 = load("ms21")
ROOT = Fake({MIXTURE: ("vocal", "accompaniment")})
BAND = Fake({"accompaniment": MS21.leaves("accompaniment")})
VOICES = Fake({"vocal": MS21.children("vocal")})


def test_runs_only_what_the_nodes_need() -> None:
    plan = make_plan(MS21, [ROOT, VOICES, BAND], nodes=["vocal"])
    assert plan.splitters == (ROOT,)
    assert plan.tree.paths == ("vocal", "accompaniment")
    assert plan.wanted == ("vocal",)
    assert make_plan(MS21, [ROOT, VOICES, BAND], nodes=["accompaniment/bass"]).splitters == (ROOT, BAND)
    assert make_plan(MS21, [ROOT, VOICES, BAND]).splitters == (ROOT, VOICES, BAND)


def test_a_sub_tree_served_at_once_is_summed_into_what_was_asked_for() -> None:
    plan = make_plan(MS21, [ROOT, BAND], nodes=["accompaniment/other"])
    assert plan.tree.leaves() == (
        "vocal",
        "accompaniment/bass",
        "accompaniment/percussion",
        "accompaniment/other",
    )
    step = plan.steps[1]
    assert step.node == "accompaniment"
    assert step.outputs[0] == ("accompaniment/bass",) == step.targets[0]
    assert set(step.targets[1:]) == {("accompaniment/percussion",), ("accompaniment/other",)}


def test_depth_sums_too() -> None:
    plan = make_plan(MS21, [ROOT, VOICES, BAND], depth=2)
    assert plan.tree == MS21.prune(2)
    with pytest.raises(HierarchyError, match="'accompaniment/other/pianos' lies 3 generations under"):
        make_plan(MS21, [ROOT, VOICES, BAND], depth=2, nodes=["accompaniment/other/pianos"])


def test_the_first_splitter_that_can_serves() -> None:
    other_root = Fake(dict(ROOT.serves))
    assert make_plan(MS21, [other_root, ROOT], depth=1).splitters == (other_root,)


def test_pruning_to_what_is_served() -> None:
    assert prune_to_served(MS21, [ROOT]).paths == ("vocal", "accompaniment")
    assert prune_to_served(MS21, [ROOT, BAND]).leaves() == ("vocal", *MS21.leaves("accompaniment"))
    with pytest.raises(SplitterError, match="no splitter at hand splits the mixture of hierarchy 'ms21'"):
        prune_to_served(MS21, [BAND])


def test_an_only_child_needs_no_splitter() -> None:
    slakh = load("slakh").prune(2)
    families = Fake({MIXTURE: slakh.children(), **{f: slakh.children(f) for f in slakh.children() if f != "bass"}})
    assert "bass/bass" in make_plan(slakh, [families]).tree
    assert {step.node for step in make_plan(slakh, [families]).steps if step.splitter is None} >= {"bass"}


def test_says_what_is_missing() -> None:
    with pytest.raises(SplitterError, match=r"splits 'vocal' .* into lead_vocal, backing_vocal: .* only for 'vocal'"):
        make_plan(MS21, [ROOT, BAND])
    with pytest.raises(HierarchyError, match="no node 'vocalist'; did you mean vocal"):
        make_plan(MS21, [ROOT], nodes=["vocalist"])


def test_one_walk_has_one_analysis() -> None:
    half = Fake({"vocal": MS21.children("vocal")}, Stft(2048, 512, 22050))  # the same in seconds
    assert make_plan(MS21, [ROOT, half, BAND]).splitters
    with pytest.raises(SplitterError, match="must share one analysis"):
        make_plan(MS21, [ROOT, VOICES, Fake(BAND.serves, Stft(1024, 256))])


def test_by_default_as_deep_as_splitters_of_one_analysis_go() -> None:
    """A model of one's own need not have the analysis of the default ones, which only go on beneath it."""
    deep, kit = load("ms21_deep"), "accompaniment/percussion/drum_set"
    drums = MadeFor({kit: deep.children(kit)}, hierarchy=deep)
    whole = {MIXTURE: MS21.leaves()}
    assert plan_walk(None, [MadeFor(whole, hierarchy=MS21), drums]).tree.paths == deep.paths
    assert plan_walk(None, [MadeFor(whole, Stft(1024, 256), hierarchy=MS21), drums]).tree.paths == MS21.paths
