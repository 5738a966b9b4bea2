"""``stemtree view`` and ``stemtree separate --page``."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.page_songs import decode, make_song, read_call

from stemtree.page.server import PageServer


@pytest.fixture(autouse=True)
def stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C, as soon as the server is there."""

    def stop(self: PageServer, poll_interval: float = 0.5) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(PageServer, "serve_forever", stop)


def test_separating_with_a_page(cli: Callable, wav: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome = cli("separate", wav, "--depth", 1, "-o", out, "--page")
    assert outcome.code == 0, outcome.err
    page = out / "song" / "page"
    assert outcome.out.endswith(f"Listen to it: {page / 'index.html'}\n")
    song = read_call(page / "data" / "song.js")[0]
    total = sum(decode(song, page, leaf) for leaf in range(2))
    assert np.array_equal(total, soundfile.read(wav, dtype="int16")[0])
    assert song["exact"] and [node["name"] for node in song["nodes"]] == ["mixture", "vocal", "accompaniment"]
    again = cli("separate", wav, "--depth", 1, "-o", out, "--page", "opus")
    assert "(exists)" in again.out
    assert read_call(page / "data" / "song.js")[0]["audio"]["codec"] == "opus"
    assert cli("separate", wav, "--depth", 1, "-o", out).code == 0 and page.exists()
    assert cli("separate", wav, "--node", "vocal", "--format", "mp3", "-o", out).code == 0 and page.exists()
    assert cli("separate", wav, "--depth", 1, "-o", out, "--overwrite").code == 0
    assert not page.exists()  # it was of the stems that were replaced


def test_a_page_of_another_codec(cli: Callable, wav: Path, tmp_path: Path) -> None:
    outcome = cli("separate", wav, "-o", tmp_path / "out", "--page=mp3")
    assert outcome.err == "stemtree: a page cannot play 'mp3': give --page alone, for FLAC, or --page opus\n"
    assert outcome.code == 1 and not (tmp_path / "out").exists()


def test_one_node_and_the_rest_of_the_song(cli: Callable, wav: Path, tmp_path: Path) -> None:
    assert cli("separate", wav, "--node", "vocal", "-o", tmp_path, "--page").code == 0
    song = read_call(tmp_path / "song" / "page" / "data" / "song.js")[0]
    assert [node["name"] for node in song["nodes"]] == ["mixture", "vocal", "everything else"] and song["covers"]
    outcome = cli("view", tmp_path / "song", "--reference", tmp_path / "song")
    assert outcome.code == 1 and "plays the rest of the song too, of which no true stem is known" in outcome.err


def test_view_makes_the_page_and_serves_it(cli: Callable, tmp_path: Path) -> None:
    make_song(tmp_path)
    outcome = cli("view", tmp_path)
    assert outcome.code == 0, outcome.err
    address, end = outcome.out.splitlines()
    assert address.startswith("http://127.0.0.1:") and address.endswith("/page/") and end == "Ctrl-C ends it."
    made = (tmp_path / "page" / "index.html").stat().st_mtime_ns
    assert cli("view", tmp_path).code == 0
    assert (tmp_path / "page" / "index.html").stat().st_mtime_ns == made
    assert cli("view", tmp_path, "--remake").code == 0
    assert (tmp_path / "page" / "index.html").stat().st_mtime_ns > made


def test_a_folder_that_cannot_be_written_to(cli: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_song(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    assert cli("view", tmp_path).code == 0
    assert not (tmp_path / "page").exists()


def test_the_true_stems(cli: Callable, tmp_path: Path) -> None:
    make_song(tmp_path / "song")
    make_song(tmp_path / "true", signal=lambda leaf, count, _: np.full((count, 2), 100 * leaf))
    outcome = cli("view", tmp_path / "song", "--reference", tmp_path / "true")
    assert outcome.code == 0 and outcome.out.splitlines()[0].endswith("/page/compare.html")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["none"], "there is no folder 'none': give one that stemtree separate wrote"),
        (["."], "'.' holds no tree.json: give a song's folder that stemtree separate wrote; there is one in song"),
        (["song", "--port", "99999"], "there is no port 99999: give one from 1024 to 65535"),
        (["song", "--track", "1"], "--kind and --track say which true stems to compare with: give --reference as well"),
        (["song", "--reference", "none"], "there is no folder 'none' of true stems: check the path"),
        (["song", "--reference", "empty"], "'empty' holds no stem of this tree: name files after its nodes, which are"),
        (["song", "--reference", "empty", "--track", "1"], "--track 1 names a song of a corpus: say with --kind how"),
        (["song", "--reference", "empty", "--kind", "x"], "there is no kind of corpus 'x'"),
        (["song", "--reference", "fast"], "has a sample rate of 16000 Hz and the estimates 8000 Hz: resample it"),
        (["changed"], "the stem 'changed/vocal.wav' has changed since it was separated"),
        (["missing"], "the stem 'missing/vocal.wav' is missing: separate the song again, with --overwrite"),
    ],
)
def test_bad_input(
    cli: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make_song(Path("song"))
    if "." not in options:
        for name in ("changed", "missing"):
            make_song(Path(name))
        make_song(Path("fast"), rate=16_000)
        Path("empty").mkdir()
        steps, rate = soundfile.read("changed/vocal.wav", dtype="int16")
        soundfile.write("changed/vocal.wav", steps // 4, rate, "PCM_16")
        Path("missing/vocal.wav").unlink()
    outcome = cli("view", *options)
    assert outcome.code == 1 and outcome.out == ""
    assert message in outcome.err and outcome.err.startswith("stemtree: ") and outcome.err.count("\n") == 1


def test_a_port_in_use(cli: Callable, tmp_path: Path) -> None:
    make_song(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        outcome = cli("view", tmp_path, "--port", port)
    assert outcome.err == f"stemtree: port {port} is in use: give another with --port, or leave that out\n"


def test_names_of_any_kind(cli: Callable, tmp_path: Path) -> None:
    make_song(tmp_path, title='"><script>alert(1)</script>' + "ش" * 100)
    assert cli("view", tmp_path).code == 0
    text = (tmp_path / "page" / "data" / "song.js").read_text("ascii")
    assert "<" not in text and json.loads(text[len("stemtree.song(") : -3])["title"].endswith("ش")


def test_a_folder_without_nodes(cli: Callable, wav: Path, tmp_path: Path) -> None:
    assert cli("separate", wav, "--without", "vocals", "-o", tmp_path).code == 0
    outcome = cli("view", tmp_path / "song")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        f"stemtree: '{tmp_path / 'song'}' holds no node that a page could show: separate the song without "
        "--without and --active-only\n"
    )


def test_the_rest_of_a_song_that_is_cut_off(cli: Callable, wav: Path, tmp_path: Path) -> None:
    content = wav.read_bytes()
    wav.write_bytes(content[: len(content) * 4 // 5])
    options = ("--node", "vocal", "-o", tmp_path / "out", "--page")
    assert cli("separate", wav, *options).code == 1
    outcome = cli("separate", wav, *options, "--accept-truncated")
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "out" / "song" / "page" / "index.html").exists()
