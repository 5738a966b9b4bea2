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
    if len(begins) == 1:
        return Extent(remark=remark)
    if max(streams_in_link) > 1:
        return Extent(is_certain=False, remark=remark)
    return Extent(links=tuple(zip(begins, [*begins[1:], view.size], strict=True)), remark=remark)


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
