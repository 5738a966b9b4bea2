"""MIDI files that other programs play, byte by byte."""

import struct
from pathlib import Path

import mido
import pretty_midi
import pytest
from support.midi import DRUMS, write_midi

from stemtree.errors import CorpusError
from stemtree.rendering.midi import read_parts, song_name
from stemtree.rendering.midi_file import read_midi

BEAT = 480
ON, OFF = b"\x90\x3c\x64", b"\x80\x3c\x00"
END = b"\x00\xff\x2f\x00"


def delta(ticks: int) -> bytes:
    out = [ticks & 127]
    while ticks := ticks >> 7:
        out.insert(0, ticks & 127 | 128)
    return bytes(out)


def track(*events: tuple[int, bytes], end: bytes = END) -> bytes:
    content = b"".join(delta(ticks) + event for ticks, event in events) + end
    return b"MTrk" + struct.pack(">I", len(content)) + content


def midi(*tracks: bytes, division: int = BEAT, kind: int = 1) -> bytes:
    return b"MThd" + struct.pack(">IHHH", 6, kind, len(tracks), division & 0xFFFF) + b"".join(tracks)


def tempo(microseconds: int) -> bytes:
    return b"\xff\x51\x03" + microseconds.to_bytes(3, "big")


def notes(content: bytes, tmp_path: Path) -> list[tuple[int, float, float]]:
    """Key, start and end of all notes."""
    (tmp_path / "a.mid").write_bytes(content)
    found = [note for part in read_parts(tmp_path / "a.mid") for note in part.instrument.notes]
    return sorted((note.pitch, round(note.start, 4), round(note.end, 4)) for note in found)


def test_ordinary_files_are_read_as_mido_reads_them(tmp_path: Path) -> None:
    file = write_midi(tmp_path / "a.mid", [0, 33, DRUMS])
    ours, theirs = read_midi(file.read_bytes()), mido.MidiFile(file)
    assert (ours.tracks, ours.ticks_per_beat) == (theirs.tracks, theirs.ticks_per_beat)
    read, direct = read_parts(file), pretty_midi.PrettyMIDI(str(file))
    for part, instrument in zip(read, direct.instruments, strict=True):
        assert repr(part.instrument.notes) == repr(instrument.notes)


HELD = track((0, ON), (BEAT, OFF))

