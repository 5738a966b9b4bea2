"""Runs share a song's folder: whatever is asked for in whatever order, what is there adds up and is listed."""

import errno
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from stemtree.audio import OutputFormat, open_source
from stemtree.audio.tags import Picture, Tags, read_tags, write_tags
from stemtree.errors import AudioError, OptionError
from stemtree.hierarchy import MIXTURE, Hierarchy, Node, NodePath
from stemtree.separation.output.layout import StemLayout
from stemtree.separation.output.manifest import MANIFEST
from stemtree.separation.output.recipe import difference, recipes
from stemtree.separation.separator import Separator
from stemtree.separation.splitters.base import Block, Splitter
from stemtree.spectral import Stft
from stemtree.types import Masks

RATE = 8000


class Shares(Splitter):
    """Hands each child a share that may be negative or above one, so that nodes exceed full scale."""

    stft, block_frames = Stft(256, 128, RATE), 32

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def outputs(self, hierarchy: Hierarchy, node: NodePath) -> tuple[NodePath, ...]:
        return hierarchy.children(node)

    def masks(self, block: Block, node: NodePath, outputs: tuple[NodePath, ...]) -> Masks:
        shares = np.random.default_rng([self.seed, len(node), len(outputs)]).uniform(-1, 1.5, len(outputs))
        shares[-1] = 1 - shares[:-1].sum()
        return torch.from_numpy(shares).float()[:, None, None, None].expand(-1, *block.spectrogram.shape)

    def provenance(self) -> dict[str, object]:
        return {"name": "shares", "seed": self.seed}


def _tree(name: str, content: dict[str, Any]) -> Node:
    return Node(name, tuple(_tree(child, below) for child, below in content.items()))


TREE = Hierarchy(
    "any",
    _tree("mixture", {"voice": {}, "band": {"bass": {}, "kit": {"kick": {}, "snare": {}}, "keys": {"organ": {}}}}),
)
OTHER = Hierarchy("other", _tree("mixture", {"voice": {}, "band": {"bass": {}, "rest": {}}}))


@pytest.fixture
def loud(tmp_path: Path) -> Path:
    samples = np.random.default_rng(1).uniform(-1, 1, (5000, 2))
    soundfile.write(tmp_path / "song.wav", samples, RATE, "PCM_16")
    return tmp_path / "song.wav"


def separator(hierarchy: Hierarchy = TREE, seed: int = 0, **options: Any) -> Separator:
    return Separator(hierarchy, splitters=[Shares(seed)], **options)


def check(folder: Path, song: Path) -> dict[str, Any]:
    """All that is listed is there, and all integers of one width add up, across runs and containers."""
    manifest = json.loads((folder / MANIFEST).read_text())
    runs = [manifest, *manifest.get("also", [])]
    by_width: dict[int, dict[NodePath, np.ndarray]] = {}
    without: list[tuple[int, list[NodePath], np.ndarray]] = []
    for run in runs:
        for row in run.get("without", ()):
            width = int(run["format"]["subtype"][3:])
            without.append(
                (width, row["nodes"], soundfile.read(folder / row["file"], dtype="int32")[0] >> (32 - width))
            )
            assert not row["held_at_full_scale"]
        for row in run["nodes"]:
            assert (folder / row["file"]).is_file()
            if (width := run["format"]["subtype"]) in ("pcm16", "pcm24"):
                samples = soundfile.read(folder / row["file"], dtype="int32")[0] >> (32 - int(width[3:]))
                known = by_width.setdefault(int(width[3:]), {}).setdefault(row["path"], samples)
                assert np.array_equal(known, samples)
    for width, nodes in by_width.items():
        nodes[MIXTURE] = soundfile.read(song, dtype="int32")[0] >> (32 - width)
        for path, samples in nodes.items():
            children = TREE.children(path)
            if children and all(child in nodes for child in children):
                assert np.array_equal(sum(nodes[child] for child in children), samples)
    for width, paths, samples in without:
        nodes = by_width.get(width, {})
        if len(paths) == 1 and paths[0] in nodes:
            assert np.array_equal(nodes[MIXTURE] - nodes[paths[0]], samples)
    listed = {row["file"] for run in runs for row in (*run["nodes"], *run.get("without", ()))}
    assert {str(file.relative_to(folder)) for file in folder.rglob("*.*") if file.name != MANIFEST} == listed
    return manifest


