"""The bytes of standard MIDI files as mido's messages, read as other players read them."""

from __future__ import annotations

import struct
from typing import Any

from stemtree.errors import CorpusError, counted

_HEADER, _TRACK = b"MThd", b"MTrk"

_DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2, 0xF1: 1, 0xF2: 2, 0xF3: 1}
"""Data bytes that follow a status byte, that of a channel without the channel's number; none follow others."""

_META, _SYSEX, _END_OF_TRACK, _TEMPO, _KEY_SIGNATURE = 0xFF, (0xF0, 0xF7), 0x2F, 0x51, 0x59
_META_BYTES = {0x00: 2, 0x20: 1, 0x21: 1, _TEMPO: 3, 0x54: 5, 0x58: 4, _KEY_SIGNATURE: 2}
"""Fewest bytes of meta events whose content has a form."""


def parse_midi(content: bytes) -> tuple[int, int, list[list[Any]]]:
    """Read the messages of a standard MIDI file, also inside of a RIFF file (RMID) or behind another header.

    Parameters
    ----------
    content : bytes
        The file.

    Returns
    -------
    kind : int
        Its format, 0 to 2.
    division : int
        Ticks of a beat; negative where they are parts of SMPTE frames.
    tracks : list of list of mido.Message
        The messages of each track, one at least; times are ticks since the message before.

    Raises
    ------
    CorpusError
        If it is not a whole MIDI file; the message lacks the file's name in front.
    """
    kind, count, division, at = _read_header(content)
    tracks: list[list[Any]] = []
    while len(tracks) < count:
        name, end = content[at : at + 4], at + 8 + int.from_bytes(content[at + 4 : at + 8], "big")
        if len(content) < at + 8:
            raise _damaged(f"it announces {counted(count, 'track')} and holds {len(tracks)}")
        if name == _TRACK:
            events, end = _read_track(content, at + 8, end)
            tracks.append(events)
        at = end
    if not any(tracks):
        raise _damaged("it has no events")
    return kind, division, tracks


def _damaged(reason: str) -> CorpusError:
    return CorpusError(f"is not a whole MIDI file ({reason}): copy it again")


def _read_header(content: bytes) -> tuple[int, int, int, int]:
    """Format, number of tracks, division (negative: SMPTE), and the position of the first track."""
    start = content.find(_HEADER, 0, 4096)
    if start < 0:
        raise _damaged("it has no MIDI header")
    if len(content) < start + 14:
        raise _damaged("it ends within its header")
    size, kind, count, division = struct.unpack(">IhHh", content[start + 4 : start + 14])
    if kind not in (0, 1, 2):
        raise _damaged(f"it has the format {kind}, where 0 to 2 are known")
    if division == 0 or (division < 0 and not division & 0xFF):
        raise _damaged("its beats have no ticks")
    return kind, count, division, start + 8 + max(size, 6)


def _read_track(content: bytes, at: int, end: int) -> tuple[list[Any], int]:
    """The messages of a track, and where it ends.

    Unlike mido, running status outlives meta events and system-exclusive ones, as in other players; and a track that
    announces more than there is is whole if it has an end-of-track event.
    """
    events: list[Any] = []
    reader = _Reader(content, at)
    status = 0
    try:
        while reader.at < end:
            delta = reader.number()
            byte = reader.byte()
            if byte == _META:
                kind, data = reader.byte(), reader.block()
                events.append(_meta_message(kind, data, delta))
                if kind == _END_OF_TRACK and end > len(content):
                    break
            elif byte in _SYSEX:
                events.append(_sysex(reader.block(), delta))
            else:
                if byte < 0x80:  # data: the status is that of the event before
                    reader.at -= 1
                    byte = status
                if byte < 0xF0:
                    status = byte
                events.append(_message(byte, reader, delta))
    except IndexError:
        raise _damaged("it ends within a track") from None
    return events, max(end, reader.at) if end <= len(content) else reader.at


class _Reader:
    """Numbers from a position on; raises IndexError at the end."""

    def __init__(self, content: bytes, at: int) -> None:
        self._content, self.at = content, at

    def byte(self) -> int:
        self.at += 1
        return self._content[self.at - 1]

    def number(self) -> int:
        """A number of variable length."""
        value = 0
        while True:
            byte = self.byte()
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value

    def block(self) -> bytes:
        """Bytes after their number."""
        size = self.number()
        if self.at + size > len(self._content):
            raise IndexError
        self.at += size
        return self._content[self.at - size : self.at]


def _message(status: int, reader: _Reader, delta: int) -> Any:
    import mido

    if not status:
        raise _damaged(f"byte {reader.at} is the data of no event")
    kind = status & 0xF0 if status < 0xF0 else status
    if kind in (0xF4, 0xF5, 0xF9, 0xFD):
        raise _damaged(f"byte {reader.at - 1} is the undefined status {status:#x}")
    data = [reader.byte() for _ in range(_DATA_BYTES.get(kind, 0))]
    if max(data, default=0) > 0x7F:
        raise _damaged(f"byte {reader.at - 1} is no data of an event")
    return mido.Message.from_bytes([status, *data], time=delta)


def _meta_message(kind: int, data: bytes, delta: int) -> Any:
    """A meta message; a comment in place of one that is malformed or names a key that does not exist."""
    import mido
    from mido.midifiles.meta import build_meta_message

    if kind == _KEY_SIGNATURE and len(data) >= 2 and not _is_key(data):
        data = bytes(2)  # C major, which other programs show
    if len(data) < _META_BYTES.get(kind, 0) or (kind == _TEMPO and not any(data)):
        return mido.MetaMessage("text", text="", time=delta)
    try:
        return build_meta_message(kind, data, delta)
    except (ValueError, LookupError):
        return mido.MetaMessage("text", text="", time=delta)


def _is_key(data: bytes) -> bool:
    sharps = int.from_bytes(data[:1], "big", signed=True)
    return -7 <= sharps <= 7 and data[1] in (0, 1)


def _sysex(data: bytes, delta: int) -> Any:
    import mido

    content = data.removeprefix(b"\xf0").removesuffix(b"\xf7")
    return mido.Message("sysex", data=[byte & 0x7F for byte in content], time=delta)