PLAYED = {
    "in a RIFF file": b"RIFF\x00\x00\x00\x00RMIDdata\x00\x00\x00\x00" + midi(HELD),
    "behind a MacBinary header": bytes(128) + midi(HELD),
    "of format 0": midi(HELD, kind=0),
    "32767 ticks a beat": midi(track((0, ON), (32767, OFF)), division=32767),
    "after an unknown chunk": midi(HELD)[:14] + b"XFIH\x00\x00\x00\x02ab" + HELD,
    "with a length that is too large": midi(HELD).replace(struct.pack(">I", len(HELD) - 8), struct.pack(">I", 999)),
    "in SMPTE time, 25 frames of 40 ticks": midi(track((0, tempo(123456)), (0, ON), (500, OFF)), division=0xE728),
    "tempo on another track": midi(track((0, tempo(10**6)), end=b"\0\xff\x2f\0"), track((0, ON), (BEAT // 2, OFF))),
    "tempo on the third track": midi(track(), track((0, ON), (BEAT // 2, OFF)), track((0, tempo(10**6)))),
    "a tempo of 0": midi(track((0, tempo(0)), (0, ON), (BEAT, OFF))),
    "8 flats": midi(track((0, b"\xff\x59\x02\xf8\x00"), (0, ON), (BEAT, OFF))),
    "a time signature of 1 byte": midi(track((0, b"\xff\x58\x01\x04"), (0, ON), (BEAT, OFF))),
    "text of any bytes": midi(track((0, b"\xff\x03\x03\xff\xfe\x80"), (0, ON), (BEAT, OFF))),
    "running status": midi(track((0, ON), (BEAT, b"\x3c\x00"))),
    "running status over a text": midi(track((0, ON), (0, b"\xff\x01\x01a"), (BEAT, b"\x3c\x00"))),
    "running status over a sysex": midi(track((0, ON), (0, b"\xf0\x02\x41\xf7"), (BEAT, b"\x3c\x00"))),
    "running status over a clock": midi(track((0, ON), (0, b"\xf8"), (BEAT, b"\x3c\x00"))),
    "ended by all notes off": midi(track((0, ON), (BEAT, b"\xb0\x7b\x00"), (BEAT, b"\xff\x01\x00"))),
    "ended by all sound off": midi(track((0, ON), (BEAT, b"\xb0\x78\x00"), (BEAT, b"\xff\x01\x00"))),
    "ended by all notes off on another track": midi(track((BEAT, b"\xb0\x7b\x00")), track((0, ON))),
    "ended late, after all notes off": midi(track((0, ON), (BEAT, b"\xb0\x7b\x00"), (BEAT, OFF))),
    "ended by the end of the song": midi(track((0, ON), (BEAT, b"\xff\x01\x00"))),
}  # fmt: skip


@pytest.mark.parametrize("case", PLAYED)
def test_one_note_of_half_a_second(case: str, tmp_path: Path) -> None:
    assert notes(PLAYED[case], tmp_path) == [(60, 0.0, 0.5)]


def test_notes_that_are_ended_by_the_next(tmp_path: Path) -> None:
    """As drum machines write them."""
    struck = track((0, ON), (BEAT, ON), (BEAT, ON), (2 * BEAT, b"\xff\x01\x00"))
    assert notes(midi(struck), tmp_path) == [(60, 0.0, 0.5), (60, 0.5, 1.0), (60, 1.0, 2.0)]
    last = track((0, ON), (BEAT, ON))
    assert notes(midi(last), tmp_path) == [(60, 0.0, 0.5), (60, 0.5, 1.0)]
    both = track((0, ON), (BEAT, ON), (BEAT, OFF))  # two notes of one key, ended by one note-off
    assert notes(midi(both), tmp_path) == [(60, 0.0, 1.0), (60, 0.5, 1.0)]
    empty = track((0, OFF), (0, ON), (BEAT, b"\x90\x40\x64"), (BEAT, b"\x80\x40\x00"))
    assert notes(midi(empty), tmp_path) == [(64, 0.5, 1.0)]


def test_the_state_of_a_channel_on_another_track(tmp_path: Path) -> None:
    setup = track((0, b"\xc0\x28"), (0, b"\xb0\x07\x50"), (BEAT, b"\xe0\x00\x50"))
    other = track((0, b"\x91\x3c\x64"), (BEAT, b"\x81\x3c\x00"))  # plays on another channel
    (tmp_path / "a.mid").write_bytes(midi(setup, HELD, other))
    parts = read_parts(tmp_path / "a.mid")
    assert [part.program for part in parts] == [40, 0]
    assert [len(part.instrument.pitch_bends) for part in parts] == [1, 0]
    assert [[control.value for control in part.instrument.control_changes] for part in parts] == [[80], []]
    own = track((0, b"\xc0\x13"), (0, ON), (BEAT, OFF))  # says at the same time what it plays
    (tmp_path / "b.mid").write_bytes(midi(setup, own))
    assert [part.program for part in read_parts(tmp_path / "b.mid")] == [19]


def test_drop_frames_and_tempo_changes(tmp_path: Path) -> None:
    smpte = midi(track((0, ON), (3000, OFF)), division=(256 - 29) << 8 | 100)  # 29.97 frames a second
    assert notes(smpte, tmp_path) == [(60, 0.0, 1.001)]
    changes = midi(track((BEAT, tempo(250_000))), track((0, ON), (2 * BEAT, OFF)), track((0, tempo(10**6))))
    assert notes(changes, tmp_path) == [(60, 0.0, 1.25)]


def test_more_ticks_than_pretty_midi_takes(tmp_path: Path) -> None:
    """Ten minutes at 32,767 ticks a beat, and an end of track that lies days later."""
    late = midi(
        track((0, ON), (32767, OFF), (32767 * 1200, ON), (32767, OFF), (0xFFFFFFF, b"\xff\x01\0")), division=32767
    )
    assert notes(late, tmp_path) == [(60, 0.0, 0.5), (60, 600.5, 601.0)]
    with pytest.raises(CorpusError, match=r"a\.mid' has an event after 279620 beats: cut it"):
        notes(midi(track((0, ON), (0x7FFFFFF, OFF))), tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"nothing", "it has no MIDI header"),
        (midi(HELD)[:9], "it ends within its header"),
        (midi(HELD, kind=7), "it has the format 7, where 0 to 2 are known"),
        (midi(HELD, division=0), "its beats have no ticks"),
        (midi(), "it has no events"),
        (midi(HELD, HELD)[: -len(HELD)], "it announces 2 tracks and holds 1"),
        (midi(HELD)[:-6], "it ends within a track"),
        (midi(track((0, b"\x3c\x64"))), "byte 23 is the data of no event"),
        (midi(track((0, ON), (9, b"\x80\x3c\xf0"))), "byte 29 is no data of an event"),
        (midi(track((0, ON), (9, b"\xf4"))), "byte 27 is the undefined status 0xf4"),
    ],
)
def test_what_cannot_be_rendered_is_named(content: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as error:
        notes(content, tmp_path)
    assert str(error.value) == f"'{tmp_path / 'a.mid'}' is not a whole MIDI file ({reason}): copy it again"


def test_names_of_songs() -> None:
    assert song_name(Path(".song.mid")) == "song" and song_name(Path("a.mid.mid")) == "a.mid"
    with pytest.raises(CorpusError, match=r"no song can be named after '\.\.\.mid': rename the file"):
        song_name(Path("...mid"))
