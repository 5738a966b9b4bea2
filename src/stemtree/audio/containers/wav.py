"""WAV and its relatives with 64-bit sizes (RF64, BW64, W64), and AIFF: where their samples end.

Microsoft, *Multimedia Programming Interface and Data Specifications 1.0*; EBU Tech 3306 (RF64); ITU-R BS.2088 (BW64);
Apple, *Audio Interchange File Format 1.3*.
"""

from stemtree.audio.containers.chunks import RIFF, RIFX, W64, Chunk, Layout, chunks, whole_chunk
from stemtree.audio.containers.extent import Extent, cut_off
from stemtree.audio.containers.view import ByteView
from stemtree.errors import counted

_UNKNOWN = frozenset((0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000))
"""Sizes that are written before they are known: into pipes, and by recorders until they finish (SoX, arecord)."""

_UNKNOWN_FROM = 0xFFFFFF00
"""Others write the largest number, or that less the size of the header (FFmpeg, LAME)."""

_FIXED_SIZE = (1, 3, 6, 7)
"""Format tags whose samples all take the same number of bits: integers, floats, A-law, µ-law."""

_MPEG = (0x50, 0x55)
_EXTENSIBLE = 0xFFFE
_W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
"""What W64's names have after four letters."""


def wav_extent(view: ByteView) -> Extent:
    """The extent of RIFF, RIFX, RF64 and BW64 files of the form WAVE."""
    form = view.read(0, 4)
    layout = RIFX if form == b"RIFX" else RIFF
    outer = view.number(4, 4, layout.big_endian)
    long_outer = long_data = 0
    coding = _Coding()
    for chunk in chunks(view, 12, layout):
        if chunk.name == b"ds64":
            long_outer, long_data = view.number(chunk.start, 8), view.number(chunk.start + 8, 8)
        elif chunk.name == b"fmt ":
            coding = _Coding(view, chunk, layout)
        elif chunk.name == b"data":
            if form in (b"RF64", b"BW64") and chunk.size == 0xFFFFFFFF:
                return _data_extent(view, chunk.start, long_data, 8 + long_outer, coding)
            if _goes_to_the_end(view, chunk.size, outer):
                return _to_the_end(view, chunk.start, coding)
            return _data_extent(view, chunk.start, chunk.size, 8 + outer, coding)
    return Extent(cut_off="it ends before its audio")


def w64_extent(view: ByteView) -> Extent:
    """The extent of a file in Sony's Wave64."""
    coding = _Coding()
    for chunk in chunks(view, 40, W64):
        if chunk.name == b"fmt " + _W64_TAIL:
            coding = _Coding(view, chunk, W64)
        elif chunk.name == b"data" + _W64_TAIL:
            if chunk.size in (0, (1 << 64) - 1 - 24):
                return _to_the_end(view, chunk.start, coding)
            return _data_extent(view, chunk.start, chunk.size, 0, coding)
    return Extent(cut_off="it ends before its audio")


def aiff_extent(view: ByteView) -> Extent:
    """The extent of AIFF and AIFF-C files."""
    for chunk in chunks(view, 12, RIFX):
        if chunk.name == b"SSND":
            to_the_end = chunk.size in _UNKNOWN or chunk.size >= _UNKNOWN_FROM
            return Extent(is_certain=False) if to_the_end else whole_chunk(view, chunk)
    return Extent(cut_off="it ends before its audio")


class _Coding:
    """What a ``fmt `` chunk says of the samples."""

    def __init__(self, view: ByteView | None = None, chunk: Chunk | None = None, layout: Layout = RIFF) -> None:
        self.tag, self.bytes_per_sample = 0, 0
        if view and chunk:
            self.tag = view.number(chunk.start, 2, layout.big_endian)
            if self.tag == _EXTENSIBLE:
                self.tag = view.number(chunk.start + 24, 2, layout.big_endian)
            if self.tag in _FIXED_SIZE:
                self.bytes_per_sample = view.number(chunk.start + 12, 2, layout.big_endian)

    def count(self, size: int) -> int | None:
        """Samples per channel in so many bytes; None if that cannot be told."""
        return size // self.bytes_per_sample if self.bytes_per_sample else None


def _goes_to_the_end(view: ByteView, size: int, outer: int) -> bool:
    """Whether the sizes of data and file stand for "not known", or lack the bits above the 32nd."""
    if size in _UNKNOWN or size >= _UNKNOWN_FROM or outer >= _UNKNOWN_FROM or (outer in _UNKNOWN and outer):
        return True
    return view.size > 1 << 32 and (view.size - 8 - outer) % (1 << 32) < 2


def _to_the_end(view: ByteView, start: int, coding: _Coding) -> Extent:
    return Extent(is_certain=False, num_samples=coding.count(max(0, view.size - start)))


def _data_extent(view: ByteView, start: int, size: int, outer_end: int, coding: _Coding) -> Extent:
    held = max(0, min(size, view.size - start))
    if size > held:
        return Extent(cut_off=cut_off(size, held), num_samples=coding.count(size))
    if _is_followed_by_data(view, start + size, min(outer_end, view.size)):
        count = coding.count(size)
        announced = counted(size, "byte of audio", "bytes of audio") if count is None else counted(count, "sample")
        return Extent(wrong_header=f"it announces {announced}, but more data follows")
    return Extent(is_certain=coding.tag not in _MPEG, num_samples=coding.count(size))


def _is_followed_by_data(view: ByteView, start: int, end: int) -> bool:
    """Whether something that is neither a chunk nor padding lies between the samples and the end that is stated."""
    rest = view.read(start, max(0, min(end - start, 4096)))
    if len(rest) <= 8 or not rest.strip(b"\0"):
        return False
    return not any(_is_chunk_name(rest[padding : padding + 4]) for padding in (0, 1))


def _is_chunk_name(name: bytes) -> bool:
    return len(name) == 4 and all(32 <= byte < 127 for byte in name[:3]) and (32 <= name[3] < 127 or name[:3] == b"ID3")
