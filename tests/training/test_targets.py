from pathlib import Path

import pytest

from stemtree.errors import HierarchyError, OptionError
from stemtree.hierarchy import load
from stemtree.training.configuration import read_settings
from stemtree.training.targets import training_targets, with_paths


def test_levels_that_a_path_has_not(config: Path) -> None:
    settings = read_settings([config], ["levels=[4]"])
    with pytest.raises(OptionError, match="no level 4 in a path of 3"):
        training_targets(settings, load("slakh"))


def test_a_target_is_not_called_as_what_is_left(config: Path, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("name: own\ntree: {vocals: {}, rest: {drums: {}, bass: {}}}\n")
    own = load(tmp_path / "own.yaml")
    for target in ("rest", "rest/drums"):
        settings = read_settings([config], [f"targets=[{target}]", f"hierarchy={tmp_path / 'own.yaml'}", "levels=[1]"])
        with pytest.raises(OptionError, match=f"the path of '{target}' has a node 'rest', which is what is left"):
            training_targets(settings, own)


def test_levels_of_a_tree(config: Path) -> None:
    """Four stems without their accompaniment."""
    changes = ["targets=[]", "hierarchy=musdb18", "levels=[1]"]
    flat = training_targets(read_settings([config], changes), load("musdb18"))
    assert flat.nodes == flat.example_nodes == flat.sampled
    assert flat.nodes == ("vocals", "accompaniment/bass", "accompaniment/drums", "accompaniment/other")
    assert flat.example_indices == (0, 1, 2, 3)
    beneath = read_settings([config], ["targets=[]", "hierarchy=ms21", "subtree=accompaniment", "levels=[2]"])
    goals = training_targets(beneath, load("ms21"))
    assert goals.nodes == ("percussion", "other") and goals.example_nodes == (
        "accompaniment/percussion", "accompaniment/other",
    )  # fmt: skip
    assert set(goals.sampled) == set(load("ms21").leaves("accompaniment"))
    with pytest.raises(OptionError, match=r"no node is at the levels \[3\]: give levels from 1 to 2"):
        training_targets(read_settings([config], [*changes[:2], "levels=[3]"]), load("musdb18"))


def test_goals(config: Path) -> None:
    slakh = load("slakh")
    one = training_targets(read_settings([config]), slakh)
    assert one.nodes == (
        "strings_guitar_keyboards/guitar/clean_guitars", "strings_guitar_keyboards/guitar", "strings_guitar_keyboards",
    )  # fmt: skip
    assert one.tree.children("strings_guitar_keyboards/guitar") == (
        "strings_guitar_keyboards/guitar/clean_guitars", "strings_guitar_keyboards/guitar/rest",
    )  # fmt: skip
    query = "network={kind: query_by_example}"
    many = training_targets(
        read_settings([config], [query, f"targets=[{one.nodes[0]}, bass/bass/electric_basses]", "levels=[1, 3]"]), slakh
    )
    assert many.nodes == ("level_3/level_2/level_1", "level_3") and many.example_indices == (0, 2)
    ms21 = load("ms21")
    whole = training_targets(read_settings([config], ["targets=[]", "subtree=accompaniment", "depth=1"]), ms21)
    assert whole.nodes == ("bass", "percussion", "other") and whole.example_nodes == tuple(
        f"accompaniment/{n}" for n in whole.nodes
    )


def test_nodes_by_the_names_that_people_use(config: Path) -> None:
    musdb18, ms21 = load("musdb18"), load("ms21")
    drums = read_settings([config], ["targets=[Drum kit]", "hierarchy=musdb18"])
    assert with_paths(drums, musdb18).targets == ("accompaniment/drums",)
    assert training_targets(drums, musdb18).sampled == ("accompaniment/drums",)
    music = read_settings([config], ["targets=[]", "hierarchy=musdb18", "subtree=karaoke"])
    assert with_paths(music, musdb18).subtree == "accompaniment"
    guitar = ["targets=[guitar, acoustic_guitar]", "hierarchy=ms21"]
    queries = read_settings([config], [*guitar, "network={kind: query_by_example}"])
    assert with_paths(queries, ms21).targets == (
        "accompaniment/other/electric_guitar", "accompaniment/other/acoustic_guitar",
    )  # fmt: skip
    with pytest.raises(HierarchyError, match=r"'guitar' means .* one node is wanted"):
        with_paths(read_settings([config], ["targets=[guitar]", "hierarchy=ms21"]), ms21)
    with pytest.raises(HierarchyError, match="has no node 'tuba'"):
        with_paths(read_settings([config], ["targets=[tuba]", "hierarchy=musdb18"]), musdb18)