def test_a_deeper_tree_joins_what_is_there(loud: Path, tmp_path: Path) -> None:
    first = separator(depth=1).save(loud, tmp_path / "out")
    files = {file: file.read_bytes() for file in first.folder.rglob("*.wav")}
    assert [path.name for path in sorted(files)] == ["band.wav", "voice.wav"]
    second = separator().save(loud, tmp_path / "out")
    assert all(file.read_bytes() == content for file, content in files.items()) and not second.existed
    manifest = check(second.folder, loud)
    assert [row["path"] for row in manifest["nodes"]] == list(TREE.paths) == manifest["wanted"]
    assert [row["level"] for row in manifest["nodes"]] == [TREE.level(path) for path in TREE.paths]
    assert manifest["hierarchy"]["tree"] == TREE.as_dict() and "also" not in manifest
    assert {row["path"]: row["recipe"] for row in manifest["nodes"]} == recipes(manifest)
    once = separator().save(loud, tmp_path / "at once")
    assert [row["path"] for row in once.manifest["nodes"]] == list(TREE.paths)
    for one, two in zip(once.manifest["nodes"], second.manifest["nodes"], strict=True):
        assert one["rms_dbfs"] == pytest.approx(two["rms_dbfs"], abs=0.02)


@pytest.mark.parametrize("seed", range(8))
def test_any_runs_in_any_order(seed: int, loud: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    width = ("pcm16", "pcm24")[seed % 2]
    outputs = [OutputFormat("wav", width), OutputFormat("flac", width), OutputFormat("mp3")]
    asked: set[tuple[str, NodePath]] = set()
    for _ in range(6):
        nodes = list(random.choice(TREE.paths, random.integers(1, 4), replace=False))
        options = [{"depth": int(random.integers(1, 4))}, {"nodes": nodes}][random.integers(2)]
        output = outputs[random.choice(3, p=[0.4, 0.4, 0.2])]
        overwrite = random.random() < 0.3
        made = separator(**options)
        new = {(f"{output}", path) for path in made.plan.wanted}
        saved = made.save(loud, tmp_path / "out", output, overwrite=overwrite)
        assert saved.existed == (new <= asked and not overwrite)
        assert [row["path"] for row in saved.manifest["nodes"]] == list(made.plan.wanted)
        asked |= new
        manifest = check(saved.folder, loud)
        runs = [manifest, *manifest.get("also", [])]
        assert sum(len(run["nodes"]) for run in runs) == len(asked)
        assert manifest["format"]["container"] == output.container  # the last run's stands first


def test_what_is_asked_for_again_is_there(loud: Path, tmp_path: Path) -> None:
    separator().save(loud, tmp_path)
    separator(nodes=["voice"]).save(loud, tmp_path, OutputFormat("flac"))
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "song").rglob("*.*") if file.name != MANIFEST}
    for options in ({"depth": 1}, {"nodes": ["band/kit"]}, {}):
        again = separator(**options).save(loud, tmp_path)
        assert again.existed and [row["path"] for row in again.manifest["nodes"]] == list(
            separator(**options).plan.wanted
        )
        assert check(again.folder, loud)["format"]["container"] == "wav"
    assert {file: file.stat().st_mtime_ns for file in before} == before


