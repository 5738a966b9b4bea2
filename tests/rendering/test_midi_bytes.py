import struct

import pytest

from stemtree.errors import CorpusError
from stemtree.rendering.midi_bytes import parse_midi


def midi(*events: bytes) -> bytes:
    content = b"".join(events)
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 96) + b"MTrk" + struct.pack(">I", len(content)) + content


def test_running_status_outlives_a_meta_event() -> None:
    kind, division, (track,) = parse_midi(
        midi(b"\x00\x90\x3c\x40", b"\x05\xff\x01\x01a", b"\x05\x3e\x40", b"\x00\xff\x2f\x00")
    )
    assert (kind, division) == (0, 96)
    assert [(event.type, event.time) for event in track] == [
        ("note_on", 0), ("text", 5), ("note_on", 5), ("end_of_track", 0)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "it has no MIDI header"), (midi(b"\x00\x3c\x40"), "is the data of no event"), (midi(), "it has no events")],
)
def test_what_is_damaged_is_named(content: bytes, reason: str) -> None:
    with pytest.raises(CorpusError, match=reason):
        parse_midi(content)
