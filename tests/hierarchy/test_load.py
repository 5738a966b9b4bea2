from pathlib import Path

import pytest
import yaml

from stemtree.errors import HierarchyError
from stemtree.hierarchy import available, load
from stemtree.hierarchy.load import parse, read_labels, with_label_map


def test_definitions_have_the_sources_shapes() -> None:
    assert available() == ("medleydb", "moisesdb", "ms21", "ms21_deep", "musdb18", "slakh")
    slakh = load("slakh")
    assert [len(slakh.at_level(level)) for level in (4, 3, 2)] == [4, 8, 18]  # families, classes, sub-classes
    assert len(slakh.leaves()) >= 34
    assert len(load("ms21").leaves()) == len(load("medleydb").leaves()) == 14
    assert load("musdb18").leaves() == ("vocals", "accompaniment/bass", "accompaniment/drums", "accompaniment/other")
    assert len(load("moisesdb").children()) == 11


@pytest.mark.parametrize(
    ("name", "label", "leaf"),
    [
        ("slakh", "elektrik_guitar.nkm", "strings_guitar_keyboards/guitar/effected_guitars/distorted_electric_guitar"),
        ("slakh", "Acoustic Grand Piano", "strings_guitar_keyboards/keyboards/acoustic_piano/piano"),
        ("ms21", "Drum_Overheads", "accompaniment/percussion/drum_set"),
        ("ms21", "Electric Bass (finger)", "accompaniment/bass"),
        ("ms21", "Lead_Vocal", "vocal/lead_vocal"),
        ("medleydb", "fx/processed sound", "accompaniment/other/fx_processed_sound"),
        ("medleydb", "female singer", "vocal/backing_vocal"),
        ("medleydb", "female singer (melody)", "vocal/lead_vocal"),
        ("moisesdb", "Lead Male Singer", "vocals/lead_male_singer"),
    ],
)
def test_labels_of_the_corpora(name: str, label: str, leaf: str) -> None:
    assert load(name).leaf(label) == leaf


def test_every_label_in_published_metadata_has_a_leaf() -> None:
    labels = yaml.safe_load((Path(__file__).parents[1] / "support" / "corpora" / "published_labels.yaml").read_text())
    medleydb, moisesdb = load("medleydb"), load("moisesdb")
    assert {label for label in labels["medleydb"] if not medleydb.knows(label)} == set()
    types = [(group, label) for group, of_group in labels["moisesdb"].items() for label in of_group]
    assert len(types) == 44
    for group, label in types:
        assert moisesdb.leaf(label).startswith(f"{group.replace(' ', '_')}/"), label
    for label in labels["unnamed"]:
        assert not medleydb.knows(label)


def test_a_users_own_file(tmp_path: Path) -> None:
    file = tmp_path / "band.yaml"
    file.write_text("tree:\n  voice: [singer]\n  band:\n    drums:\n    rest: [gtr, keys]\n")
    band = load(file)
    assert (band.name, band.leaves(), band.leaf("gtr")) == ("band", ("voice", "band/drums", "band/rest"), "band/rest")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tree: {a: , a: }", "line 1: 'a' stands twice among siblings"),
        ("tree:\n  a:\n  A:\n", "two nodes under the mixture are called 'A'"),
        ("tree: &x\n  a: *x\n", "'a' contains itself: a hierarchy cannot have a cycle"),
        ("tree: {}", "is empty"),
        ("tree:", "is empty"),
        ("", "no key 'tree'"),
        ("- a\n- b\n", "no key 'tree'"),
        ("tree: [a, b]", "'tree' must map names to nodes"),
        ("tree: {a: [", "not readable as YAML: line 1"),
        ("tree: {a: b}", r"'a' is 'b': a leaf has a list of labels, such as \[b\]"),
        ("tree: {on: , b: }", "the name True is not text to YAML"),
        ("tree: {a: [808]}", "the label 808 of 'a' is not text"),
        ("tree: {a: }\nlabel: {}", "unknown key 'label'"),
        ("name: 5\ntree: {a: }", "must be text"),
        ("tree: {? [a] : b}", "a name must be plain text"),
        ("tree: {a: 2001-13-45}", "not readable as YAML: month must be in 1..12"),
        ("tree: {a: !!timestamp x}", "not readable as YAML"),
        ("tree: {a: ['']}", "the label '' of 'a' has no letter or digit"),
        ("tree: !!python/object:os.system {}", "not readable as YAML"),
    ],
)
def test_malformed(text: str, message: str) -> None:
    with pytest.raises(HierarchyError, match=message):
        parse(text, "mine")


@pytest.mark.parametrize("depth", [70, 200, 400, 3000])
def test_deep_nesting_is_an_error_not_a_crash(depth: int) -> None:
    with pytest.raises(HierarchyError, match="too deeply"):
        parse("tree: " + "{a: " * depth + "}" * depth, "mine")


