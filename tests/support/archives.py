"""Archives of every kind, and a server on this machine that misbehaves as told."""

import csv
import io
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest import mock

import numpy as np
import py7zr
import soundfile


def tone(seconds: float = 0.05) -> bytes:
    """A short WAV file."""
    content = io.BytesIO()
    soundfile.write(content, np.sin(np.arange(int(8000 * seconds)) / 5) / 3, 8000, format="WAV")
    return content.getvalue()


def make_zip(path: Path, files: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        for name, target in (links or {}).items():
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, 0o120777 << 16
            archive.writestr(info, target)
    return path


def make_7z(path: Path, files: dict[str, bytes]) -> Path:
    file = io.BytesIO()
    with mock.patch("py7zr.py7zr.check_archive_path", lambda name: True), py7zr.SevenZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(content, name)
    path.write_bytes(file.getvalue())
    return path


def make_7z_of_method(path: Path, name: str, content: bytes, code: bytes, num_inputs: int = 1) -> Path:
    """A 7z file with one stored file that claims to be packed by the method with this code."""

    def number(value: int) -> bytes:
        return bytes([value]) if value < 0x80 else bytes([0x80 | value >> 8, value & 0xFF])

    coder = bytes([len(code) | (0x10 if num_inputs > 1 else 0)]) + code
    binding = b""
    if num_inputs > 1:  # such as BCJ2, whose other inputs are the outputs of stored streams
        coder += bytes([num_inputs, 1]) + b"\x01\x00" * (num_inputs - 1)
        binding = b"".join(bytes([at, at]) for at in range(1, num_inputs)) + bytes(
            [0, *range(num_inputs, 2 * num_inputs - 1)]
        )
    size = number(len(content))
    packed = [size, *[b"\0"] * (num_inputs - 1)]
    text = (name + "\0").encode("utf-16-le")
    header = (
        b"\x01\x04\x06\0" + bytes([num_inputs]) + b"\x09" + b"".join(packed) + b"\0"
        + b"\x07\x0b\x01\0" + bytes([num_inputs]) + coder + binding + b"\x0c" + size + b"\0" * (num_inputs - 1) + b"\0"
        + b"\x08\x0a\x01" + struct.pack("<L", zlib.crc32(content)) + b"\0\0"
        + b"\x05\x01\x11" + number(len(text) + 1) + b"\0" + text + b"\0\0"
    )  # fmt: skip
    start = struct.pack("<QQL", len(content), len(header), zlib.crc32(header))
    signature = b"7z\xbc\xaf\x27\x1c\0\x04" + struct.pack("<L", zlib.crc32(start))
    path.write_bytes(signature + start + content + header)
    return path


def make_rar(path: Path, files: dict[str, bytes], links: dict[str, str] | None = None, method: int = 0x30) -> Path:
    """RAR 3, stored: what rarfile reads without a program. Nothing free writes RAR, hence by hand.

    With another method than 0x30 the content is said to be compressed, which it is not.
    """

    def block(kind: int, flags: int, body: bytes) -> bytes:
        head = struct.pack("<BHH", kind, flags, 7 + len(body)) + body
        return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head

    entries = [(name, content, 0o100644) for name, content in files.items()]
    entries += [(name, target.encode(), 0o120777) for name, target in (links or {}).items()]
    out = b"Rar!\x1a\x07\x00" + block(0x73, 0, b"\0" * 6)
    for name, content, mode in entries:
        size, crc = len(content), zlib.crc32(content)
        fields = struct.pack("<LLBLLBBHL", size, size, 3, crc, 0x5A000000, 20, method, len(name.encode()), mode)
        out += block(0x74, 0x8000, fields + name.encode()) + content
    path.write_bytes(out + block(0x7B, 0x4000, b""))
    return path


class Server:
    """Serves `files`; a function in `odd` answers instead, told the handler and how often the path was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.odd: dict[str, Callable[[BaseHTTPRequestHandler, int], None]] = {}
        self.asked: list[tuple[str, str | None]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.asked.append((self.path, self.headers.get("Range")))
                count = sum(path == self.path for path, _ in owner.asked)
                owner.odd.get(self.path, lambda handler, count: owner.send(handler))(self, count)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def send(self, handler: BaseHTTPRequestHandler, cut: int | None = None, etag: str | None = '"v1"') -> None:
        """Answer as a good server does, ranges included, but close the connection after `cut` bytes."""
        content = self.files.get(handler.path)
        if content is None:
            handler.send_error(404)
            return
        span, valid = handler.headers.get("Range"), handler.headers.get("If-Range") == etag
        start = int(span.removeprefix("bytes=").rstrip("-")) if span and valid else 0
        if start >= len(content) > 0:
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(content)}")
            handler.send_header("Content-Length", "4")
            handler.end_headers()
            handler.wfile.write(b"none")
            return
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        handler.send_header("Content-Length", str(len(content) - start))
        if etag:
            handler.send_header("ETag", etag)
        handler.end_headers()
        handler.wfile.write(content[start:] if cut is None else content[start : start + cut])
        handler.close_connection = True

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def write_listing(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    """A listing of songs by Anna, from rows of title, archive and preview."""
    with path.open("w", newline="") as text:
        csv.writer(text).writerows(("Pop", "Sub", title, "Anna", archive, preview) for title, archive, preview in rows)
    return path
