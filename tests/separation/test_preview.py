import subprocess
import sys

import pytest

from stemtree.errors import HierarchyError, ModelError, SplitterError
from stemtree.hierarchy import available, load
from stemtree.separation.plan import Plan
from stemtree.separation.preview import preview
from stemtree.separation.separator import Separator
from stemtree.separation.splitters.abilities import DEFAULT_MODEL, DRUM_MODEL, ability


def _targets(plan: Plan) -> list[tuple[object, ...]]:
    return [(step.node, step.outputs, step.targets, step.numbers) for step in plan.steps]


@pytest.mark.parametrize("name", [None, *available()])
def test_a_preview_is_the_plan(name: str | None) -> None:
    foreseen, plan = preview(load(name) if name else None), Separator(name).plan
    assert foreseen is not None
    assert (foreseen.tree, foreseen.wanted, foreseen.numbers) == (plan.tree, plan.wanted, plan.numbers)
    assert _targets(foreseen) == _targets(plan)
    assert foreseen.notes == plan.notes


def test_names_are_answered_without_torch_and_numpy() -> None:
    script = (
        "import sys\n"
        "from stemtree.cli import main\n"
        "sys.argv = ['stemtree', 'separate', 'none.wav', '--node', 'gitar']\n"
        "try: main()\n"
        "except SystemExit: print([name for name in ('torch', 'numpy', 'av') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n" and "no node 'gitar'; did you mean guitar" in run.stderr


def test_what_a_splitter_tells_only_when_loaded_is_not_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert preview(splitters=["demucs:mine"], nodes=["guitar"]) is None
    with pytest.raises(HierarchyError, match="no node 'gitar'"):
        preview(splitters=["demucs:mine"], nodes=["gitar"])
    four = preview(load("musdb18"), ["demucs"])
    assert four is not None and [step.node for step in four.steps] == [""]


def test_splitters_that_are_not_there(tmp_path) -> None:
    with pytest.raises(SplitterError, match="no splitter 'demix'"):
        preview(splitters=["demix"])
    with pytest.raises(ModelError, match="cannot read the model"):
        preview(splitters=[str(tmp_path)])
    (tmp_path / "config.json").write_text("{}")
    assert ability(str(tmp_path)) is None
    assert ability(str(DEFAULT_MODEL / "config.json")) is not None


@pytest.mark.parametrize("name", ["musdb18", "ms21"])
def test_a_splitter_of_what_a_tree_does_not_tell_apart(name: str) -> None:
    """MUSDB18 is made of nodes of MS21_DEEP, and has no pieces of the drum set."""
    with pytest.raises(SplitterError, match=f"drum_pieces' can split nothing of the hierarchy '{name}': leave one of"):
        preview(load(name), [str(DRUM_MODEL)])
    assert preview(load(name), [str(DEFAULT_MODEL), "spleeter"]) is not None
    assert preview(load("ms21_deep"), [str(DRUM_MODEL)]) is not None
