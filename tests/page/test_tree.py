import json
from pathlib import Path

import pytest
from support.page_songs import MS21, make_song, paths_of

from stemtree.errors import StemtreeError
from stemtree.hierarchy import load
from stemtree.page.colours import families_of, presets_of
from stemtree.page.tree import REST, read_tree


def test_a_whole_tree(tmp_path: Path) -> None:
    make_song(tmp_path)
    tree = read_tree(tmp_path)
    assert [node.path for node in tree.nodes] == ["", *paths_of(MS21)]
    assert [tree.nodes[leaf.node].path for leaf in tree.leaves] == [
        "vocal",
        "accompaniment/bass",
        "accompaniment/percussion/drum_set",
        "accompaniment/percussion/nontonal_percussion",
        "accompaniment/other/pianos",
    ]
    assert tree.covers and tree.bits == 16 and not tree.is_lossy and tree.title == "A song"
    by_path = {node.path: node for node in tree.nodes}
    assert by_path["accompaniment"].leaves == range(1, 5)
    assert [tree.nodes[child].path for child in by_path["accompaniment"].children] == [
        "accompaniment/bass",
        "accompaniment/percussion",
        "accompaniment/other",
    ]


def test_what_is_left_of_a_parent_is_a_leaf(tmp_path: Path) -> None:
    make_song(tmp_path, wanted=["accompaniment", "accompaniment/percussion/drum_set"])
    tree = read_tree(tmp_path)
    assert [(node.path, node.name) for node in tree.nodes] == [
        ("", "mixture"),
        ("accompaniment", "accompaniment"),
        ("accompaniment/percussion/drum_set", "percussion/drum_set"),
        (f"accompaniment/{REST}", REST),
    ]
    assert not tree.covers
    assert tree.leaves[1].file == "accompaniment.wav"
    assert tree.leaves[1].less == ("accompaniment/percussion/drum_set.wav",)
    with_song = read_tree(tmp_path, mixture=True)
    assert with_song.covers and with_song.leaves[-1].less == ("accompaniment.wav",)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (None, "holds no tree.json: give a song's folder that stemtree separate wrote"),
        ("{", "(not JSON): separate the song again"),
        ("[]", "is no manifest of stemtree separate: separate the song again"),
        ('{"nodes": 3}', "is no manifest of stemtree separate: separate the song again"),
        ({"nodes": [{"path": "a", "file": "../a.wav"}]}, "names a stem outside its folder ('../a.wav')"),
        ({"samples": 0}, "describes no audio"),
        ({"sample_rate": "x"}, "is no manifest"),
    ],
)
def test_broken_manifests(tmp_path: Path, broken: object, message: str) -> None:
    folder = tmp_path / "song"
    make_song(folder)
    (tmp_path / "a.wav").touch()
    if broken is None:
        (folder / "tree.json").unlink()
    elif isinstance(broken, dict):
        manifest = json.loads((folder / "tree.json").read_text()) | broken
        (folder / "tree.json").write_text(json.dumps(manifest))
    else:
        (folder / "tree.json").write_text(str(broken))
    with pytest.raises(StemtreeError) as error:
        read_tree(folder)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_sum_outside_the_folder(tmp_path: Path) -> None:
    """It is not played, but an archive would hold it."""
    folder = tmp_path / "song"
    make_song(folder)
    manifest = json.loads((folder / "tree.json").read_text())
    next(row for row in manifest["nodes"] if row["path"] == "accompaniment")["file"] = "../private.txt"
    (folder / "tree.json").write_text(json.dumps(manifest))
    with pytest.raises(StemtreeError, match=r"names a stem outside its folder \('../private.txt'\)"):
        read_tree(folder)


def test_a_folder_of_songs_names_them(tmp_path: Path) -> None:
    make_song(tmp_path / "one")
    with pytest.raises(StemtreeError, match="there is one in one"):
        read_tree(tmp_path)
    with pytest.raises(StemtreeError, match="there is no folder"):
        read_tree(tmp_path / "none")


def test_a_missing_stem(tmp_path: Path) -> None:
    make_song(tmp_path)
    (tmp_path / "vocal.wav").unlink()
    with pytest.raises(StemtreeError, match=r"vocal.wav' is missing: separate the song again"):
        read_tree(tmp_path)


def test_families_and_presets() -> None:
    paths = load("slakh").paths
    families = {path.rpartition("/")[2]: family.name for path, family in families_of(paths).items()}
    assert families["strings_guitar_keyboards"] == "neutral"
    assert families["alto_saxophone"] == families["flute"] == "winds"
    assert families["other_chromatic"] == "drums" and families["harpsichord"] == "keys"
    assert presets_of(load("ms21").paths) == {
        "karaoke": ["vocal"],
        "drumless": ["accompaniment/percussion"],
        "bass only": ["accompaniment/bass"],
    }
