"""FLAC (RFC 9639): whether the number of samples in STREAMINFO is that of the file."""

from stemtree.audio.containers.extent import Extent
from stemtree.audio.containers.view import ByteView
from stemtree.errors import counted

_STREAMINFO_BYTES = 34
_TAIL = 1 << 16
"""Bytes at the end of a file in which the last frame is looked for, or twice the largest frame where that is more."""

_MARKER = b"fLaC"


def flac_extent(view: ByteView, start: int, thorough: bool) -> Extent:
    """The extent of a native FLAC file whose marker is at byte `start`.

    Parameters
    ----------
    view : ByteView
    start : int
        Position of ``fLaC``.
    thorough : bool
        Whether to read the whole file in search of another one that was joined to it.
    """
    info = _streaminfo(view, start + len(_MARKER))
    if info is None:
        return Extent(is_certain=False)
    if len(info) < _STREAMINFO_BYTES:
        return Extent(cut_off="it ends within its header")
    if thorough and (links := _links(view, start)):
        return Extent(links=links)
    total = int.from_bytes(info[13:18], "big") & (1 << 36) - 1
    if total == 0:  # not known
        return Extent(is_certain=False)
    largest_frame = int.from_bytes(info[7:10], "big")
    tail_bytes = max(_TAIL, 2 * largest_frame)
    tail = view.read(max(start, view.size - tail_bytes), tail_bytes)
    frame = _last_frame(tail, info, total)
    if thorough and frame is not None and not _is_whole(tail[frame:]):
        return Extent(
            cut_off=f"it announces {counted(total, 'sample')}, and the last of its frames is not whole",
            num_samples=total,
        )
    return Extent(is_certain=frame is not None, num_samples=total)


def _streaminfo(view: ByteView, start: int) -> bytes | None:
    """The block with the number of samples, which should be the first; None if the others go on to the frames."""
    while len(head := view.read(start, 4)) == 4:
        if head[0] & 127 == 0:
            return view.read(start + 4, _STREAMINFO_BYTES)
        if head[0] & 128:
            return None
        start += 4 + int.from_bytes(head[1:], "big")
    return b""


def _links(view: ByteView, start: int) -> tuple[tuple[int, int], ...]:
    """Begin and end of each of several joined files; empty if there is one."""
    marker = _MARKER + bytes((0, 0, 0, _STREAMINFO_BYTES)), _MARKER + bytes((128, 0, 0, _STREAMINFO_BYTES))
    begins, position = [start], start
    while (position := view.find(_MARKER, position + 4)) >= 0:
        if view.read(position, 8) in marker:
            begins.append(position)
    return tuple(zip(begins, [*begins[1:], view.size], strict=True)) if len(begins) > 1 else ()


def _last_frame(tail: bytes, info: bytes, total: int) -> int | None:
    """Where in the tail the frame begins that ends at sample `total` (RFC 9639, section 9.1); None if there is none."""
    position = len(tail)
    while (position := tail.rfind(b"\xff", 0, position)) >= 0:
        if tail[position + 1 : position + 2] in (b"\xf8", b"\xf9") and _end_of_frame(tail[position:], info) == total:
            return position
    return None


def _is_whole(frame: bytes) -> bool:
    """Whether the checksum of a frame, whose length is not known, is right anywhere up to the end of the file."""
    crc = 0
    for byte in frame:
        crc = (crc << 8 & 0xFFFF) ^ _CRC16[crc >> 8 ^ byte]
        if crc == 0:
            return True
    return False


def _end_of_frame(header: bytes, info: bytes) -> int | None:
    """The sample after a frame, by its header; None if there is no header or its checksum is wrong."""
    header = header[:16]
    if len(header) < 16:
        header = header + bytes(16 - len(header))
    number, at = _coded_number(header, 4)
    size_code, rate_code = header[2] >> 4, header[2] & 15
    if number is None or size_code == 0:
        return None
    if size_code in (6, 7):
        count = size_code - 5
        num_samples = int.from_bytes(header[at : at + count], "big") + 1
        at += count
    else:
        num_samples = 192 if size_code == 1 else 576 << size_code - 2 if size_code < 6 else 256 << size_code - 8
    at += {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if at >= len(header) or _crc8(header[:at]) != header[at]:
        return None
    has_fixed_size = header[1] == 0xF8
    return (number * int.from_bytes(info[:2], "big") if has_fixed_size else number) + num_samples


def _coded_number(header: bytes, at: int) -> tuple[int | None, int]:
    """The number of a frame or sample, coded like UTF-8 but up to 36 bits, and the position after it."""
    first = header[at]
    if first < 0x80:
        return first, at + 1
    length = 8 - (first ^ 0xFF).bit_length()
    if length < 2 or length > 7:
        return None, at
    number = first & (0x7F >> length)
    for byte in header[at + 1 : at + length]:
        if byte >> 6 != 2:
            return None, at
        number = number << 6 | byte & 63
    return number, at + length


def _crc16_of(byte: int) -> int:
    """One entry of the table for a frame's checksum: polynomial x^16 + x^15 + x^2 + 1."""
    crc = byte << 8
    for _ in range(8):
        crc = (crc << 1 ^ (0x8005 if crc & 0x8000 else 0)) & 0xFFFF
    return crc


_CRC16 = [_crc16_of(byte) for byte in range(256)]


def _crc8(content: bytes) -> int:
    """The checksum of a frame's header: polynomial x^8 + x^2 + x + 1."""
    crc = 0
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (7 if crc & 128 else 0)) & 255
    return crc
