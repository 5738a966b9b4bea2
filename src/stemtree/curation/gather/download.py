"""Fetching files that are large, over connections that break."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from stemtree.errors import DownloadError

if TYPE_CHECKING:
    from requests import Response, Session

_BLOCK = 1 << 14  # what of a block came before the connection broke is lost
_FOR_NOW = (408, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Fetching:
    """How hard to try.

    Parameters
    ----------
    tries : int
        How often a file is asked for before it is given up.
    wait : float
        Seconds before the second try; doubled each time, and at most a minute.
    timeout : float
        Seconds without a byte after which a connection counts as broken.
    most : int
        Bytes; larger files are refused.
    redirects : int
        How many may follow each other.
    """

    tries: int = 5
    wait: float = 1.0
    timeout: float = 60.0
    most: int = 40 << 30
    redirects: int = 5


class UnreachableError(DownloadError):
    """No connection to the server could be made, at any try."""


class _Broken(Exception):
    """Something that may be better at the next try."""


class _Nobody(_Broken):
    """No connection could be made."""


def open_session(settings: Fetching = Fetching()) -> Session:
    """A session for `download`; raises DownloadError if the package for it is missing."""
    try:
        import requests
    except ModuleNotFoundError:
        raise DownloadError("downloads need the package requests: run `pip install requests`") from None
    session = requests.Session()
    session.max_redirects = settings.redirects
    session.headers["User-Agent"] = "stemtree"
    session.headers["Accept-Encoding"] = "identity"  # lengths are of what is sent
    return session


def download(
    url: str,
    target: Path,
    session: Session,
    settings: Fetching = Fetching(),
) -> str:
    """Fetch a file; what an earlier run left of it is gone on with, where the server says that it is still the same.

    Parameters
    ----------
    url : str
        ``http`` or ``https``.
    target : pathlib.Path
        Appears when the file is whole; until then ``<name>.part`` grows beside it.
    session : requests.Session
        From `open_session`.
    settings : Fetching
        How hard to try.

    Returns
    -------
    str
        SHA-256 of the content, in hexadecimal digits.

    Raises
    ------
    DownloadError
        If the server refuses, the file is too large, or the last try breaks off.
    UnreachableError
        If the last try finds no server.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise DownloadError(f"'{url}' is no http or https address: correct it in the listing")
    part = _Part(target, url)
    for left in reversed(range(settings.tries)):
        try:
            _try(url, part, session, settings)
            return part.finish()
        except _Broken as broken:
            if not left:
                kind = UnreachableError if isinstance(broken, _Nobody) else DownloadError
                raise kind(
                    f"'{url}' could not be fetched whole in {_times(settings.tries)} ({broken}): run again later"
                ) from None
            time.sleep(min(60.0, settings.wait * 2 ** (settings.tries - 1 - left)))
        except OSError as error:
            raise DownloadError(f"cannot write '{part.file}' ({error.strerror}): make room") from None
    raise DownloadError(f"'{url}' was tried {settings.tries} times: allow at least one")


def _times(tries: int) -> str:
    return "1 try" if tries == 1 else f"{tries} tries"


class _Part:
    """What there is of a file, and which version of it this is."""

    def __init__(self, target: Path, url: str) -> None:
        self._target, self._url = target, url
        self.file = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.part.json")
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            known = json.loads(self._note.read_text("utf-8"))
            self.version: str | None = known["version"] if known["url"] == url else None
        except (OSError, ValueError, KeyError, TypeError):
            self.version = None

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return self.file.stat().st_size if self.file.exists() else 0

    def begin(self, version: str | None) -> None:
        """Start over with a version of the file."""
        self.version = version
        self._note.write_text(json.dumps({"url": self._url, "version": version}), "utf-8")
        self.file.write_bytes(b"")

    def finish(self) -> str:
        """Give the file its name."""
        digest = sha256(self.file)
        self.file.replace(self._target)
        self._note.unlink(missing_ok=True)
        return digest


def sha256(file: Path) -> str:
    """Checksum of a file, in hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _try(
    url: str,
    part: _Part,
    session: Session,
    settings: Fetching,
) -> None:
    import requests
    from urllib3.exceptions import MaxRetryError

    start = part.size if part.version else 0
    headers = {"Range": f"bytes={start}-", "If-Range": part.version or ""} if start else {}
    try:
        with session.get(url, headers=headers, stream=True, timeout=(settings.timeout, settings.timeout)) as response:
            whole = _begin(url, response, part, start)
            if whole is not None and whole > settings.most:
                raise DownloadError(f"'{url}' has {whole} bytes, where {settings.most} are the most: leave it out")
            with part.file.open("ab") as content:
                for block in response.iter_content(_BLOCK):
                    content.write(block)
                    if content.tell() > settings.most:
                        raise DownloadError(f"'{url}' has more than {settings.most} bytes: leave it out")
    except requests.TooManyRedirects:
        raise DownloadError(f"'{url}' leads from one address to the next: correct it in the listing") from None
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema):
        raise DownloadError(f"'{url}' leads to no http or https address: correct it in the listing") from None
    except requests.RequestException as error:
        if error.args and isinstance(error.args[0], MaxRetryError):
            raise _Nobody(f"'{urlsplit(url).hostname}' cannot be reached") from None
        raise _Broken(f"{type(error).__name__} after {part.size} bytes") from None
    if whole is not None and part.size != whole:
        raise _Broken(f"{part.size} of {whole} bytes came")


def _begin(url: str, response: Response, part: _Part, start: int) -> int | None:
    """Look at an answer's header; the length of the whole file, where it tells."""
    status = response.status_code
    if status in _FOR_NOW:
        raise _Broken(f"status {status}")
    if status == 416:  # asked for what lies behind the end: there is more here than there should be
        part.begin(None)
        raise _Broken("the part that was there did not fit")
    if status not in (200, 206):
        raise DownloadError(f"the server answers {status} for '{url}': correct the address or leave the song out")
    length = response.headers.get("Content-Length", "")
    if status == 200:
        etag = response.headers.get("ETag", "")
        part.begin(etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified"))
        return int(length) if length.isdigit() else None
    where = response.headers.get("Content-Range", "")
    unit, _, span = where.partition(" ")
    begin, _, whole = span.partition("-")[0], None, span.rpartition("/")[2]
    if unit != "bytes" or begin != str(start):
        part.begin(None)
        raise _Broken(f"a part from {start} on was asked for and '{where}' came")
    return int(whole) if whole.isdigit() else start + int(length) if length.isdigit() else None