def test_overwriting_replaces_what_it_writes_and_nothing_else(loud: Path, tmp_path: Path) -> None:
    folder = separator().save(loud, tmp_path).folder
    (folder / "notes.txt").write_text("mine")
    before = {file: file.read_bytes() for file in folder.rglob("*.wav")}
    separator(seed=1, depth=1).save(loud, tmp_path, overwrite=True)
    changed = {str(file.relative_to(folder)) for file, content in before.items() if file.read_bytes() != content}
    assert changed == {"voice.wav", "band.wav"} and (folder / "notes.txt").read_text() == "mine"
    manifest = json.loads((folder / MANIFEST).read_text())
    assert [row["path"] for row in manifest["nodes"]] == ["voice", "band"]
    [left] = manifest["also"]
    assert [row["path"] for row in left["nodes"]] == [path for path in TREE.paths if "/" in path]
    assert left["splitters"] != manifest["splitters"]


@pytest.mark.parametrize(
    ("made", "what"),
    [
        (lambda: separator(seed=1), "made with other weights of shares"),
        (lambda: separator(seed=1, nodes=["voice"]), "made with other weights of shares"),
        (lambda: separator(OTHER), "of the hierarchy 'any', not 'other'"),
        (lambda: separator(OTHER, nodes=["band/rest"]), "of the hierarchy 'any', not 'other'"),
    ],
)
def test_stems_made_otherwise_are_not_mixed(made: Any, what: str, loud: Path, tmp_path: Path) -> None:
    """Also in another format, and where only siblings are there."""
    separator(nodes=["voice", "band/bass"]).save(loud, tmp_path)
    before = sorted((tmp_path / "song").rglob("*"))
    for output in (OutputFormat(), OutputFormat("flac")):
        with pytest.raises(OptionError) as caught:
            made().save(loud, tmp_path, output)
        assert str(caught.value) == f"'{tmp_path / 'song'}' holds stems {what}: give --overwrite or another folder"
    assert sorted((tmp_path / "song").rglob("*")) == before


def test_what_differs_is_said() -> None:
    run = {
        "stemtree": "1", "input": {"file": "a", "sha256": "0"}, "hierarchy": {"name": "h", "tree": {"a": {}}},
        "splitters": [{"name": "x", "like": {"file": "q", "sha256": "1"}}], "split_by": {"": 0},
    }  # fmt: skip
    assert difference(run, run | {"input": {"file": "b", "sha256": "0"}}) is None
    assert difference(run, run | {"input": {"file": "a", "sha256": "1"}}) == "of another input"
    stream = run["input"] | {"stream": 2}
    assert difference(run | {"input": stream}, run) == "of audio stream 2, not 0"
    assert difference(run, run | {"stemtree": "2"}) == "made by version 1, not 2"
    assert difference(run, run | {"splitters": [{"name": "y"}]}) == "made by x, not by y"
    like = {"name": "x", "like": {"file": "q", "sha256": "2"}}
    assert difference(run, run | {"splitters": [like]}) == "made with another example"
    elsewhere = {"hierarchy": {"name": "g", "tree": {"b": {}}}, "splitters": [like]}
    assert difference(run, run | elsewhere) is None  # they have no node in common


def test_another_width_under_the_same_names(loud: Path, tmp_path: Path) -> None:
    separator(depth=1).save(loud, tmp_path)
    with pytest.raises(OptionError, match="holds stems of subtype pcm16, not float: give --overwrite"):
        separator().save(loud, tmp_path, OutputFormat("wav", "float"))
    separator(nodes=["voice"]).save(loud, tmp_path, OutputFormat("wav", "float"), overwrite=True)
    manifest = check(tmp_path / "song", loud)
    assert [
        (run["format"]["subtype"], [row["path"] for row in run["nodes"]]) for run in (manifest, *manifest["also"])
    ] == [
        ("float", ["voice"]),
        ("pcm16", ["band"]),
    ]


