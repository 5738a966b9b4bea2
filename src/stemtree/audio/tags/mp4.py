"""Tags in MP4 files: the list of items (``ilst``) that iTunes writes and players read."""

import re
import struct
from collections.abc import Iterator
from typing import BinaryIO

from stemtree.audio.boxes import copy_with_user_data, make_box
from stemtree.audio.tags.tags import Tags

_ITEMS = {
    "title": b"\xa9nam", "artist": b"\xa9ART", "album_artist": b"aART", "album": b"\xa9alb", "date": b"\xa9day",
    "genre": b"\xa9gen", "comment": b"\xa9cmt", "composer": b"\xa9wrt", "grouping": b"\xa9grp", "lyrics": b"\xa9lyr",
    "copyright": b"cprt", "publisher": b"\xa9pub", "description": b"desc",
    "title-sort": b"sonm", "artist-sort": b"soar", "album-sort": b"soal",
    "sort_name": b"sonm", "sort_artist": b"soar", "sort_album": b"soal", "sort_album_artist": b"soaa",
    "sort_composer": b"soco",
}  # fmt: skip
"""Items of FFmpeg's names; any other becomes an item with a name of its own."""

_NUMBERS = {"compilation": (b"cpil", 1), "bpm": (b"tmpo", 2), "tbpm": (b"tmpo", 2)}
"""Items that are whole numbers, of so many bytes."""

_POSITIONS = {"track": (b"trkn", bytes(2)), "disc": (b"disk", b"")}
"""Items that are a number out of so many, and what follows them."""

_BINARY, _UTF8, _INTEGER = 0, 1, 21
_IMAGES = {"image/jpeg": 13, "image/png": 14}
_HANDLER = make_box(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))


def copy_mp4(source: BinaryIO, target: BinaryIO, tags: Tags) -> None:
    """Copy an MP4 file, with these tags in place of its own."""
    items = [_item(key, text) for key, text in tags.texts.items()]
    if tags.pictures:
        covers = (_data(_IMAGES[picture.mime], picture.data) for picture in tags.pictures)
        items.append(make_box(b"covr", b"".join(covers)))
    listed = make_box(b"ilst", b"".join(items))
    copy_with_user_data(source, target, b"meta", bytes(4) + _HANDLER + listed)


def _item(key: str, text: str) -> bytes:
    if key in _POSITIONS and (position := _position(text)):
        name, after = _POSITIONS[key]
        return make_box(name, _data(_BINARY, bytes(2) + position + after))
    if key in _NUMBERS and text.isascii() and text.isdigit() and int(text) < 1 << 8 * _NUMBERS[key][1]:
        name, size = _NUMBERS[key]
        return make_box(name, _data(_INTEGER, int(text).to_bytes(size, "big")))
    name = _ITEMS.get("lyrics" if key.startswith("lyrics-") else key, b"")
    content = _data(_UTF8, text.encode())
    return make_box(name, content) if name else make_box(b"----", b"".join(_named(key)) + content)


def _named(key: str) -> Iterator[bytes]:
    for kind, text in ((b"mean", "com.apple.iTunes"), (b"name", key)):
        yield make_box(kind, bytes(4) + text.encode())


def _position(text: str) -> bytes | None:
    """``3`` or ``3/12`` as two numbers; None for other texts."""
    found = re.fullmatch(r"(\d{1,4})(?:\s*/\s*(\d{1,4}))?", text, re.ASCII)
    return struct.pack(">HH", int(found[1]), int(found[2] or 0)) if found else None


def _data(kind: int, content: bytes) -> bytes:
    return make_box(b"data", struct.pack(">II", kind, 0) + content)
