from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from stemtree.audio import ArraySource
from stemtree.errors import AudioError, HierarchyError, OptionError
from stemtree.hierarchy import Hierarchy
from stemtree.hierarchy.load import parse
from stemtree.separation.output.origin import Origin
from stemtree.separation.result import TreeResult
from stemtree.separation.walk import SeparatedBlock

TREE = parse("tree: {a: , b: {c: , d: }}", "mine")


def made(
    leaves: np.ndarray, tree: Hierarchy = TREE, wanted: tuple[str, ...] = TREE.paths, width: str = "float"
) -> TreeResult:
    """The result of these leaves, ``(leaf, channel, sample)``."""
    mixture = leaves.sum(axis=0, dtype=np.float64)
    source = ArraySource(mixture, 8000)
    source.width = width
    divided = {path: 0 for path in ("", *tree.paths) if tree.children(path)}
    origin = Origin(source, "0", tree, wanted, [{"name": "mine"}], divided)
    return TreeResult(origin, SeparatedBlock(mixture, leaves, leaves[:0]))


@pytest.fixture
def result() -> TreeResult:
    leaves = np.arange(12, dtype=np.float32).reshape(3, 2, 2) / 20
    return made(leaves, wanted=("b", "b/c"))


def test_inner_nodes_are_sums_of_their_children(result: TreeResult) -> None:
    np.testing.assert_allclose(result["b"].audio, result["b/c"].audio + result["b/d"].audio)
    np.testing.assert_allclose(result.root.audio, result["a"].audio + result["b"].audio)
    assert [node.path for node in result.root] == ["", "a", "b", "b/c", "b/d"]
    assert result["b"].level == 2 and result["b"].children[1].name == "d"


def test_children_may_share_out_a_node() -> None:
    tree = Hierarchy(TREE.name, TREE.root, continued=("b",))
    rows = np.arange(16, dtype=np.float32).reshape(4, 2, 2) / 20
    mixture = (rows[0] + rows[3]).astype(np.float64)
    origin = Origin(ArraySource(mixture, 8000), "0", tree, tree.paths, [], {})
    result = TreeResult(origin, SeparatedBlock(mixture, rows[:3], rows[3:]))
    assert (result["b"].audio == rows[3]).all()
    assert (result["b/d"].audio == rows[2]).all()


def test_iterates_over_what_was_asked_for(result: TreeResult) -> None:
    assert [node.path for node in result] == ["b", "b/c"]
    assert "b/d" in result and "b/e" not in result
    with pytest.raises(HierarchyError, match="no node 'b/e'"):
        result["b/e"]


def test_what_was_asked_for_is_listed_and_completed(result: TreeResult) -> None:
    assert result.keys() == ("b", "b/c") and len(result) == 2 and dict(result) == {"b": result["b"], "b/c": result["c"]}
    tree = parse("aliases: {all: [x, y]}\ntree: {x: {z: , w: }, y: {z: }}", "mine")
    leaves = np.zeros((3, 1, 2), np.float32)
    named = made(leaves, tree, tree.paths)
    assert named._ipython_key_completions_() == ["x", "x/z", "x/w", "y", "y/z", "w", "all"]
    assert all(name in named for name in named._ipython_key_completions_())


def test_it_is_represented_by_its_tree() -> None:
    leaves = np.array([[[0.1, -0.1]], [[0.0, 0.0]], [[0.4, -0.4]]], np.float32)
    result = made(leaves)
    assert repr(result).splitlines() == [
        "mixture  -6.0 dBFS, 0.0 s",
        "├── a  -20.0 dBFS    4.0% of the energy",
        "└── b  -8.0 dBFS   64.0% of the energy",
        "    ├── b/c  silent    0.0% of the energy, inactive",
        "    └── b/d  -8.0 dBFS   64.0% of the energy",
    ]


