"""A small soundfont, byte by byte (SoundFont 2.01)."""

import struct

import numpy as np


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<L", len(content)) + content + bytes(len(content) % 2)


def _list(kind: bytes, chunks: dict[bytes, bytes]) -> bytes:
    return _chunk(b"LIST", kind + b"".join(_chunk(name, content) for name, content in chunks.items()))


def make_soundfont() -> bytes:
    """One preset, with one instrument that loops one sample."""
    samples = (8000 * np.sin(np.arange(200) * 2 * np.pi / 50)).astype("<i2").tobytes() + bytes(92)
    preset = struct.pack("<20sHHHLLL", b"Tone", 0, 0, 0, 0, 0, 0)
    last_preset = struct.pack("<20sHHHLLL", b"EOP", 0, 0, 1, 0, 0, 0)
    instruments = struct.pack("<20sH20sH", b"Tone", 0, b"EOI", 1)
    sample = struct.pack("<20s5LBbHH", b"Tone", 0, 200, 50, 150, 16000, 60, 0, 0, 1)
    last_sample = struct.pack("<20s5LBbHH", b"EOS", *[0] * 9)
    is_looped, sample_number, instrument_number = (54, 1), (53, 0), (41, 0)
    information = {b"ifil": struct.pack("<HH", 2, 1), b"isng": b"EMU8000\0", b"INAM": b"Tone\0\0"}
    articles = {
        b"phdr": preset + last_preset, b"pbag": struct.pack("<4H", 0, 0, 1, 0), b"pmod": bytes(10),
        b"pgen": struct.pack("<4H", *instrument_number, 0, 0), b"inst": instruments,
        b"ibag": struct.pack("<4H", 0, 0, 2, 0), b"imod": bytes(10),
        b"igen": struct.pack("<6H", *is_looped, *sample_number, 0, 0), b"shdr": sample + last_sample,
    }  # fmt: skip
    lists = _list(b"INFO", information) + _list(b"sdta", {b"smpl": samples}) + _list(b"pdta", articles)
    return _chunk(b"RIFF", b"sfbk" + lists)
