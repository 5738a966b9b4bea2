"""Vorbis comments (xiph.org/vorbis/doc/v-comment.html) and FLAC's pictures (RFC 9639), which FLAC and Ogg share."""

import re
import struct

from stemtree.audio.tags.tags import Picture, Tags

_NAMES = {
    "track": "TRACKNUMBER", "disc": "DISCNUMBER", "album_artist": "ALBUMARTIST", "tbpm": "BPM", "tkey": "INITIALKEY",
    "tsrc": "ISRC", "publisher": "ORGANIZATION",
}  # fmt: skip
_FRONT_COVER = 3


def comments(tags: Tags, vendor: bytes, extra: tuple[tuple[str, str], ...] = ()) -> bytes:
    """A block of comments.

    Parameters
    ----------
    tags : Tags
        Whose texts are written.
    vendor : bytes
        Who encoded the file.
    extra : tuple of (str, str)
        More comments.
    """
    pairs = [pair for key, text in tags.texts.items() for pair in _pairs(key, text)]
    entries = [f"{name}={text}".encode() for name, text in (*pairs, *extra)]
    sized = b"".join(struct.pack("<I", len(entry)) + entry for entry in entries)
    return struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", len(entries)) + sized


def _pairs(key: str, text: str) -> list[tuple[str, str]]:
    if key in ("track", "disc") and (parts := re.fullmatch(r"(\d+)\s*/\s*(\d+)", text)):
        return [(_NAMES[key], parts[1]), (f"{key.upper()}TOTAL", parts[2])]
    name = _NAMES.get(key, "LYRICS" if key.startswith("lyrics-") else key.upper())
    return [(re.sub(r"[^ -<>-}]", "_", name), text)]  # ASCII without =


def picture_block(picture: Picture) -> bytes:
    """A picture as in FLAC's metadata, without the block's header."""
    mime = picture.mime.encode()
    size = struct.pack(">IIII", picture.width, picture.height, 24, 0)
    described = struct.pack(">II", _FRONT_COVER, len(mime)) + mime + struct.pack(">I", 0) + size
    return described + struct.pack(">I", len(picture.data)) + picture.data


def vendor_of(block: bytes) -> bytes:
    """Who encoded the file, from its block of comments."""
    size = int.from_bytes(block[:4], "little")
    return block[4 : 4 + size]
