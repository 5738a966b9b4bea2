"""What other programs get: files that hold the song, and nothing that sounds twice."""

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.page_songs import make_song

from stemtree.errors import StemtreeError
from stemtree.page.export import KINDS, export
from stemtree.page.tree import read_tree


@pytest.fixture
def song(tmp_path: Path) -> Path:
    make_song(tmp_path / "stems" / "A song", num_samples=30_000)
    return tmp_path / "stems" / "A song"


@pytest.mark.parametrize("subtype", ["pcm16", "pcm24", "float"])
def test_a_project_for_reaper(tmp_path: Path, subtype: str) -> None:
    nodes = make_song(tmp_path / "song", num_samples=30_000, subtype=subtype)
    folder = export(tmp_path / "song", "daw", tmp_path / "project")
    files = sorted(folder.glob("*.wav"))
    assert [file.name for file in files] == [
        "01 vocal.wav",
        "02 accompaniment - bass.wav",
        "03 accompaniment - percussion - drum set.wav",
        "04 accompaniment - percussion - nontonal percussion.wav",
        "05 accompaniment - other - pianos.wav",
    ]
    assert {soundfile.info(file).subtype for file in files} == {"PCM_24"}
    total = sum(soundfile.read(file, dtype="int32")[0].astype(np.int64) >> 8 for file in files)
    assert np.abs(total - nodes[""] * (256 if subtype == "pcm16" else 1)).max() <= (3 if subtype == "float" else 0)
    project = (folder / "A song.rpp").read_text("utf-8")
    tracks = re.findall(r"<TRACK\n(.*?)\n  >", project, re.DOTALL)
    names = [re.search(r'NAME "(.*)"', track)[1] for track in tracks]  # type: ignore[index]
    assert names == [
        "vocal", "accompaniment", "bass", "percussion", "drum set", "nontonal percussion", "other", "pianos"
    ]  # fmt: skip
    depth, depths = 0, []
    for track in tracks:
        kind, change = map(int, re.search(r"ISBUS (\d) (-?\d)", track).groups())  # type: ignore[union-attr]
        depths.append(depth)
        assert ("FILE" in track) == (kind != 1)  # folders hold no audio
        depth += change
    assert depths == [0, 0, 1, 1, 2, 2, 1, 2] and depth == 0
    assert sorted(re.findall(r'FILE "(.*)"', project)) == [file.name for file in files]
    assert project.count("<") == project.count("\n>") + project.count("  >")
    assert "PEAKCOL 23802050" in project  # 0x1000000 + #c2306b, blue first


def test_a_projects_files_are_the_song_without_gains(tmp_path: Path) -> None:
    """What is left of a node may go beyond full scale."""
    wanted = ["vocal", "accompaniment", "accompaniment/bass"]
    nodes = make_song(tmp_path / "song", num_samples=30_000, wanted=wanted)
    folder = export(tmp_path / "song", "daw", tmp_path / "project")
    files = sorted(folder.glob("*.wav"))
    assert [soundfile.info(file).subtype for file in files] == ["PCM_24", "PCM_24", "FLOAT"]
    total = sum(soundfile.read(file, dtype="float64")[0] for file in files)
    assert np.array_equal(total * 2**15, nodes[""])
    project = (folder / "A song.rpp").read_text("utf-8")
    assert set(re.findall(r"VOLPAN (\S+)", project)) == {"1"}
    assert "sample by sample" in (folder / "READ ME.txt").read_text("utf-8")
    make_song(tmp_path / "fine", num_samples=30_000, wanted=wanted, subtype="pcm24")
    folder = export(tmp_path / "fine", "daw", tmp_path / "fine project")
    assert "sample by sample" not in (folder / "READ ME.txt").read_text("utf-8")  # the rest is rounded


def test_a_configuration_for_trackswitch(song: Path) -> None:
    folder = export(song, "trackswitch")
    assert folder == song.parent / "A song (trackswitch)"
    settings = json.loads((folder / "player-config.json").read_text("utf-8"))
    assert set(settings) == {"media", "presets", "views"}
    sources = [media["src"] for media in settings["media"].values()]
    assert all((folder / source).is_file() for source in sources) and len(sources) == 5
    assert settings["media"]["leaf1"] == {
        "type": "audio", "src": "02 accompaniment - bass.flac", "title": "accompaniment / bass", "volume": 1.0
    }  # fmt: skip
    presets = {preset["label"]: preset["tracks"] for preset in settings["presets"].values()}
    assert presets["Karaoke"] == ["leaf1", "leaf2", "leaf3", "leaf4"] and presets["Bass only"] == ["leaf1"]
    assert presets["accompaniment / percussion"] == ["leaf2", "leaf3"]
    total = sum(soundfile.read(folder / source, dtype="int16")[0].astype(int) for source in sources)
    stems = [soundfile.read(song / f"{name}.wav", dtype="int16")[0] for name in ("vocal", "accompaniment")]
    assert np.array_equal(total, sum(stem.astype(int) for stem in stems))
    assert '<trackswitch-player config-src="player-config.json">' in (folder / "index.html").read_text("utf-8")
    again = export(song, "trackswitch", codec="mp3", overwrite=True)
    assert len(list(again.glob("*.mp3"))) == 5 and not list(again.glob("*.flac"))


def test_an_archive(song: Path, tmp_path: Path) -> None:
    file = export(song, "zip", tmp_path / "song.zip")
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "out")
    tree = read_tree(tmp_path / "out" / "A song")
    assert tree.manifest == read_tree(song).manifest
    for row in tree.manifest["nodes"]:
        assert (tree.folder / row["file"]).read_bytes() == (song / row["file"]).read_bytes()


