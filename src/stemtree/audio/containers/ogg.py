"""Ogg (RFC 3533): whether its pages are whole, and where each link of a chain begins."""

from collections.abc import Iterator
from dataclasses import dataclass

from stemtree.audio.containers.extent import Extent
from stemtree.audio.containers.view import ByteView

_MARKER = b"OggS"
_HEADER_BYTES = 27
_BEGINS, _ENDS = 2, 4
"""Header types: first and last page of a stream."""


@dataclass(frozen=True, slots=True)
class _Page:
    start: int
    end: int
    type: int
    unfinished: bool  # its last packet goes on in the next page


def ogg_extent(view: ByteView) -> Extent:
    """The extent of an Ogg file; chains whose links hold one stream each are taken apart."""
    begins: list[int] = []
    streams_in_link: list[int] = []
    last: _Page | None = None
    for page in _pages(view):
        if page.end > view.size:
            return Extent(cut_off="its last Ogg page is not whole")
        if page.type & _BEGINS:
            if last is None or not last.type & _BEGINS:
                begins.append(page.start)
                streams_in_link.append(0)
            streams_in_link[-1] += 1
        last = page
    if last is None or not begins:
        return Extent()
    if 0 < len(rest := view.read(last.end, _HEADER_BYTES)) < _HEADER_BYTES and rest[:4] == _MARKER[: len(rest)]:
        return Extent(cut_off="its last Ogg page is not whole")
    if last.unfinished:
        return Extent(cut_off="its last packet goes on in an Ogg page that is not there")
    remark = "" if last.type & _ENDS else "it has no mark at its end: if it was cut off there, nobody can tell"
    if not _is_intact(view.read(last.start, last.end - last.start)):  # every reader leaves it out
        return Extent(cut_off="its last Ogg page is damaged")
    if len(begins) == 1:
        return Extent(remark=remark)
    if max(streams_in_link) > 1:
        return Extent(is_certain=False, remark=remark)
    return Extent(links=tuple(zip(begins, [*begins[1:], view.size], strict=True)), remark=remark)


def _is_intact(page: bytes) -> bool:
    """Whether the checksum of a page, at its byte 22, is that of its content."""
    return page_checksum(page[:22] + bytes(4) + page[26:]) == int.from_bytes(page[22:26], "little")


def page_checksum(page: bytes) -> int:
    """The checksum of a page whose own field is zero: the polynomial of CRC-32, with the highest bit first."""
    crc = 0
    for byte in page:
        crc = (crc << 8 & 0xFFFFFFFF) ^ _CRC32[crc >> 24 ^ byte]
    return crc


def _crc32_of(byte: int) -> int:
    crc = byte << 24
    for _ in range(8):
        crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc


_CRC32 = [_crc32_of(byte) for byte in range(256)]


def _pages(view: ByteView) -> Iterator[_Page]:
    """Yield all pages; the last may go beyond the end of the file."""
    start = view.find(_MARKER, 0)
    while start >= 0:
        header = view.read(start, _HEADER_BYTES)
        if len(header) < _HEADER_BYTES:
            return
        sizes = view.read(start + _HEADER_BYTES, header[26])
        end = start + _HEADER_BYTES + header[26] + sum(sizes)
        yield _Page(start, end, header[5], unfinished=sizes[-1:] == b"\xff")
        start = end if view.read(end, 4) == _MARKER else view.find(_MARKER, end)