def test_files_that_nobody_knows_are_left(loud: Path, tmp_path: Path) -> None:
    folder = separator(nodes=["band"]).save(loud, tmp_path).folder
    (folder / "voice.wav").write_text("mine")
    for description in ((folder / MANIFEST).read_text(), None):
        if description is None:
            (folder / MANIFEST).unlink()
        else:
            (folder / MANIFEST).write_text(description)
        with pytest.raises(OptionError, match=r"is there, and no tree.json says what it is: give --overwrite"):
            separator(depth=1).save(loud, tmp_path)
    for description in ('{"nodes": [], "of": "another program"}', "{}", "[1, 2]", "{cut", ""):
        (folder / MANIFEST).write_text(description)
        with pytest.raises(OptionError, match=r"holds a tree.json that is not of stemtree separate: give --overwrite"):
            separator(nodes=["band/kit"]).save(loud, tmp_path)
        assert (folder / MANIFEST).read_text() == description
    assert (folder / "voice.wav").read_text() == "mine"
    separator(depth=1).save(loud, tmp_path, overwrite=True)
    check(folder, loud)


@pytest.mark.parametrize("file", ["{outside}", "../victim.txt", "a/../../victim.txt", "", ".", "a\0b"])
@pytest.mark.parametrize("is_also", [False, True])
def test_files_outside_the_folder_are_nobodys_stems(file: str, is_also: bool, loud: Path, tmp_path: Path) -> None:
    """A description that names such files is not ours: they are not deleted, whatever is asked for."""
    folder = separator(depth=1).save(loud, tmp_path / "out").folder
    victim = tmp_path / "out" / "victim.txt"
    victim.write_text("mine")
    manifest = json.loads((folder / MANIFEST).read_text())
    spoilt = json.loads(json.dumps(manifest))
    spoilt["nodes"][0]["file"] = file.format(outside=victim)
    (folder / MANIFEST).write_text(json.dumps(manifest | {"also": [spoilt]} if is_also else spoilt))
    with pytest.raises(OptionError, match=r"holds a tree.json that is not of stemtree separate: give --overwrite"):
        separator().save(loud, tmp_path / "out")
    separator().save(loud, tmp_path / "out", overwrite=True)
    assert victim.read_text() == "mine"
    check(folder, loud)


def test_sums_outside_the_folder_are_nobodys_stems(loud: Path, tmp_path: Path) -> None:
    layout = StemLayout(without=("voice",))
    folder = separator(nodes=["voice"]).save(loud, tmp_path, layout=layout).folder
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["without"][0]["file"] = "../song.wav"
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(OptionError, match=r"holds a tree.json that is not of stemtree separate: give --overwrite"):
        separator().save(loud, tmp_path)
    assert loud.exists()


def test_a_description_that_does_not_say_who_divided_what_is_of_another_program(loud: Path, tmp_path: Path) -> None:
    folder = separator().save(loud, tmp_path).folder
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["split_by"]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(OptionError, match=r"holds a tree.json that is not of stemtree separate: give --overwrite"):
        separator().save(loud, tmp_path)