def test_missing_definition_and_file(tmp_path: Path) -> None:
    with pytest.raises(HierarchyError, match="no hierarchy 'ms12'; did you mean ms21"):
        load("ms12")
    with pytest.raises(HierarchyError, match=r"cannot read the hierarchy file '.*none\.yaml': No such file"):
        load(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_bytes(b"tree: {\xff: }")
    with pytest.raises(HierarchyError, match="not UTF-8"):
        load(tmp_path / "bad.yaml")


def test_label_maps(tmp_path: Path) -> None:
    file = tmp_path / "labels.yaml"
    file.write_text("Kick In: accompaniment/percussion/drum_set\nbass: accompaniment/other/strings\n")
    labelled = load("ms21").with_labels(read_labels(file))
    assert labelled.leaf("kick_in") == "accompaniment/percussion/drum_set"
    assert labelled.leaf("Bass") == "accompaniment/other/strings"  # in spite of the leaf of that name
    assert labelled.leaf("Electric_Bass") == "accompaniment/bass"
    assert labelled.paths == load("ms21").paths
    file.write_text("Kick In: Drum-Kit\nharpsi: piano\n")
    named = with_label_map(load("ms21"), file)
    assert named.leaf("kick in") == "accompaniment/percussion/drum_set"
    assert named.leaf("harpsi") == "accompaniment/other/pianos"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kick: accompaniment", "the label 'kick' means 'accompaniment', which is no leaf"),
        (
            "kick: accompaniment/drum",
            "labels.yaml: the label 'kick' means 'accompaniment/percussion', which is no leaf",
        ),
        ("kick: guitar", "labels.yaml: the label 'kick' means 'guitar', which is no node"),
        (
            "kick: drumset/x",
            "labels.yaml: the label 'kick' means 'drumset/x', which is no node",
        ),
        ("kick: 2001-13-45", "labels.yaml: not readable as YAML: month must be in 1..12; put it in quotes"),
        ("kick: !!int x", "labels.yaml: not readable as YAML"),
        ("kick: !!timestamp x", "labels.yaml: not readable as YAML"),
        ("kick: !!bool x", "labels.yaml: not readable as YAML"),
        ("[" * 5000, "labels.yaml: nested too deeply"),
        ("'--': accompaniment/bass", "labels.yaml: the label '--' of 'accompaniment/bass' has no letter or digit"),
        ("- kick", "must have lines of 'label: path of a leaf'"),
        ("kick: 3", "must have lines of 'label: path of a leaf'"),
        ("a: b\na: c", "'a' stands twice"),
        ("a: [", "labels.yaml: not readable as YAML: line 1"),
    ],
)
def test_bad_label_maps(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "labels.yaml"
    file.write_text(text)
    with pytest.raises(HierarchyError, match=message):
        with_label_map(load("ms21"), file)
    with pytest.raises(HierarchyError, match=r"cannot read the label map '.*none\.yaml'"):
        read_labels(tmp_path / "none.yaml")


def test_a_hierarchy_continues_another() -> None:
    ms21, deep = load("ms21"), load("ms21_deep")
    assert deep.continued == ("accompaniment/percussion/drum_set",)
    assert deep.cut(lambda path: path in deep.continued).root.children[0] == ms21.root.children[0]
    assert deep.prune(3).paths == ms21.paths and deep.prune(3).continued == ()
    assert deep.subtree("accompaniment").continued == ("percussion/drum_set",)
    assert deep.leaf("Drum_Kick") == "accompaniment/percussion/drum_set/kick"
    assert deep.leaf("Conga") == ms21.leaf("Conga")
    assert not deep.knows("Drum_Room")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("continues: ms12\ntree: {vocal/lead_vocal: {a: }}", "it continues 'ms12'; did you mean ms21"),
        ("continues: [ms21]\ntree: {vocal/lead_vocal: {a: }}", "name one that comes along"),
        ("continues: ms21\ntree:", "it continues 'ms21' nowhere"),
        ("continues: ms21\ntree: {vocal: {a: }}", "'vocal' is no leaf of hierarchy 'ms21'"),
        ("continues: ms21\ntree: {vocals: {a: }}", "no node 'vocals'; did you mean vocal"),
        ("continues: ms21\ntree: {3: {a: }}", "no node '3'"),
        ("continues: ms21\ntree: {vocal/lead_vocal: [a]}", "'vocal/lead_vocal' continues with"),
        ("continues: ms21\ntree: {vocal/lead_vocal: {bass: [Synth_Bass]}}", "label 'Synth_Bass' stands under both"),
    ],
)
def test_what_cannot_be_continued(text: str, message: str) -> None:
    with pytest.raises(HierarchyError, match=message):
        parse(text, "mine")


@pytest.mark.parametrize("name", ["ms21", "ms21_deep", "medleydb"])
def test_names_that_corpora_give_to_voices(name: str) -> None:
    named = with_label_map(load(name), Path(__file__).parents[2] / "recipes" / "voices" / "labels.yaml")
    for label in ("VOX LEAD", "Lead Female Singer", "female singer (melody)", "Lead_Vocal", "lead vocals"):
        assert named.leaf(label) == "vocal/lead_vocal"
    for label in ("BGVOX", "Background Vocals", "female singer", "Backing_Vocal", "Human Choir"):
        assert named.leaf(label) == "vocal/backing_vocal"
