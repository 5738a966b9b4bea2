"""ID3v2.4 (id3.org/id3v2.4.0-structure), the tags of MP3."""

from collections.abc import Iterator

from stemtree.audio.tags.tags import Picture, Tags

_FRAMES = {
    "title": "TIT2", "artist": "TPE1", "album_artist": "TPE2", "album": "TALB", "date": "TDRC", "track": "TRCK",
    "disc": "TPOS", "genre": "TCON", "composer": "TCOM", "performer": "TPE3", "copyright": "TCOP", "publisher": "TPUB",
    "lyricist": "TEXT", "tbpm": "TBPM", "bpm": "TBPM", "tkey": "TKEY", "initialkey": "TKEY", "isrc": "TSRC",
    "tsrc": "TSRC", "grouping": "TIT1", "subtitle": "TIT3", "compilation": "TCMP", "title-sort": "TSOT",
    "artist-sort": "TSOP", "album-sort": "TSOA",
}  # fmt: skip
"""Frames of FFmpeg's names; any other becomes a text of the user's own (TXXX)."""

_UTF8 = b"\x03"
_FRONT_COVER = b"\x03"


def id3_tag(tags: Tags) -> bytes:
    """The bytes that stand before the first frame of an MP3 file."""
    content = b"".join([*_texts(tags), *map(_picture, tags.pictures)])
    return b"ID3\x04\x00\x00" + _synchsafe(len(content)) + content


def _texts(tags: Tags) -> Iterator[bytes]:
    for key, text in tags.texts.items():
        value = text.encode()
        if key in ("comment", "lyrics") or key.startswith("lyrics-"):
            name = "COMM" if key == "comment" else "USLT"
            yield _frame(name, _UTF8 + b"XXX" + b"\0" + value)
        elif key in _FRAMES:
            yield _frame(_FRAMES[key], _UTF8 + value)
        else:
            yield _frame("TXXX", _UTF8 + key.encode() + b"\0" + value)


def _picture(picture: Picture) -> bytes:
    return _frame("APIC", _UTF8 + picture.mime.encode() + b"\0" + _FRONT_COVER + b"\0" + picture.data)


def _frame(name: str, content: bytes) -> bytes:
    return name.encode() + _synchsafe(len(content)) + b"\0\0" + content


def _synchsafe(number: int) -> bytes:
    """28 bits in four bytes, none of which has its highest bit set."""
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))
