"""Tags in FLAC files (RFC 9639)."""

import shutil
from typing import BinaryIO

from stemtree.audio.tags.tags import Tags
from stemtree.audio.tags.vorbis import comments, picture_block, vendor_of

_PADDING, _COMMENTS, _PICTURE = 1, 4, 6
_LAST = 0x80


def copy_flac(source: BinaryIO, target: BinaryIO, tags: Tags) -> None:
    """Copy a FLAC file, with these tags in place of its comments."""
    target.write(source.read(4))
    kept: list[tuple[int, bytes]] = []
    vendor, is_last = b"", False
    while not is_last:
        header = source.read(4)
        is_last = not header or bool(header[0] & _LAST)
        kind, content = header[0] & ~_LAST, source.read(int.from_bytes(header[1:], "big"))
        if kind == _COMMENTS:
            vendor = vendor_of(content)
        elif kind != _PADDING:
            kept.append((kind, content))
    blocks = [*kept, (_COMMENTS, comments(tags, vendor))]
    blocks += [(_PICTURE, picture_block(picture)) for picture in tags.pictures]
    for number, (kind, content) in enumerate(blocks):
        first = kind | (_LAST if number == len(blocks) - 1 else 0)
        target.write(bytes([first]) + len(content).to_bytes(3, "big") + content)
    shutil.copyfileobj(source, target)
