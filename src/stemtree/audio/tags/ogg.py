"""Tags in Ogg Vorbis files: pages (RFC 3533) and the three header packets (Vorbis I specification, 4.2)."""

import base64
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from stemtree.audio.tags.tags import Tags
from stemtree.audio.tags.vorbis import comments, picture_block, vendor_of

_HEADER = struct.Struct("<4sBBqIII")
"""Marker, version, type, position, stream, number of the page, checksum."""

_CONTINUED = 1
_COMMENT_PACKET = b"\x03vorbis"
_FRAMING = b"\x01"
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass
class _Page:
    type: int
    position: int
    stream: int
    sizes: bytes
    content: bytes

    def write(self, target: BinaryIO, number: int) -> None:
        """Write the page with its number and checksum."""
        header = _HEADER.pack(b"OggS", 0, self.type, self.position, self.stream, number, 0)
        page = header + bytes([len(self.sizes)]) + self.sizes + self.content
        target.write(page[:22] + struct.pack("<I", _checksum(page)) + page[26:])


def copy_ogg(source: BinaryIO, target: BinaryIO, tags: Tags) -> None:
    """Copy an Ogg Vorbis file of one stream, with these tags in place of its comments."""
    pages = _pages(source)
    first = next(pages)
    packets = _header_packets(pages)
    pictures = tuple(
        ("METADATA_BLOCK_PICTURE", base64.b64encode(picture_block(picture)).decode()) for picture in tags.pictures
    )
    vendor = vendor_of(packets[0][len(_COMMENT_PACKET) :])
    packets[0] = _COMMENT_PACKET + comments(tags, vendor, pictures) + _FRAMING
    first.write(target, 0)
    number = 1
    for page in _paged(packets, first.stream):
        page.write(target, number)
        number += 1
    for page in pages:
        page.write(target, number)
        number += 1


def _pages(source: BinaryIO) -> Iterator[_Page]:
    while header := source.read(_HEADER.size + 1):
        _, _, kind, position, stream, _, _ = _HEADER.unpack(header[:-1])
        sizes = source.read(header[-1])
        yield _Page(kind, position, stream, sizes, source.read(sum(sizes)))


def _header_packets(pages: Iterator[_Page]) -> list[bytes]:
    """The comments and the codebooks; the audio begins on a page of its own."""
    packets: list[bytes] = []
    packet = b""
    while len(packets) < 2:
        page = next(pages)
        start = 0
        for size in page.sizes:
            packet += page.content[start : start + size]
            start += size
            if size < 255:
                packets.append(packet)
                packet = b""
    return packets


def _paged(packets: list[bytes], stream: int) -> Iterator[_Page]:
    """Packets that begin one after the other, on pages of at most 255 segments."""
    sizes = b"".join(b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) for packet in packets)
    content, start, is_open = b"".join(packets), 0, False
    for begin in range(0, len(sizes), 255):
        segments = sizes[begin : begin + 255]
        end = start + sum(segments)
        ends_packet = any(size < 255 for size in segments)
        yield _Page(_CONTINUED if is_open else 0, 0 if ends_packet else -1, stream, segments, content[start:end])
        start, is_open = end, segments[-1] == 255


def _checksum(page: bytes) -> int:
    """CRC-32 with the highest bit first, from the usual one with the lowest first."""
    reflected = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)
