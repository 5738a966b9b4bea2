"""Serving a page to this machine's own browser, and to nobody else."""

from __future__ import annotations

import errno
import hmac
import mimetypes
import os
import re
import secrets
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from stemtree.errors import OptionError
from stemtree.page.old import PAGE
from stemtree.version import __version__

HOST = "127.0.0.1"

_PIECE = 1 << 16
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "media-src 'self' blob:; connect-src 'self'; frame-src 'self'; frame-ancestors 'self'; base-uri 'none'; "
        "form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class PageServer(ThreadingHTTPServer):
    """Serves one song's folder on the loopback interface, to those who know its token.

    Parameters
    ----------
    folder : pathlib.Path
        The song's own; nothing outside it is served.
    page : pathlib.Path
        Where its page lies, which may be elsewhere if the folder cannot be written to.
    port : int
        0 for any that is free.
    entry : str
        The page's file that is shown first.

    Attributes
    ----------
    address : str
        What to open, with the token in it.

    Raises
    ------
    OptionError
        If the port cannot be had.
    """

    daemon_threads = True
    allow_reuse_address = os.name == "posix"

    def __init__(self, folder: Path, page: Path, port: int = 0, entry: str = "index.html") -> None:
        if not 0 <= port <= 65535:
            raise OptionError(f"there is no port {port}: give one from 1024 to 65535")
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise OptionError(f"port {port} is in use: give another with --port, or leave that out") from None
            reason = error.strerror or "not allowed"
            raise OptionError(f"cannot listen on port {port} ({reason}): give another with --port") from None
        self.token = secrets.token_urlsafe(18)
        self.roots = {PAGE: page.resolve(), "": folder.resolve()}
        self.address = f"http://{HOST}:{self.server_port}/{self.token}/{PAGE}/{'' if entry == 'index.html' else entry}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Browsers break connections off as they like; anything else is one line, never a traceback."""
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            print(f"stemtree: a request failed: {error}", file=sys.stderr)


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    server_version, sys_version = f"stemtree/{__version__}", ""
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        """Send a file, or a part of it."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Send what comes before it."""
        self._answer(body=False)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: the token is in every address."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """One sentence, as text."""
        self._refuse(code, message or HTTPStatus(code).phrase)

    def _answer(self, body: bool) -> None:
        if problem := self._foreign():
            return self._refuse(HTTPStatus.FORBIDDEN, problem)
        path = unquote(urlsplit(self.path).path, errors="replace")
        token, _, rest = path.lstrip("/").partition("/")
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            return self._refuse(HTTPStatus.FORBIDDEN, "The token in this address is not the one that was printed.")
        if rest in ("", PAGE, f"{PAGE}/"):
            if rest != f"{PAGE}/":
                return self._redirect(f"/{token}/{PAGE}/")
            rest = f"{PAGE}/index.html"
        file = self._file(rest)
        if file is None:
            return self._refuse(HTTPStatus.NOT_FOUND, "There is no such file in this song's folder.")
        try:
            with file.open("rb") as content:
                self._send(file, content, body)
        except OSError as error:
            if isinstance(error, ConnectionError | TimeoutError):
                raise
            self._refuse(HTTPStatus.NOT_FOUND, "This file cannot be read.")
        return None

    def _foreign(self) -> str | None:
        """Why a request does not come from the page itself, if it does not."""
        port = self.server.server_port
        hosts = {f"{name}:{port}" for name in (HOST, "localhost")}
        if self.headers.get("Host") not in hosts:
            return "This server answers to its own address alone."
        origin = self.headers.get("Origin")
        if origin is not None and origin not in {f"http://{host}" for host in hosts}:
            return "Requests of another origin are not answered."
        site, mode = self.headers.get("Sec-Fetch-Site"), self.headers.get("Sec-Fetch-Mode")
        if site in ("cross-site", "same-site") and mode != "navigate":
            return "Requests of another site are not answered."
        return None

    def _file(self, rest: str) -> Path | None:
        """The file that an address means, unless it lies outside the folder, by whatever trick."""
        parts = rest.split("/")
        if any(part in ("", ".", "..") or part.startswith(".") or "\\" in part or "\0" in part for part in parts):
            return None
        root = self.server.roots[PAGE if parts[0] == PAGE else ""]
        try:
            file = root.joinpath(*(parts[1:] if parts[0] == PAGE else parts)).resolve(strict=True)
        except (OSError, RuntimeError, ValueError):
            return None
        return file if file.is_relative_to(root) and file.is_file() else None

    def _send(self, file: Path, content: BinaryIO, body: bool) -> None:
        size = os.fstat(content.fileno()).st_size
        span = _span(self.headers.get("Range"), size)
        if span is None:
            part = {"Content-Range": f"bytes */{size}"}
            return self._refuse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "This file has no such part.", part)
        start, stop = span
        partial = (start, stop) != (0, size)
        self.send_response(HTTPStatus.PARTIAL_CONTENT if partial else HTTPStatus.OK)
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        text = kind.startswith("text/") or kind.endswith(("javascript", "json"))
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if text else kind)
        self.send_header("Content-Length", str(stop - start))
        self.send_header("Accept-Ranges", "bytes")
        if partial:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self._end()
        if not body:
            return None
        content.seek(start)
        while start < stop and (piece := content.read(min(_PIECE, stop - start))):
            self.wfile.write(piece)
            start += len(piece)
        return None

    def _redirect(self, to: str) -> None:
        self.send_response(HTTPStatus.FOUND)
        self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self._end()

    def _refuse(self, code: int, sentence: str, headers: dict[str, str] | None = None) -> None:
        content = f"{sentence}\n".encode()
        self.send_response(code)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if self.command not in ("GET", "HEAD"):
            self.close_connection = True
        self._end()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _end(self) -> None:
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()


def _span(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte of what is asked for and the one after its last.

    All of the file where it is asked for in a way that is not known here; None where it has no such bytes.
    """
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None or found.groups() == ("", ""):
        return 0, size
    first, last = found.groups()
    if not first:  # so many at the end
        return (max(0, size - int(last)), size) if int(last) and size else None
    start, stop = int(first), min(size, int(last) + 1 if last else size)
    return (start, stop) if start < stop else None
