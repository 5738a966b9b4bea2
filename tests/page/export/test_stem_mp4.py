import json
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from support.page_songs import MS21, make_song

from stemtree.page.export import export
from stemtree.page.export.boxes import Box, add_to_user_data, boxes_of, make_box
from stemtree.page.export.parts import choose_parts
from stemtree.page.tree import read_tree


def tones(leaf: int, num_samples: int, channels: int) -> np.ndarray:
    """A tone for each leaf, which AAC keeps well."""
    tone = 5000 / (leaf + 1) * np.sin(2 * np.pi * 200 * (leaf + 1) * np.arange(num_samples) / 44_100)
    return np.rint(np.stack([tone, 0.5 * tone][:channels], axis=1)).astype(np.int64)


def decoded(file: Path, stream: int) -> np.ndarray:
    with av.open(str(file)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(container.streams.audio[stream])]
    joined = np.concatenate(frames, axis=1)
    return joined / np.iinfo(joined.dtype).max if np.issubdtype(joined.dtype, np.integer) else joined


def find(content: bytes, *path: bytes) -> bytes:
    """The content of a box in boxes, read without the code under test."""
    start, end = 0, len(content)
    for kind in path:
        while True:
            size, found = struct.unpack_from(">I4s", content, start)
            if found == kind:
                start, end = start + 8, start + size
                break
            start += size
            assert start < end, f"no box {kind!r}"
    return content[start:end]


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


def _mp4(file: Path, *, index_first: bool) -> np.ndarray:
    options = {"movflags": "faststart"} if index_first else {}
    noise = np.random.default_rng(0).normal(size=(2, 50_000)).astype(np.float32) * 0.1
    with av.open(str(file), "w", options=options) as container:
        stream = container.add_stream("alac", rate=44_100, layout="stereo")
        for start in range(0, 49_152, 4096):
            steps = (noise[:, start : start + 4096] * 2**15).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(steps, "s16p", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = 44_100, start, Fraction(1, 44_100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return decoded(file, 0)


@pytest.mark.parametrize("index_first", [True, False])
def test_a_box_is_added_wherever_the_index_stands(tmp_path: Path, index_first: bool) -> None:
    file = tmp_path / "song.mp4"
    before = _mp4(file, index_first=index_first)
    kinds = [box.kind for box in boxes_of(file.read_bytes())]
    assert (kinds.index(b"moov") < kinds.index(b"mdat")) == index_first
    for content in (b"x" * 1000, b"{}"):  # the second takes the first one's place
        add_to_user_data(file, b"stem", content)
        assert find(file.read_bytes(), b"moov", b"udta", b"stem") == content
        assert np.array_equal(decoded(file, 0), before)
    assert file.read_bytes().count(b"stem") == 1


def test_offsets_of_both_widths_move(tmp_path: Path) -> None:
    def index(kind: bytes, offsets: bytes, count: int) -> bytes:
        table = make_box(kind, struct.pack(">II", 0, count) + offsets)
        for container in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
            table = make_box(container, table)
        return table

    grown = len(make_box(b"udta", make_box(b"stem", b"abc")))
    for kind, layout in ((b"stco", ">2I"), (b"co64", ">2Q")):
        file = tmp_path / "a.mp4"
        moov = index(kind, struct.pack(layout, 500, 2**32 - 1 - grown), 2)
        file.write_bytes(moov + make_box(b"mdat", b"audio"))
        add_to_user_data(file, b"stem", b"abc")
        table = find(file.read_bytes(), b"moov", b"trak", b"mdia", b"minf", b"stbl", kind)
        assert struct.unpack_from(layout, table, 8) == (500 + grown, 2**32 - 1)
        assert find(file.read_bytes(), b"mdat") == b"audio"
    file.write_bytes(index(b"stco", struct.pack(">I", 2**32 - 1), 1) + make_box(b"mdat", b""))
    with pytest.raises(ValueError, match="beyond 32 bits"):
        add_to_user_data(file, b"stem", b"abc")


@pytest.mark.parametrize("content", [b"", b"abc", make_box(b"mdat", b"x"), b"\0\0\0\x30moov", b"\0\0\0\4moov"])
def test_what_is_no_mp4(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.mp4"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="box"):
        add_to_user_data(file, b"stem", b"abc")
    assert file.read_bytes() == content


def test_large_and_open_boxes() -> None:
    content = struct.pack(">I4sQ", 1, b"free", 20) + b"abcd" + b"\0\0\0\0mdatabc"
    assert list(boxes_of(content)) == [Box(b"free", 0, 20, 16), Box(b"mdat", 20, 11, 8)]
