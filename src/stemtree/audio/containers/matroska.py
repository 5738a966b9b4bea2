"""Matroska and WebM (RFC 9559): whether all clusters are whole."""

from stemtree.audio.containers.extent import Extent, cut_off
from stemtree.audio.containers.view import ByteView

_EBML, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675


def matroska_extent(view: ByteView) -> Extent:
    """The extent of a Matroska file; recordings whose elements state no size announce nothing."""
    start = 0
    has_cluster = False
    while element := _element(view, start):
        name, content, size = element
        if size is None and name != _SEGMENT:
            return Extent()
        if name == _SEGMENT:
            start = content
            continue
        assert size is not None
        has_cluster |= name == _CLUSTER
        if name == _CLUSTER and content + size > view.size:
            return Extent(cut_off=cut_off(size, view.size - content, "bytes in its last cluster"))
        start = content + size
    return Extent() if has_cluster else Extent(cut_off="it ends before its audio")


def _element(view: ByteView, start: int) -> tuple[int, int, int | None] | None:
    """Name, begin of the content and size (None: not known) of the element at a byte; None if there is none."""
    first = view.read(start, 1)
    name_bytes = 9 - first[0].bit_length() if first else 9
    size_first = view.read(start + name_bytes, 1)
    size_bytes = 9 - size_first[0].bit_length() if size_first else 9
    if name_bytes > 4 or size_bytes > 8:
        return None
    content = start + name_bytes + size_bytes
    size = view.number(start + name_bytes, size_bytes, big_endian=True) & (1 << 7 * size_bytes) - 1
    return (
        view.number(start, name_bytes, big_endian=True),
        content,
        None if size == (1 << 7 * size_bytes) - 1 else size,
    )
