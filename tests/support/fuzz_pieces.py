"""Spoiling files by what they are made of: chunks, boxes, pages, frames, and the numbers in their headers."""

import re
import struct
import zlib
from itertools import pairwise
from typing import Literal

from hypothesis import strategies as st

from stemtree.audio.containers.ogg import page_checksum

PieceEdit = tuple[Literal["drop", "double", "swap", "cut", "number"], int, int, int, int]
"""What happens, to which piece, and three numbers: another piece or an offset, a width or how much, and a value."""

_MARKS: list[tuple[bytes, bytes]] = [
    (rb"fLaC", rb"\xff[\xf8\xf9]|(?<=fLaC)|reference|\x84\0\0"),
    (rb"OggS", rb"OggS"),
    (rb"wvpk", rb"wvpk"),
    (rb"caff", rb"desc|data|pakt|chan|free|kuki|info"),
    (rb"riff\x2e\x91", rb"wave\xf3|fmt \xf3|data\xf3|fact\xf3"),
    (rb"(RIFF|RIFX|RF64).{4}(WAVE|sfbk|AVI |RMID)", rb"(?s:(?:ds64|fmt |fact|PEAK|data|LIST|INFO|id3 |sdta|pdta|smpl|"
     rb"ifil|phdr|pbag|pmod|pgen|inst|ibag|imod|igen|shdr|hdrl|avih|strl|strh|strf|movi|idx1|\d\dwb|MThd|MTrk))"),
    (rb"FORM", rb"COMM|SSND|NAME|ANNO|FVER|PEAK|MARK|INST"),
    (rb"MThd", rb"MTrk|\xff\x51\x03|\xff\x2f\0|\xf0|(?<=\x90)"),
    (rb"\x1aE\xdf\xa3", rb"\x18S\x80g|\x15I\xa9f|\x16T\xaek|\xae|\xe1|c\xa2|\x1fC\xb6u|\xa3|\xa0|\x1cS\xbbk|\x11M\x9bt"
     rb"|\x12T\xc3g"),
    (rb"0&\xb2u", rb"\xa1\xdc\xab\x8c|\x91\x07\xdc\xb7|\x36\x26\xb2\x75|\xb5\x03\xbf\x5f|\x33\x26\xb2\x75|\x82\0\0"),
    (rb".{4}ftyp", rb"(?s:....(?=moov|mvhd|trak|tkhd|mdia|mdhd|hdlr|minf|smhd|dinf|stbl|stsd|mp4a|alac|esds|stts|stsc|"
     rb"stsz|stco|sgpd|sbgp|mdat|free|edts|elst|udta|meta|ilst|wave|chan|sowt))"),
    (rb"PK\x03\x04", rb"PK\x01\x02|PK\x03\x04|PK\x05\x06|PK\x07\x08"),
    (rb"Rar!", rb"(?s:..[\x73\x74\x7b])"),
    (rb"PAR1", rb"PAR1|\x15|\x19|\x18"),
    (rb"\.snd|TTA1|Creative|NIST", rb"(?s:.{64})"),
    (rb"G", rb"(?s:.{188})"),
    (rb"(?s:ID3|\xff)", rb"\xff[\xe2-\xff]|Xing|Info|LAME|ID3|T[A-Z]{3}|APIC"),
]  # fmt: skip
"""How a file begins, and how each of its pieces does."""

_VALUES = [
    0,
    1,
    2,
    3,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    1 << 63,
    (1 << 64) - 1,
]
_RELATIVE = [-1, 1, -2, 2, 8, -8, 1024, 65536]


def piece_edits() -> st.SearchStrategy[list[PieceEdit]]:
    """A few pieces that are left out, doubled, exchanged or cut, and numbers in their headers that change."""
    piece = st.integers(0, 12) | st.integers(0, 1 << 10)
    whole = st.tuples(st.sampled_from(["drop", "double", "swap"]), piece, piece, st.just(0), st.just(0))
    cut = st.tuples(st.just("cut"), piece, st.integers(0, 64), st.integers(0, 64), st.just(0))
    number = st.tuples(
        st.just("number"),
        piece,
        st.integers(-4, 12) | st.integers(0, 64),
        st.integers(0, 7),
        st.integers(0, len(_VALUES) + len(_RELATIVE) - 1),
    )
    return st.lists(number | number | cut | whole, min_size=1, max_size=4)


def pieces(content: bytes) -> list[bytes]:
    """A file taken apart where its chunks, boxes, pages, blocks or frames begin."""
    marks = next((mark for start, mark in _MARKS if re.match(start, content, re.DOTALL)), rb"(?s:.{32})")
    places = sorted({0, *(match.start() for match in re.finditer(marks, content)), len(content)})
    return [content[start:end] for start, end in pairwise(places)]


def spoilt_pieces(content: bytes, changes: list[PieceEdit]) -> bytes:
    """A file after edits of its pieces, with the checksums that its readers check first made right again."""
    for action, number, other, width, value in changes:
        parts = pieces(content)
        if not parts:
            return content
        at, to = number % len(parts), other % len(parts)
        if action == "drop":
            del parts[at]
        elif action == "double":
            parts.insert(to, parts[at])
        elif action == "swap":
            parts[at], parts[to] = parts[to], parts[at]
        elif action == "cut":
            parts[at] = parts[at][:other] + parts[at][other + width :]
        else:
            before = sum(map(len, parts[:at]))
            content = _with_number(content, max(0, before + other), width, value)
            continue
        content = b"".join(parts)
    return _repaired(content)


def _with_number(content: bytes, at: int, width: int, value: int) -> bytes:
    size, order = (1, 2, 4, 8)[width % 4], "big" if width < 4 else "little"
    if value < len(_VALUES):
        number = _VALUES[value]
    else:
        number = int.from_bytes(content[at : at + size], order) + _RELATIVE[value - len(_VALUES)]
    return content[:at] + (number % (1 << 8 * size)).to_bytes(size, order) + content[at + size :]


def _repaired(content: bytes) -> bytes:
    if content.startswith(b"OggS"):
        return b"".join(_with_page_sum(page) for page in pieces(content))
    if content.startswith(b"7z\xbc\xaf") and len(content) > 32:
        offset, size = struct.unpack("<QQ", content[12:28])
        header = content[32 + offset : 32 + offset + size] if size < 1 << 20 else b""
        start = content[12:28] + struct.pack("<L", zlib.crc32(header))
        return content[:8] + struct.pack("<L", zlib.crc32(start)) + start + content[32:]
    if content.startswith(b"Rar!\x1a\x07\0"):
        return _with_rar_sums(content)
    return content


def _with_page_sum(page: bytes) -> bytes:
    if not page.startswith(b"OggS") or len(page) < 27:
        return page
    page = page[:22] + bytes(4) + page[26:]
    return page[:22] + struct.pack("<L", page_checksum(page)) + page[26:]


def _with_rar_sums(content: bytes) -> bytes:
    out, at = content[:7], 7
    while len(content) >= at + 7:
        size = max(7, int.from_bytes(content[at + 5 : at + 7], "little"))
        kind, flags = content[at + 2], int.from_bytes(content[at + 3 : at + 5], "little")
        block = content[at + 2 : at + size]
        out += struct.pack("<H", zlib.crc32(block) & 0xFFFF) + block
        data = int.from_bytes(content[at + 7 : at + 11], "little") if kind == 0x74 or flags & 0x8000 else 0
        out += content[at + size : at + size + data]
        at += size + data
    return out + content[at:]
