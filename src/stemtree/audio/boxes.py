"""The boxes of an MP4 file (ISO/IEC 14496-12): found, rebuilt, and moved with their offsets put right."""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from stemtree.staging import whole_file

_CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_COPY = 1 << 20


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its type, where it begins, and how long it and its header are, in bytes."""

    kind: bytes
    start: int
    size: int
    header: int

    @property
    def end(self) -> int:
        """The first byte after it."""
        return self.start + self.size


def boxes_of(content: bytes | bytearray, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes that lie side by side in a stretch of bytes.

    Raises
    ------
    ValueError
        If there are no boxes, or one that is longer than what holds it.
    """
    end = len(content) if end is None else end
    while start < end:
        if end - start < 8:
            raise ValueError("a box is cut off")
        size, kind = struct.unpack_from(">I4s", content, start)
        header = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", content, start + 8)
            header = 16
        elif size == 0:
            size = end - start
        if size < header or start + size > end:
            raise ValueError(f"the box {kind!r} is longer than what holds it")
        yield Box(kind, start, size, header)
        start += size


def make_box(kind: bytes, content: bytes) -> bytes:
    """A box of a type with its content."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


def add_to_user_data(file: Path, kind: bytes, content: bytes) -> None:
    """Put a box into ``moov/udta`` of a file; see `copy_with_user_data`."""
    with whole_file(file) as partial, file.open("rb") as source, partial.open("wb") as target:
        copy_with_user_data(source, target, kind, content)


def copy_with_user_data(source: BinaryIO, target: BinaryIO, kind: bytes, content: bytes) -> None:
    """Copy a file with a box in its ``moov/udta``, in place of one of its type.

    Where the index (``moov``) stands before the audio (``mdat``), the audio moves, and the index's offsets with it.

    Raises
    ------
    ValueError
        If the file has no index, or offsets grow beyond 32 bits.
    """
    top = list(_top_level(source))
    index = next((box for box in top if box.kind == b"moov"), None)
    if index is None:
        raise ValueError("there is no moov box")
    source.seek(index.start)
    old = source.read(index.size)
    new = _with_user_data(old, kind, make_box(kind, content))
    grown = len(new) - len(old)
    if any(box.kind == b"mdat" and box.start > index.start for box in top):
        new = _shifted(new, grown)
    source.seek(0)
    _copy(source, target, index.start)
    target.write(new)
    source.seek(index.end)
    _copy(source, target, None)


def _top_level(source: BinaryIO) -> Iterator[Box]:
    """As `boxes_of`, without reading what is in them."""
    start, end = 0, source.seek(0, io.SEEK_END)
    while start < end:
        source.seek(start)
        head = source.read(16)
        if len(head) < 8:
            raise ValueError("a box is cut off")
        size, kind = struct.unpack_from(">I4s", head)
        header = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", head, 8)
            header = 16
        elif size == 0:
            size = end - start
        yield Box(kind, start, size, header)
        start += size


def _with_user_data(index: bytes, kind: bytes, box: bytes) -> bytes:
    (moov,) = boxes_of(index)
    parts, found = [], False
    for child in boxes_of(index, moov.header, moov.end):
        content = index[child.start : child.end]
        if child.kind == b"udta" and not found:
            found = True
            kept = [content[inner.start : inner.end] for inner in boxes_of(content, child.header) if inner.kind != kind]
            content = make_box(b"udta", b"".join([*kept, box]))
        parts.append(content)
    if not found:
        parts.append(make_box(b"udta", box))
    return make_box(b"moov", b"".join(parts))


def _shifted(index: bytes, by: int) -> bytes:
    """An index whose chunks lie so many bytes further on."""
    moved = bytearray(index)

    def walk(start: int, end: int) -> None:
        for box in boxes_of(moved, start, end):
            inner = box.start + box.header
            if box.kind in _CONTAINERS:
                walk(inner, box.end)
            elif box.kind in (b"stco", b"co64"):
                (count,) = struct.unpack_from(">I", moved, inner + 4)
                layout = f">{count}{'I' if box.kind == b'stco' else 'Q'}"
                offsets = [offset + by for offset in struct.unpack_from(layout, moved, inner + 8)]
                if box.kind == b"stco" and max(offsets, default=0) >= 1 << 32:
                    raise ValueError("chunk offsets grow beyond 32 bits")
                struct.pack_into(layout, moved, inner + 8, *offsets)

    walk(0, len(moved))
    return bytes(moved)


def _copy(source: BinaryIO, target: BinaryIO, count: int | None) -> None:
    while (piece := source.read(_COPY if count is None else min(_COPY, count))) and count != 0:
        target.write(piece)
        count = None if count is None else count - len(piece)
