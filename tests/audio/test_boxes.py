import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from support.mp4 import decoded, find

from stemtree.audio.boxes import Box, add_to_user_data, boxes_of, make_box


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
