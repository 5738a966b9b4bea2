"""What `Separator` decides for itself; what it separates is tested with each splitter."""

from pathlib import Path

import numpy as np
import pytest

import stemtree
from stemtree.audio import ArraySource
from stemtree.errors import SplitterError
from stemtree.hierarchy import Hierarchy, load
from stemtree.hierarchy.load import parse
from stemtree.separation.separator import Separator
from stemtree.separation.splitters.oracle import Oracle
from stemtree.separation.splitters.registry import DEFAULT_MODEL, find_splitters, splitters_of
from stemtree.separation.splitters.spleeter import Spleeter

TREE = parse("tree: {a: , b: {c: , d: }}", "mine")


class Own(Oracle):
    """A splitter that is made for one hierarchy."""

    @property
    def hierarchy(self) -> Hierarchy:
        return TREE


def test_default_hierarchy_is_that_of_the_first_splitter_made_for_one() -> None:
    assert Separator(splitters=[Oracle({})]).tree == load("ms21")
    assert Separator(splitters=[Oracle({}), Own({})]).tree == TREE
    assert Separator("musdb18", splitters=[Own({})]).tree == load("musdb18")


def test_as_deep_as_served_if_a_splitter_is_made_for_it(separator: Separator) -> None:
    served, deep = (load(name).cut(lambda path: path == "vocal") for name in ("ms21", "ms21_deep"))
    assert separator.tree == Separator("ms21_deep").tree == deep
    assert Separator("ms21").tree == served and Separator(depth=3).tree.paths == served.paths
    assert Separator("ms21", depth=2).tree == served.prune(2)
    assert Separator(depth=1).tree.paths == load("ms21").prune(1).paths
    assert Separator("ms21").notes == ("no splitter at hand divides these nodes of 'ms21' further: vocal",)
    with pytest.raises(SplitterError, match=r"splits 'vocal' of hierarchy 'ms21_deep' .* ask only for 'vocal'"):
        Separator(nodes=["lead_vocal"])
    with pytest.raises(SplitterError, match="makes 'vocal/lead_vocal' of hierarchy 'ms21': name 'vocal', which holds"):
        Separator("ms21", nodes=["lead_vocal"])


def test_progress_ends_with_the_whole_song() -> None:
    calls: list[tuple[int, int | None]] = []
    song = np.random.default_rng(0).uniform(-1, 1, (1, 30000))
    result = Separator(TREE, splitters=[Oracle({})]).separate(
        ArraySource(song, 8000), progress=lambda done, total: calls.append((done, total))
    )
    assert calls[-1] == (30000, 30000) and all(total == 30000 for _, total in calls)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert result.sample_rate == 8000


def test_one_node_by_its_name() -> None:
    separator = Separator(TREE, nodes="b/c", splitters=[Oracle({})])
    assert separator.plan.wanted == ("b/c",)
    assert [node.path for node in separator.separate(np.ones((1, 100)), 8000)] == ["b/c"]


def test_separate_is_a_separator_used_once(tmp_path: Path) -> None:
    song = np.random.default_rng(0).uniform(-1, 1, (2, 5000))
    result = stemtree.separate(song, 16000, hierarchy=TREE, depth=1, splitters=[Oracle({}, "irm")])
    assert [node.path for node in result] == ["a", "b"]
    np.testing.assert_allclose(sum(node.audio for node in result), song, atol=1e-6)


def test_splitters_by_name_as_on_the_command_line() -> None:
    def names(separator: Separator) -> list[object]:
        return [splitter["name"] for splitter in separator.provenance]

    assert names(Separator(splitters="spleeter", depth=1)) == ["spleeter"]
    whole = names(Separator())
    assert names(Separator(splitters=[str(DEFAULT_MODEL)])) == names(Separator(splitters=DEFAULT_MODEL)) == whole
    with pytest.raises(SplitterError, match="there is no splitter 'demux': give spleeter, demucs"):
        stemtree.separate(np.zeros((1, 4000)), 8000, splitters="demux")


def test_names_bring_the_default_splitters_and_objects_do_not() -> None:
    own = Oracle({})
    assert find_splitters(splitters_of(own)) == find_splitters(splitters_of([own])) == [own]
    defaults = [type(splitter) for splitter in find_splitters(splitters_of(None))]
    first, second, *rest = find_splitters(splitters_of([own, "spleeter"]))
    assert first is own and isinstance(second, Spleeter) and [type(splitter) for splitter in rest] == defaults
    assert splitters_of(Path("a/b")) == ["a/b"] and splitters_of((own, Path("c"))) == [own, "c"]
    with pytest.raises(SplitterError, match="there is no splitter 'demux'"):
        Separator(TREE, splitters=[own, "demux"])
    with pytest.raises(SplitterError, match=r"the stem map 'a\.yaml' is for one separator, and no separator is given"):
        Separator(TREE, splitters=own, stem_maps="a.yaml")


def test_the_representation_is_what_the_command_line_prints(cli, wav: Path, tmp_path: Path) -> None:
    options = ("--depth", 1, "--subtype", "float", "-o", tmp_path / "stems")
    printed = cli("separate", wav, *options).out.splitlines()
    shown = repr(stemtree.separate(wav, depth=1)).splitlines()
    assert [line.replace(".wav", "") for line in printed[1:]] == shown[1:] and len(shown) == 3
    assert printed[0].split("  ")[1] == shown[0].split("  ")[1]


@pytest.mark.parametrize("name", ["musdb18", "moisesdb", "slakh"])
def test_a_hierarchy_of_sums_adds_up_to_the_same_song(separator: Separator, excerpt: np.ndarray, name: str) -> None:
    song = excerpt[:, :44100]
    summed, whole = Separator(name).separate(song, 44100), separator.separate(song, 44100)
    leaves = [node for node in summed.root if not node.children]
    np.testing.assert_allclose(sum(node.audio.astype(float) for node in leaves), song, atol=1e-6)
    drums = "drum kit" if name == "moisesdb" else "drums"
    for one, other in (("drums", drums), ("vocals", "vocals"), ("bass", "bass")):
        np.testing.assert_allclose(summed[one].audio, whole[other].audio, atol=1e-5)


def test_only_what_the_nodes_asked_for_are_made_of_is_walked() -> None:
    plan = Separator("musdb18", nodes=["Vocals"]).plan
    assert plan.wanted == ("vocals",) and [step.node for step in plan.steps] == [""]
    assert Separator("musdb18", depth=1).plan.made == (("",), ("vocals",), ("accompaniment",))
    drums = Separator("musdb18", nodes=["drums"]).plan
    made = [("vocal",), ("accompaniment/bass",), ("accompaniment/percussion",), ("accompaniment/other",)]
    assert [[drums.made[part] for part in numbers] for numbers in drums.numbers] == [[part] for part in made]
    assert Separator("moisesdb", nodes=["guitar"]).plan.wanted == ("guitar",)
    with pytest.raises(SplitterError, match=r"makes 'guitar/acoustic_guitar' .*: name 'guitar', which holds it"):
        Separator("moisesdb", nodes=["acoustic guitar"])
