import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.page_songs import decode, make_song, noise, read_call

from stemtree.page.make import make_page
from stemtree.page.tree import read_tree


@pytest.mark.parametrize("subtype", ["pcm16", "pcm24"])
@pytest.mark.parametrize("container", ["wav", "flac"])
def test_chunks_hold_the_leaves_exactly(tmp_path: Path, subtype: str, container: str) -> None:
    nodes = make_song(tmp_path, subtype=subtype, container=container, num_samples=70_001)
    page = make_page(tmp_path).parent
    song = read_call(page / "data" / "song.js")[0]
    assert song["exact"] and song["notes"] == [] and song["audio"]["chunks"] == 2
    tree = read_tree(tmp_path)
    decoded = [decode(song, page, number) for number in range(len(tree.leaves))]
    for leaf, steps in zip(tree.leaves, decoded, strict=True):
        assert np.array_equal(steps, nodes[tree.nodes[leaf.node].path])
    assert np.array_equal(sum(decoded), nodes[""])


def test_floating_point_far_below_a_step(tmp_path: Path) -> None:
    """What rounding makes of stems that are as good as silent is no change."""

    def signal(leaf: int, count: int, width: int) -> np.ndarray:
        return noise(leaf, count, width, 24) * {1: 1e-6, 2: 1e-5}.get(leaf, 1.0)

    make_song(tmp_path, subtype="float", signal=signal)
    rows = json.loads((tmp_path / "tree.json").read_text("utf-8"))["nodes"]
    quiet = sorted(row["rms_dbfs"] for row in rows)[:2]
    assert quiet[0] < -144 < quiet[1] < -130  # below and about half a step of 24 bits
    make_page(tmp_path)


def test_floating_point_beyond_full_scale(tmp_path: Path) -> None:
    nodes = make_song(tmp_path, subtype="float", signal=lambda leaf, count, width: 20 * noise(leaf, count, width, 24))
    page = make_page(tmp_path).parent
    song = read_call(page / "data" / "song.js")[0]
    gain = song["leaves"][0]["gain"]
    assert gain == 4.0 and song["notes"] and not song["exact"]
    decoded = decode(song, page, 0) * gain
    assert np.abs(decoded - nodes["vocal"]).max() <= gain


@pytest.mark.parametrize("container", ["mp3", "ogg", "m4a"])
def test_lossy_stems_say_so(tmp_path: Path, container: str) -> None:
    nodes = make_song(tmp_path, container=container, rate=44100)
    song = read_call(make_page(tmp_path).parent / "data" / "song.js")[0]
    assert song["notes"] == [f"These stems are {container.upper()}: they add up to the song only nearly."]
    assert not song["exact"] and song["samples"] == len(nodes[""])


def test_the_rest_of_the_song(tmp_path: Path) -> None:
    nodes = make_song(tmp_path / "stems", wanted=["accompaniment/bass"])
    soundfile.write(tmp_path / "song.wav", nodes[""].astype(np.int16), 8000, "PCM_16")
    page = make_page(tmp_path / "stems", tmp_path / "song.wav").parent
    song = read_call(page / "data" / "song.js")[0]
    assert [node["name"] for node in song["nodes"]] == ["mixture", "accompaniment/bass", "everything else"]
    assert song["covers"] and song["exact"]
    rest = nodes[""] - nodes["accompaniment/bass"]
    assert song["nodes"][2]["rms"] == pytest.approx(10 * np.log10(np.mean(np.square(rest / 2**15))), abs=0.1)
    scale = 2.0**15 * song["leaves"][1]["gain"] / 2.0**23
    total = decode(song, page, 0) + decode(song, page, 1) * scale
    assert np.array_equal(total, nodes[""])
    alone = read_call(make_page(tmp_path / "stems").parent / "data" / "song.js")[0]
    assert not alone["covers"] and "together they are not the song" in alone["notes"][0]


def test_the_rest_of_24_bits_is_rounded(tmp_path: Path) -> None:
    nodes = make_song(tmp_path, wanted=["vocal", "accompaniment", "accompaniment/bass"], subtype="pcm24")
    page = make_page(tmp_path).parent
    song = read_call(page / "data" / "song.js")[0]
    total = sum(decode(song, page, number) * leaf["gain"] for number, leaf in enumerate(song["leaves"]))
    assert 0 < np.abs(total - nodes[""]).max() <= 2
    assert song["covers"] and not song["exact"]
    assert song["notes"] == ["What is left of a node is rounded to 22 bits."]


def test_one_sample(tmp_path: Path) -> None:
    nodes = make_song(tmp_path, num_samples=1, rate=44_100)
    page = make_page(tmp_path).parent
    song = read_call(page / "data" / "song.js")[0]
    assert np.array_equal(sum(decode(song, page, leaf) for leaf in range(5)), nodes[""])
