import json
from pathlib import Path

import av
import numpy as np
import pytest
from support.mp4 import decoded, find
from support.page_songs import MS21, make_song

from stemtree.audio.boxes import boxes_of
from stemtree.page.export import export
from stemtree.page.export.parts import choose_parts
from stemtree.page.tree import read_tree


def tones(leaf: int, num_samples: int, channels: int) -> np.ndarray:
    """A tone for each leaf, which AAC keeps well."""
    tone = 5000 / (leaf + 1) * np.sin(2 * np.pi * 200 * (leaf + 1) * np.arange(num_samples) / 44_100)
    return np.rint(np.stack([tone, 0.5 * tone][:channels], axis=1)).astype(np.int64)


@pytest.mark.parametrize("codec", ["aac", "alac"])
@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (32_000, 1)])
def test_the_song_and_its_parts(tmp_path: Path, codec: str, rate: int, channels: int) -> None:
    nodes = make_song(tmp_path / "song", num_samples=2 * rate, rate=rate, channels=channels, signal=tones)
    file = export(tmp_path / "song", "stem.mp4", codec=codec)
    assert file.name == "A song.stem.mp4"
    order = ["", "accompaniment/percussion", "accompaniment/bass", "accompaniment/other", "vocal"]
    with av.open(str(file)) as container:
        assert [stream.codec_context.name for stream in container.streams] == [codec] * 5
        assert {(stream.rate, stream.layout.name) for stream in container.streams.audio} == {(44_100, "stereo")}
    for stream, path in enumerate(order):
        signal = decoded(file, stream)
        wanted = nodes[path].T / 2.0**15
        if rate == 44_100:
            count = min(signal.shape[1], wanted.shape[1])
            assert count >= wanted.shape[1] - 100
            error = signal[:, :count] - wanted[:, :count]
            inside = slice(4096, count - 4096)
            assert np.abs(error[:, inside]).max() < (1e-4 if codec == "alac" else 0.02)
        else:
            assert signal.shape[1] == pytest.approx(2 * 44_100, abs=2500)
            assert np.sqrt(np.mean(signal**2)) == pytest.approx(np.sqrt(np.mean(wanted**2)), rel=0.05)
    described = json.loads(find(file.read_bytes(), b"moov", b"udta", b"stem"))
    assert [stem["name"] for stem in described["stems"]] == ["Percussion", "Bass", "Other", "Vocal"]
    assert [stem["color"] for stem in described["stems"]] == ["#A85B00", "#2F5FC4", "#56616F", "#C2306B"]
    assert described["version"] == 1 and not described["mastering_dsp"]["limiter"]["enabled"]


def test_only_the_song_plays_by_itself(tmp_path: Path) -> None:
    """Players that know nothing of stems play the first track alone."""
    make_song(tmp_path / "song", num_samples=10_000, rate=44_100, signal=tones)
    index = find(export(tmp_path / "song", "stem.mp4").read_bytes(), b"moov")
    tracks = [index[box.start : box.end] for box in boxes_of(index) if box.kind == b"trak"]
    enabled = [find(track, b"trak", b"tkhd")[3] & 1 for track in tracks]
    assert enabled == [1, 0, 0, 0, 0]


def test_fewer_parts_than_four(tmp_path: Path) -> None:
    make_song(tmp_path / "song", {"vocals": {}, "rest": {}}, num_samples=10_000, rate=44_100, signal=tones)
    file = export(tmp_path / "song", "stem.mp4")
    described = json.loads(find(file.read_bytes(), b"moov", b"udta", b"stem"))
    assert [stem["name"] for stem in described["stems"]] == ["Rest", "Vocals", "-", "-"]
    assert not decoded(file, 3).any()


def test_parts_are_chosen_from_the_tree(tmp_path: Path) -> None:
    make_song(tmp_path / "ms21")
    tree = read_tree(tmp_path / "ms21")
    paths = [tree.nodes[node].path for node in choose_parts(tree)]
    assert paths == ["accompaniment/percussion", "accompaniment/bass", "accompaniment/other", "vocal"]
    chosen = choose_parts(tree, ["vocal", "accompaniment"])
    assert [tree.nodes[node].path for node in chosen] == ["accompaniment", "vocal"]
    wide = {"a": {}, "b": {f"leaf {number}": {} for number in range(5)}, "c": {"d": {"e": {}, "f": {}}}}
    make_song(tmp_path / "wide", wide)
    tree = read_tree(tmp_path / "wide")
    assert [tree.nodes[node].path for node in choose_parts(tree)] == ["a", "b", "c/d/e", "c/d/f"]
    assert MS21


@pytest.mark.parametrize("codec", ["aac", "alac"])
@pytest.mark.parametrize(("rate", "count"), [(8000, 1), (8000, 16), (44_100, 1), (96_000, 3)])
def test_songs_that_are_shorter_than_a_frame(tmp_path: Path, codec: str, rate: int, count: int) -> None:
    make_song(tmp_path / "song", num_samples=count, rate=rate, channels=1)
    file = export(tmp_path / "song", "stem.mp4", codec=codec)
    assert all(decoded(file, stream).shape[0] == 2 for stream in range(5))
    assert find(file.read_bytes(), b"moov", b"udta", b"stem")
