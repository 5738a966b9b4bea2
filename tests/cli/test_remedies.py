"""What the messages of the command line advise helps: each remedy is tried."""

import shutil
from pathlib import Path

import pytest
import soundfile
from support.page_songs import make_song

from stemtree.errors import OptionError
from stemtree.page.server import PageServer
from stemtree.page.tree import read_tree


@pytest.mark.parametrize(
    ("wrong", "message", "remedy"),
    [
        (("hierarchy", "show", "ms12"), "did you mean ms21", ("hierarchy", "show", "ms21")),
        (("train",), "give a configuration", ("train", "--list")),
        (("train", "quickstart"), "give -o RUN, or --print", ("train", "quickstart", "--print")),
        (("train", "quickstrat", "--print"), "did you mean quickstart?", ("train", "quickstart", "--print")),
        (("train", "quickstart", "--print", "--set", "seed"), "write key=value",
         ("train", "quickstart", "--print", "--set", "seed=1")),
        (("experiment", "settings", "1_constrain", "x"), "did you mean 1_", ("experiment", "list")),
        (("separate", "--list", "--hierarchy", "musdb"), "did you mean musdb18",
         ("separate", "--list", "--hierarchy", "musdb18")),
    ],
)  # fmt: skip
def test_commands(wrong: tuple[str, ...], message: str, remedy: tuple[str, ...], cli) -> None:
    refused = cli(*wrong)
    assert refused.code == 1 and message in refused.err, refused.err
    assert refused.err.count("\n") == 1
    assert cli(*remedy).code == 0


def test_songs(cli, wav: Path, tmp_path: Path) -> None:
    out = ("-o", tmp_path / "out", "--depth", 1)
    assert "give a file, or . for the current folder" in cli("separate", "", *out).err
    assert "give --page alone, for FLAC, or --page opus" in cli("separate", wav, *out, "--page=mp3").err
    assert cli("separate", wav, *out, "--page", "opus").code == 0
    twin = wav.rename(wav.with_name("a.wav"))
    (tmp_path / "b").mkdir()
    shutil.copy(twin, tmp_path / "b")
    audio, rate = soundfile.read(twin)
    soundfile.write(tmp_path / "b" / "a.wav", audio / 2, rate)
    both = cli("separate", twin, tmp_path / "b" / "a.wav", *out)
    assert both.code == 0 and (tmp_path / "out" / "b_a" / "vocal.wav").exists()
    assert cli("separate", twin, *out).code == 0
    other = cli("separate", tmp_path / "b" / "a.wav", *out)
    assert other.code == 1 and "give --overwrite or another folder" in other.err
    assert cli("separate", tmp_path / "b" / "a.wav", *out, "--overwrite").code == 0
    stem = tmp_path / "out" / "a" / "vocal.wav"
    soundfile.write(stem, soundfile.read(stem)[0] / 2, rate)
    (tmp_path / "out" / "a" / "accompaniment.wav").unlink()
    edited = cli("separate", tmp_path / "b" / "a.wav", *out)
    assert edited.code == 1 and "delete it, or give another folder with -o" in edited.err
    assert cli("separate", tmp_path / "b" / "a.wav", "-o", tmp_path / "other", "--depth", 1).code == 0
    stem.unlink()
    assert cli("separate", tmp_path / "b" / "a.wav", *out).code == 0


def test_folders_of_songs(tmp_path: Path) -> None:
    song = tmp_path / "out" / "song"
    make_song(song, {"vocal": {}, "accompaniment": {}}, num_samples=100)
    with pytest.raises(OptionError, match="give a song's folder that stemtree separate wrote; there is one in song"):
        read_tree(tmp_path / "out")
    assert read_tree(song).title == "A song"
    with PageServer(song, song) as first:
        port = first.server_port
        with pytest.raises(OptionError, match="give another with --port, or leave that out"):
            PageServer(song, song, port)
        PageServer(song, song).server_close()
    with pytest.raises(OptionError, match="give one from 1024 to 65535"):
        PageServer(song, song, 65536)
