"""Containers made of chunks that state their size: RIFF (WAV, AVI), W64, AIFF, CAF, AU, MP4, ASF."""

from collections.abc import Iterator
from dataclasses import dataclass

from stemtree.audio.containers.extent import Extent, cut_off
from stemtree.audio.containers.view import ByteView


@dataclass(frozen=True, slots=True)
class Layout:
    """How chunks are laid out.

    Parameters
    ----------
    id_bytes, size_bytes : int
        Of a chunk's name and of its size, which follows the name.
    big_endian : bool
        Of the size.
    counts_header : bool
        Whether the size counts name and size too.
    alignment : int
        Chunks begin at multiples of this many bytes from the first.
    """

    id_bytes: int
    size_bytes: int
    big_endian: bool
    counts_header: bool = False
    alignment: int = 1


RIFF = Layout(4, 4, big_endian=False, alignment=2)
RIFX = Layout(4, 4, big_endian=True, alignment=2)
W64 = Layout(16, 8, big_endian=False, counts_header=True, alignment=8)
CAF = Layout(4, 8, big_endian=True)
ASF = Layout(16, 8, big_endian=False, counts_header=True)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk: its name, where its content begins, and the size of the content that it announces."""

    name: bytes
    start: int
    size: int

    def held(self, view: ByteView) -> int:
        """Bytes of the content that are in the file."""
        return max(0, min(self.size, view.size - self.start))


def chunks(view: ByteView, start: int, layout: Layout) -> Iterator[Chunk]:
    """Yield the chunks from byte `start` on; the last may go beyond the end of the file."""
    head = layout.id_bytes + layout.size_bytes
    while start + head <= view.size:
        size = view.number(start + layout.id_bytes, layout.size_bytes, layout.big_endian)
        if layout.counts_header:
            size = max(0, size - head)
        yield Chunk(view.read(start, layout.id_bytes), start + head, size)
        start += head + -(-size // layout.alignment) * layout.alignment


_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_TO_THE_END = (1 << 64) - 1
"""CAF's size of a data chunk that goes to the end of the file."""


_MP4_NEEDED = {b"mdat": "audio", b"moof": "a fragment's index", b"moov": "its index"}


def asf_extent(view: ByteView) -> Extent:
    """ASF (WMA): the data object (Advanced Systems Format, section 5) must be whole; live recordings state none."""
    for chunk in chunks(view, 0, ASF):
        if chunk.name == _ASF_DATA:
            return whole_chunk(view, chunk)
    return Extent(cut_off="it ends before its audio")


def avi_extent(view: ByteView) -> Extent:
    """AVI: every list of streams' data (``movi``) must be whole, in OpenDML files in each of the RIFF chunks."""
    start = 0
    while view.read(start, 4) == b"RIFF":
        size = view.number(start + 4, 4)
        for chunk in chunks(view, start + 12, RIFF):
            if chunk.start > start + 8 + size:
                break
            if chunk.name == b"LIST" and view.read(chunk.start, 4) == b"movi" and chunk.size > chunk.held(view):
                return whole_chunk(view, chunk)
        start += 8 + size + size % 2
    return Extent()


def caf_extent(view: ByteView) -> Extent:
    """CAF (Apple Core Audio Format 1.0): the data chunk must be whole, or go to the end of the file."""
    for chunk in chunks(view, 8, CAF):
        if chunk.name == b"data":
            return Extent(is_certain=False) if chunk.size == _TO_THE_END else whole_chunk(view, chunk)
    return Extent(cut_off="it ends before its audio")


def au_extent(view: ByteView) -> Extent:
    """AU: the header states offset and size of the data; zero or all ones: up to the end of the file."""
    offset, size = view.number(4, 4, big_endian=True), view.number(8, 4, big_endian=True)
    if size in (0, 0xFFFFFFFF):
        return Extent(is_certain=False)
    return whole_chunk(view, Chunk(b"data", offset, size))


def mp4_extent(view: ByteView) -> Extent:
    """MP4 and QuickTime: all boxes of data and of fragments must be whole, and there must be an index (``moov``)."""
    start, has_index = 0, False
    while len(head := view.read(start, 16)) >= 8 and head[4:8].isalnum():
        size, name, header = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1:
            size, header = int.from_bytes(head[8:16], "big"), 16
        elif size == 0:  # to the end of the file
            size = view.size - start
        if size < header:
            break
        box = Chunk(name, start + header, size - header)
        if name in _MP4_NEEDED and box.size > (held := box.held(view)):
            return Extent(cut_off=cut_off(box.size, held, f"bytes of {_MP4_NEEDED[name]}"))
        has_index |= name == b"moov"
        start += size
    return Extent() if has_index else Extent(cut_off="it ends before its index (moov)")


def whole_chunk(view: ByteView, chunk: Chunk) -> Extent:
    """The extent of a file whose audio is one chunk."""
    if chunk.size > (held := chunk.held(view)):
        return Extent(cut_off=cut_off(chunk.size, held))
    return Extent()