def test_saved_nodes_add_up(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    leaves = random.uniform(-0.3, 0.3, (3, 2, 70000)).astype(np.float32)
    mixture = leaves.sum(axis=0, dtype=np.float64)
    result = made(leaves, width="pcm16")
    files = result.save(tmp_path / "new" / "song")
    assert [str(file.relative_to(tmp_path / "new" / "song")) for file in files] == [
        "a.wav",
        "b.wav",
        "b/c.wav",
        "b/d.wav",
    ]
    a, b, c, d = (soundfile.read(file, dtype="int16")[0].astype(int) for file in files)
    assert (b == c + d).all() and (a + b == np.rint(mixture.T * 2**15)).all()
    content = [file.stat().st_mtime_ns for file in files]
    assert result.save(tmp_path / "new" / "song") == files
    assert [file.stat().st_mtime_ns for file in files] == content
    assert result.save(tmp_path / "new" / "song", overwrite=True) == files
    other = TreeResult(replace(result._origin, checksum="1"), result._samples)
    with pytest.raises(OptionError, match="song' holds stems of another input: give --overwrite or another folder"):
        other.save(tmp_path / "new" / "song")
    (flac, *_) = result.save(tmp_path / "new" / "song", "flac", "pcm24")
    assert soundfile.info(flac).subtype == "PCM_24" and files[0].exists()
    for wrong, message in ((("aiff",), "no output format 'aiff'"), (("flac", "float"), "flac holds integers")):
        with pytest.raises(OptionError, match=message):
            result.save(tmp_path / "other", *wrong)
    (tmp_path / "file").write_text("")
    with pytest.raises(AudioError, match="file"):
        result.save(tmp_path / "file" / "song")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "new"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["song"]


def test_some_of_the_nodes(tmp_path: Path) -> None:
    leaves = np.random.default_rng(0).uniform(-0.3, 0.3, (3, 2, 70000)).astype(np.float32)
    leaves[1] *= 1e-3
    mixture = leaves.sum(axis=0, dtype=np.float64)
    result = made(leaves, width="pcm16")

    def names(folder: str, **options: Any) -> list[str]:
        folder = tmp_path / folder
        return [str(file.relative_to(folder)) for file in result.save(folder, **options)]

    assert names("leaves", leaves=True) == ["a.wav", "b/c.wav", "b/d.wav"]
    assert names("flat", flat=True) == ["a.wav", "sums/b.wav", "c.wav", "d.wav"]
    assert names("active", active_only=True) == ["a.wav", "b.wav", "b/d.wav"]
    assert names("active", without="a") == ["without_a.wav"]
    a, rest = (soundfile.read(tmp_path / "active" / f"{name}.wav", dtype="int16")[0] for name in ("a", "without_a"))
    assert (a + rest == np.rint(mixture.T * 2**15)).all()
    assert names("flat", without=["b/c", "a"], format="flac", flat=True) == ["sums/without_a+c.flac"]
    assert names("float", without="a", format="wav", subtype="float") == ["without_a.wav"]
    assert np.abs(soundfile.read(tmp_path / "float" / "without_a.wav")[0].T - leaves[1:].sum(axis=0)).max() < 1e-6
    with pytest.raises(OptionError, match="without b and a nothing is left"):
        result.save(tmp_path, without=["b", "a"])


def test_loudness_is_rounded_and_silence_is_minus_infinity() -> None:
    leaves = np.array([[[0.1, -0.1]], [[0.0, 0.0]], [[1.0, 1.0]]], np.float32)
    result = made(leaves)
    assert result["a"].rms_dbfs == -20
    assert result["b/c"].rms_dbfs == -np.inf
    assert f"{result['b/d'].rms_dbfs}" == "0.0"


def test_a_name_of_several_nodes_is_their_sum() -> None:
    tree = parse("aliases: {guitar: [x, y]}\ntree: {x: , y: , z: }", "mine")
    leaves = np.arange(6, dtype=np.float32).reshape(3, 1, 2) / 8
    result = made(leaves, tree, tree.paths)
    np.testing.assert_array_equal(result["Guitar"].audio, leaves[0] + leaves[1])
    assert result["guitar"].children == (result["x"], result["y"]) and result["guitar"].level == 2
    assert "guitar" in result and "violin" not in result
