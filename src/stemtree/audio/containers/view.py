"""Random access to the bytes of a file of any size, in bounded memory."""

from typing import BinaryIO

_SMALLEST_WINDOW, _LARGEST_WINDOW = 1 << 14, 1 << 20
"""Bytes read at a time: few for a header, ever more where the file is read on."""


class ByteView:
    """The bytes of an open file, of which one window is kept in memory.

    Parameters
    ----------
    file : binary file
        Seekable.
    size : int
        Its length in bytes.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self.size = file, size
        self._start, self._window, self._window_size = 0, b"", _SMALLEST_WINDOW

    def read(self, start: int, count: int) -> bytes:
        """Read `count` bytes from byte `start`; fewer where the file ends."""
        offset = start - self._start
        if offset < 0 or offset + count > len(self._window):
            if start >= self.size or start < 0:
                return b""
            reads_on = 0 <= start - self._start - len(self._window) < _SMALLEST_WINDOW
            self._window_size = min(2 * self._window_size, _LARGEST_WINDOW) if reads_on else _SMALLEST_WINDOW
            self._file.seek(start)
            self._start, self._window, offset = start, self._file.read(max(count, self._window_size)), 0
        return self._window[offset : offset + count]

    def number(self, start: int, count: int, big_endian: bool = False) -> int:
        """The unsigned integer of `count` bytes at byte `start`; 0 where the file ends before it."""
        content = self.read(start, count)
        return int.from_bytes(content, "big" if big_endian else "little") if len(content) == count else 0

    def find(self, marker: bytes, start: int) -> int:
        """The first position of a marker from byte `start` on; -1 if there is none."""
        while start < self.size:
            block = self.read(start, _LARGEST_WINDOW)
            if (found := block.find(marker)) >= 0:
                return start + found
            start += max(1, len(block) - len(marker) + 1)
        return -1


def after_id3(view: ByteView, start: int = 0) -> int:
    """The position after the ID3v2 tags at byte `start`: `start` itself if there is none (ID3v2.4, section 3.1)."""
    while len(head := view.read(start, 10)) == 10 and head[:3] == b"ID3" and max(head[6:10]) < 128:
        size = sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        start += 10 + size + (10 if head[5] & 16 else 0)
    return start