EDITS: dict[str, Any] = {
    "quieter": lambda samples: samples // 2,
    "upside down": lambda samples: np.maximum(samples, -32767) * -1,
    "one channel": lambda samples: samples[:, :1],
    "one step": lambda samples: samples + (np.arange(samples.size) == 9).reshape(samples.shape),
    "silent": lambda samples: samples * 0,
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("container", ["wav", "flac"])
def test_stems_that_were_changed_are_not_added_to(edit: str, container: str, loud: Path, tmp_path: Path) -> None:
    """One that stays would change its siblings, with --overwrite too; the message names it and what helps."""
    out, output = tmp_path / "out", OutputFormat(container)
    folder = separator(nodes=["voice", "band/bass"]).save(loud, out, output).folder
    for file, asked in (("voice", {"nodes": ["band"]}), ("band/bass", {"depth": 1})):
        stem = folder / f"{file}.{container}"
        whole = stem.read_bytes()
        samples, _ = soundfile.read(stem, dtype="int16")
        soundfile.write(stem, EDITS[edit](samples).astype(np.int16), RATE, "PCM_16")
        before = {path: path.read_bytes() for path in out.rglob("*.*")}
        for overwrite in (False, True):
            with pytest.raises(AudioError) as caught:
                separator(**asked).save(loud, out, output, overwrite=overwrite)
            assert str(caught.value) == (
                f"the stem '{stem}' has changed since it was separated, and those beside it would no longer add up: "
                "delete it, or give another folder with -o"
            )
            assert {path: path.read_bytes() for path in out.rglob("*.*")} == before
        stem.write_bytes(whole)
    samples, _ = soundfile.read(stem, dtype="int16")
    soundfile.write(stem, EDITS[edit](samples).astype(np.int16), RATE, "PCM_16")
    separator().save(loud, tmp_path / "another", output)
    stem.unlink()
    separator().save(loud, out, output)
    check(folder, loud)


def test_the_song_without_a_node_that_was_changed(loud: Path, tmp_path: Path) -> None:
    quiet = tmp_path / "quiet.wav"
    soundfile.write(quiet, soundfile.read(loud)[0] / 8, RATE, "PCM_16")
    folder = separator(nodes=["voice"]).save(quiet, tmp_path, layout=StemLayout(without=("voice",))).folder
    samples, _ = soundfile.read(folder / "without_voice.wav", dtype="int16")
    soundfile.write(folder / "without_voice.wav", samples // 2, RATE, "PCM_16")
    with pytest.raises(AudioError, match=r"without_voice.wav' has changed since it was separated"):
        separator(depth=1).save(quiet, tmp_path)


def test_a_change_that_the_checksum_does_not_show(loud: Path, tmp_path: Path) -> None:
    """The sums do, where no siblings are left to take it."""
    folder = separator(depth=1).save(loud, tmp_path).folder
    samples, _ = soundfile.read(folder / "voice.wav", dtype="int16", always_2d=True)
    soundfile.write(folder / "voice.wav", samples[::-1], RATE, "PCM_16")
    manifest = json.loads((folder / MANIFEST).read_text())
    (row,) = (row for row in manifest["nodes"] if row["path"] == "voice")
    row["crc32"] = [f"{zlib.crc32(channel.astype('<i4').tobytes()):08x}" for channel in samples[::-1].T]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(AudioError, match="do not add up any more, one was changed: delete them, or give another"):
        separator().save(loud, tmp_path)
    (folder / "voice.wav").unlink()
    (folder / "band.wav").unlink()
    separator().save(loud, tmp_path)
    check(folder, loud)


def test_a_run_that_another_overtakes_begins_anew(loud: Path, tmp_path: Path) -> None:
    slow, starts = separator(), []

    def overtaken(*arguments: object) -> None:
        if not starts:
            separator(depth=1).save(loud, tmp_path / "out")
        starts.append(1)

    separator(nodes=["band/bass"]).save(loud, tmp_path / "out")
    saved = slow.save(loud, tmp_path / "out", progress=overtaken)
    check(saved.folder, loud)
    assert [row["path"] for row in saved.manifest["nodes"]] == list(TREE.paths)


def test_an_interruption_while_files_are_moved(loud: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All is as it was, and the next run goes on."""
    import os

    replace = os.replace
    for stop_at in range(1, 8):
        out = tmp_path / str(stop_at)
        folder = separator(depth=1).save(loud, out).folder
        before, calls = {file: file.read_bytes() for file in folder.iterdir()}, []

        def stop(source: Any, target: Any, calls: list[Any] = calls, stop_at: int = stop_at) -> None:
            calls.append(target)
            if len(calls) == stop_at:
                raise KeyboardInterrupt
            replace(source, target)

        monkeypatch.setattr(os, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            separator().save(loud, out, overwrite=stop_at % 2 == 0)
        monkeypatch.setattr(os, "replace", replace)
        assert {file: file.read_bytes() for file in folder.iterdir()} == before
        separator().save(loud, out)
        assert [row["path"] for row in check(out / "song", loud)["nodes"]] == list(TREE.paths)


@pytest.mark.parametrize("link", ["song", "song/band"])
def test_a_link_to_another_disk(link: str, loud: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file can be moved there from elsewhere: stems are written there at once, or those that are there stay."""
    import os

    replace = os.replace
    out, disk = tmp_path / "out", tmp_path / "disk"
    disk.mkdir()
    (out / link).parent.mkdir(parents=True)
    (out / link).symlink_to(disk)

    def move(source: Path, target: Path) -> None:
        if len({Path(path).parent.resolve().is_relative_to(disk) for path in (source, target)}) > 1:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source, None, target)
        replace(source, target)

    if link == "song":
        monkeypatch.setattr(os, "replace", move)
        separator(depth=1).save(loud, out)
        separator().save(loud, out, overwrite=True)
        check(out / "song", loud)
        return
    separator(depth=2).save(loud, out)
    before = {file: file.read_bytes() for file in [*out.rglob("*.*"), *disk.rglob("*.*")]}
    monkeypatch.setattr(os, "replace", move)
    with pytest.raises(AudioError, match=r"\(Invalid cross-device link\): choose another folder"):
        separator(depth=2).save(loud, out, overwrite=True)
    assert {file: file.read_bytes() for file in [*out.rglob("*.*"), *disk.rglob("*.*")]} == before


def test_the_song_without_a_node(loud: Path, tmp_path: Path) -> None:
    """With the node it is the song, whichever comes first."""
    for number, first in enumerate((separator(depth=1), separator(nodes=["voice"]))):
        quiet = tmp_path / "quiet.wav"
        soundfile.write(quiet, soundfile.read(loud)[0] / 8, RATE, "PCM_16")
        out, layout = tmp_path / str(number), StemLayout(without=("voice",))
        saved = separator(nodes=["voice"]).save(quiet, out, layout=layout)
        assert [row["file"] for row in saved.manifest["without"]] == ["without_voice.wav"]
        assert saved.manifest["nodes"] == [] and saved.manifest["wanted"] == []
        first.save(quiet, out)
        separator().save(quiet, out)
        check(saved.folder, quiet)
        assert separator(nodes=["voice"]).save(quiet, out, layout=layout).existed
        separator(nodes=["voice", "band/bass"]).save(quiet, out, layout=StemLayout(without=("bass", "voice")))
        manifest = check(saved.folder, quiet)
        assert [row["nodes"] for row in manifest["without"]] == [["voice"], ["voice", "band/bass"]]
        node, rest = (
            soundfile.read(saved.folder / f"{name}.wav", dtype="int16")[0] for name in ("voice", "without_voice")
        )
        assert np.array_equal(node + rest, soundfile.read(quiet, dtype="int16")[0])


def test_stems_in_one_folder(loud: Path, tmp_path: Path) -> None:
    flat = StemLayout(flat=True)
    separator(nodes=["band/bass"]).save(loud, tmp_path, layout=flat)
    saved = separator().save(loud, tmp_path, layout=flat)
    check(saved.folder, loud)
    wavs = sorted(str(file.relative_to(saved.folder)) for file in saved.folder.rglob("*.wav"))
    sums = ["sums/band.wav", "sums/keys.wav", "sums/kit.wav"]
    assert wavs == ["bass.wav", "kick.wav", "organ.wav", "snare.wav", *sums, "voice.wav"]
    total = sum(soundfile.read(file, dtype="int16")[0].astype(int) for file in saved.folder.glob("*.wav"))
    assert np.array_equal(total, soundfile.read(loud, dtype="int16")[0])
    assert separator(depth=1).save(loud, tmp_path, layout=flat).existed  # a sum stays one
    with pytest.raises(OptionError, match="holds stems in one folder: give --flat, or give another folder with -o"):
        separator().save(loud, tmp_path)
    separator().save(loud, tmp_path / "nested")
    with pytest.raises(OptionError, match="in folders by their parents: leave out --flat, or give another folder"):
        separator().save(loud, tmp_path / "nested", layout=flat)


def test_a_leaf_that_becomes_a_sum(loud: Path, tmp_path: Path) -> None:
    flat = StemLayout(flat=True)
    folder = separator(depth=1).save(loud, tmp_path, layout=flat).folder
    for layout in (flat, StemLayout(flat=True, leaves=True)):
        with pytest.raises(OptionError, match=r"band.wav' would lie beside its own parts, every sound twice: give"):
            separator().save(loud, tmp_path, layout=layout)
    separator().save(loud, tmp_path, layout=flat, overwrite=True)
    check(folder, loud)
    assert not (folder / "band.wav").exists() and (folder / "sums" / "band.wav").exists()


def test_only_leaves_and_only_what_is_there(tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    soundfile.write(song, np.random.default_rng(1).uniform(-0.1, 0.1, 5000), RATE, "PCM_16")

    class Some(Shares):
        def masks(self, block: Block, node: NodePath, outputs: tuple[NodePath, ...]) -> Masks:
            shares = torch.tensor([0.02] * (len(outputs) - 1) + [0.0])
            shares[-1] = 1 - shares.sum()
            return shares[:, None, None, None].expand(-1, *block.spectrogram.shape)

    made = Separator(TREE, splitters=[Some()])
    leaves = made.save(song, tmp_path / "leaves", layout=StemLayout(leaves=True))
    assert [row["path"] for row in leaves.manifest["nodes"]] == list(TREE.leaves())
    assert {row["path"] for row in check(leaves.folder, song)["nodes"]} == set(TREE.leaves())
    active = StemLayout(active_only=True)
    saved = made.save(song, tmp_path / "active", layout=active)
    silent = ["voice", "band/bass", "band/kit", "band/kit/kick", "band/kit/snare"]
    assert [row["path"] for row in saved.manifest["left_out"]] == silent
    assert [row["path"] for row in saved.manifest["nodes"]] == [path for path in TREE.paths if path not in silent]
    manifest = check(saved.folder, song)
    assert manifest["wanted"] == list(TREE.paths) and all("file" not in row for row in manifest["left_out"])
    again = made.save(song, tmp_path / "active", layout=active)
    assert again.existed and again.manifest["left_out"] == saved.manifest["left_out"]
    whole = made.save(song, tmp_path / "active")
    assert not whole.existed and [row["path"] for row in check(saved.folder, song)["nodes"]] == list(TREE.paths)


def test_silence_has_no_active_nodes(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "song.wav", np.zeros(3000), RATE)
    for existed in (False, True):
        saved = separator().save(tmp_path / "song.wav", tmp_path / "out", layout=StemLayout(active_only=True))
        assert saved.existed == existed and saved.manifest["nodes"] == []
        assert [path.name for path in saved.folder.iterdir()] == [MANIFEST]


@pytest.mark.parametrize("container", ["mp3", "flac", "ogg", "m4a"])
def test_stems_keep_the_songs_tags(container: str, tmp_path: Path) -> None:
    song = tmp_path / "song.flac"
    soundfile.write(song, np.random.default_rng(1).uniform(-0.1, 0.1, (9000, 2)), RATE)
    picture = Picture(b"\xff\xd8\xff\xe0" + bytes(100), "image/jpeg")
    write_tags(song, "flac", Tags({"title": "One", "artist": "Anna", "replaygain_track_gain": "-3 dB"}, (picture,)))
    folder = separator(depth=1).save(song, tmp_path, OutputFormat(container)).folder
    separator(depth=1).save(song, tmp_path, OutputFormat(container), layout=StemLayout(without=("voice",)))
    for name, title in (("band", "One (band)"), ("without_voice", "One (without voice)")):
        tags = read_tags(folder / f"{name}.{container}")
        assert tags.texts["title"] == title and tags.texts["artist"] == "Anna" and len(tags.texts) == 2
        assert len(tags.pictures) == 1
        assert open_source(folder / f"{name}.{container}").num_samples == 9000
    if container == "flac":
        total = sum(soundfile.read(folder / f"{name}.flac", dtype="int16")[0] for name in ("voice", "without_voice"))
        assert np.array_equal(total, soundfile.read(song, dtype="int16")[0])
