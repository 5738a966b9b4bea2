"""Spoilt MIDI files are read, or refused in a sentence."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fuzz import Edit, Originals, edited, edits, fuzzed, only_sentences, spoilt_file
from support.midi import DRUMS, write_midi

from stemtree.rendering.arrange import double, redraw, vary
from stemtree.rendering.midi import cut_out, duration_of, read_parts


@pytest.fixture(scope="module")
def midi(tmp_path_factory: pytest.TempPathFactory) -> Originals:
    return Originals({"midi": write_midi(tmp_path_factory.mktemp("midi") / "a.mid", [0, 33, DRUMS]).read_bytes()})


_status = st.integers(0x80, 0xFF) | st.sampled_from([0x90, 0x91, 0x99, 0x80, 0xB0, 0xE0, 0xC0, 0xF0, 0xF7])
_meta = st.builds(
    lambda kind, data: bytes([0xFF, kind, len(data)]) + data,
    st.sampled_from([0x2F, 0x51, 0x58, 0x59, 0x54, 0x20, 0x21, 0x00, 0x03, 0x05, 0x7F]) | st.integers(0, 127),
    st.binary(max_size=6),
)
_event = _meta | st.builds(lambda status, data: bytes([status, *data]), _status, st.binary(min_size=1, max_size=3))
_delta = st.sampled_from([b"\0", b"\x60", b"\x83\x60", b"\xff\xff\xff\x7f", b"\xff" * 9 + b"\x7f"])
_track = st.lists(st.tuples(_delta, _event), max_size=8).map(lambda events: b"".join(map(b"".join, events)))
_division = st.sampled_from([1, 24, 480, 32767, 0xE728, 0xE200, 0x8001, 0xE301])


@fuzzed(40)
@given(st.lists(_track, min_size=1, max_size=3), st.integers(0, 2), _division, st.booleans())
def test_events(tmp_path: Path, tracks: list[bytes], kind: int, division: int, ends: bool) -> None:
    note = b"\0\x90\x3c\x40\x60\x80\x3c\x40"
    chunks = [note + track + (b"\0\xff\x2f\0" if ends else b"") for track in tracks]
    header = b"MThd" + struct.pack(">LHHH", 6, kind, len(tracks), division)
    content = header + b"".join(b"MTrk" + struct.pack(">L", len(chunk)) + chunk for chunk in chunks)
    with spoilt_file(tmp_path, "song.mid", content) as file, only_sentences():
        _use(file)


def _use(file: Path) -> None:
    parts = read_parts(file)
    assert duration_of(parts) > 0
    cut_out(parts, 0.5, 1.5)
    random = np.random.default_rng(0)
    vary(double(redraw(parts, random), random), random, 8000)


@fuzzed(80)
@given(edits())
def test_midi(tmp_path: Path, midi: Originals, changes: list[Edit]) -> None:
    with spoilt_file(tmp_path, "song.mid", edited(midi["midi"], changes)) as file, only_sentences():
        _use(file)