def test_an_archive_has_sums_and_what_other_runs_wrote(song: Path, tmp_path: Path) -> None:
    manifest = json.loads((song / "tree.json").read_text("utf-8"))
    for name in ("without_vocal.wav", "sum.wav"):
        (song / name).write_bytes(b"RIFF")
    manifest["without"] = [{"nodes": ["vocal"], "file": "without_vocal.wav", "held_at_full_scale": 0}]
    manifest["also"] = [{"nodes": [], "sums": [{"nodes": ["vocal"], "file": "sum.wav", "held_at_full_scale": 0}]}]
    (song / "tree.json").write_text(json.dumps(manifest), "utf-8")
    with zipfile.ZipFile(export(song, "zip", tmp_path / "song.zip")) as archive:
        assert {"A song/without_vocal.wav", "A song/sum.wav"} <= set(archive.namelist())


@pytest.mark.parametrize(
    ("file", "message"),
    [("gone.wav", "the stem '.*gone.wav' is missing"), ("../own.txt", r"names a stem outside its folder \('\.\./own")],
)
def test_an_archive_holds_nothing_but_the_song(song: Path, tmp_path: Path, file: str, message: str) -> None:
    (song.parent / "own.txt").write_text("mine")
    manifest = json.loads((song / "tree.json").read_text("utf-8"))
    manifest["also"] = [{"nodes": [{"file": file}]}]
    (song / "tree.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(StemtreeError, match=message):
        export(song, "zip", tmp_path / "song.zip")
    assert not (tmp_path / "song.zip").exists()


def test_nothing_is_replaced_unasked(song: Path, tmp_path: Path) -> None:
    for kind in KINDS:
        target = export(song, kind)
        before = target.stat().st_mtime_ns
        with pytest.raises(StemtreeError, match="is there already: give --overwrite or another name with -o"):
            export(song, kind)
        assert target.stat().st_mtime_ns == before
        assert export(song, kind, overwrite=True) == target
    assert not [file for file in song.parent.iterdir() if file.name.startswith(".")]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    for target, message in (
        (tmp_path / "mine", "holds something else than such an export"),
        (song, "is there already"),
        (song.parent, "is there already"),
    ):
        with pytest.raises(StemtreeError, match="is there already"):
            export(song, "daw", target)
        with pytest.raises(StemtreeError):
            export(song, "daw", target, overwrite=True)
        assert message
    assert (tmp_path / "mine" / "notes.txt").exists() and (song / "vocal.wav").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_link_stays_and_what_it_leads_to_is_replaced(kind: str, song: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    link = tmp_path / "link"
    link.symlink_to("in/export")
    assert export(song, kind, link) == link
    assert export(song, kind, link, overwrite=True) == link
    assert link.is_symlink() and [entry.name for entry in (tmp_path / "in").iterdir()] == ["export"]
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith(".")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "mp4"}, "there is no export 'mp4'; there are stem.mp4, daw, trackswitch, zip"),
        ({"kind": "zip", "codec": "aac"}, "the export zip cannot be 'aac': it has no codec to choose"),
        ({"kind": "stem.mp4", "codec": "mp3"}, "the export stem.mp4 cannot be 'mp3': it takes aac, alac"),
        ({"kind": "daw", "parts": ["vocal"]}, "the export daw holds the whole tree: leave --part out"),
        ({"kind": "stem.mp4", "parts": ["vocalist"]}, "has no node 'vocalist'; did you mean vocal"),
        ({"kind": "stem.mp4", "parts": ["vocal"]}, "the parts vocal do not add up to the song"),
        ({"kind": "stem.mp4", "parts": ["vocal", "accompaniment", "accompaniment/bass"]}, "do not add up to the song"),
    ],
)
def test_bad_options(song: Path, options: dict, message: str) -> None:
    with pytest.raises(StemtreeError) as error:
        export(song, **options)
    assert message in str(error.value)
    assert [file.name for file in song.parent.iterdir()] == ["A song"]


def test_names_that_a_project_could_stumble_over(tmp_path: Path) -> None:
    from stemtree.page.export.common import file_name
    from stemtree.page.export.daw import _quoted

    assert [_quoted(text) for text in ("a", 'say "a"', "\"it's\"", "\"it's\" `so`", "a\nb")] == [
        '"a"', "'say \"a\"'", "`\"it's\"`", "\"'it's' `so`\"", '"a b"'
    ]  # fmt: skip
    assert [file_name(text) for text in ("a/b:c", "..", "x" * 300, "a.")] == ["a_b_c", "song", "x" * 120, "a"]


def test_some_nodes_alone(tmp_path: Path) -> None:
    make_song(tmp_path / "song", wanted=["vocal", "accompaniment/bass"])
    assert len(list(export(tmp_path / "song", "daw").glob("*.wav"))) == 2
    with pytest.raises(StemtreeError, match="holds only some of the song's nodes, and a stem file the whole song"):
        export(tmp_path / "song", "stem.mp4")


def test_a_stem_that_has_changed(song: Path) -> None:
    steps, rate = soundfile.read(song / "vocal.wav", dtype="int16")
    soundfile.write(song / "vocal.wav", steps // 3, rate, "PCM_16")
    for kind in ("daw", "stem.mp4", "trackswitch"):
        with pytest.raises(StemtreeError, match=r"vocal.wav' has changed since it was separated"):
            export(song, kind)
    assert [file.name for file in song.parent.iterdir()] == ["A song"]


def test_a_codec_that_does_not_hold_the_songs_rate(tmp_path: Path) -> None:
    make_song(tmp_path / "song", num_samples=3000, rate=96_000)
    with pytest.raises(StemtreeError, match="mp3 cannot hold a sample rate of 96000 Hz: choose"):
        export(tmp_path / "song", "trackswitch", tmp_path / "out", codec="mp3")
    assert not (tmp_path / "out").exists()
