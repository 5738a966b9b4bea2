"""Downloads of large files over connections that break.

A broken download is continued by a request for the rest of the file, whether it broke while the file was sent or
before. The retries of urllib3 end where the body begins, so the loop in `download` does both.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from stemtree.errors import DownloadError, counted
from stemtree.staging import write_failure

if TYPE_CHECKING:
    from requests import Response, Session

_BLOCK = 1 << 14  # bytes; a block that is not complete when the connection breaks is lost
_REDIRECTS = 5  # in a row
_TEMPORARY = (408, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class DownloadSettings:
    """How often and how long to try.

    Parameters
    ----------
    tries : int
        How often a file is requested.
    wait : float
        Seconds before the second try; doubled each time, and at most a minute.
    timeout : float
        Seconds without a byte after which a connection counts as broken.
    most : int
        Largest size of a file in bytes; larger files are refused.
    """

    tries: int = 5
    wait: float = 1.0
    timeout: float = 60.0
    most: int = 40 << 30


class UnreachableError(DownloadError):
    """No connection to the server could be made, at any try."""


class _TemporaryError(Exception):
    """The next try may succeed."""


class _NoConnectionError(_TemporaryError):
    """No connection to the server could be made."""


def open_session() -> Session:
    """A session for `download`; raises DownloadError if the package for it is missing."""
    try:
        import requests
    except ModuleNotFoundError:
        raise DownloadError("downloads need the package requests: run `pip install requests`") from None
    session = requests.Session()
    session.max_redirects = _REDIRECTS
    session.headers["User-Agent"] = "stemtree"
    session.headers["Accept-Encoding"] = "identity"  # lengths are of what is sent
    return session


def download(url: str, target: Path, session: Session, settings: DownloadSettings = DownloadSettings()) -> str:
    """Download a file; one that an earlier run left incomplete is continued where the server has the same version.

    Parameters
    ----------
    url : str
        ``http`` or ``https``.
    target : pathlib.Path
        Appears when the file is complete; until then ``<name>.part`` grows beside it.
    session : requests.Session
        From `open_session`.
    settings : DownloadSettings
        How often and how long to try.

    Returns
    -------
    str
        SHA-256 of the content, in hexadecimal digits.

    Raises
    ------
    DownloadError
        If the server refuses, the file is too large, or the last try fails.
    UnreachableError
        If the server cannot be reached at the last try.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise DownloadError(f"'{url}' is no http or https address: correct it in the listing")
    part = _Part(target, url)
    for left in reversed(range(settings.tries)):
        try:
            _request(url, part, session, settings)
            return part.finish()
        except _TemporaryError as problem:
            if not left:
                kind = UnreachableError if isinstance(problem, _NoConnectionError) else DownloadError
                raise kind(
                    f"'{url}' could not be fetched whole in {_times(settings.tries)} ({problem}): run again later"
                ) from None
            time.sleep(min(60.0, settings.wait * 2 ** (settings.tries - 1 - left)))
        except OSError as error:
            raise DownloadError(write_failure(part.file, error)) from None
    raise DownloadError(f"'{url}' was tried {counted(settings.tries, 'time')}: allow at least one")


def _times(tries: int) -> str:
    return counted(tries, "try", "tries")


class _Part:
    """The part of a file that is downloaded, and the version of the file."""

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
        """Bytes of the part."""
        return self.file.stat().st_size if self.file.exists() else 0

    def begin(self, version: str | None) -> None:
        """Empty the part, and note the version of the file that follows."""
        self.version = version
        self._note.write_text(json.dumps({"url": self._url, "version": version}), "utf-8")
        self.file.write_bytes(b"")

    def finish(self) -> str:
        """Give the complete file its name; return its checksum."""
        digest = sha256(self.file)
        self.file.replace(self._target)
        self._note.unlink(missing_ok=True)
        return digest


def sha256(file: Path) -> str:
    """Checksum of a file, in hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _request(url: str, part: _Part, session: Session, settings: DownloadSettings) -> None:
    """Request the rest of a file, and append it to the part."""
    import requests
    from urllib3.exceptions import MaxRetryError

    start = part.size if part.version else 0
    headers = {"Range": f"bytes={start}-", "If-Range": part.version or ""} if start else {}
    try:
        with session.get(url, headers=headers, stream=True, timeout=(settings.timeout, settings.timeout)) as response:
            if _is_whole(response, start):
                return
            total = _begin(url, response, part, start)
            if total is not None and total > settings.most:
                raise DownloadError(f"'{url}' has {total} bytes, where {settings.most} are the most: leave it out")
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
            raise _NoConnectionError(f"'{urlsplit(url).hostname}' cannot be reached") from None
        raise _TemporaryError(f"{type(error).__name__} after {counted(part.size, 'byte')}") from None
    if total is not None and part.size != total:
        raise _TemporaryError(f"{part.size} of {counted(total, 'byte')} came")


def _is_whole(response: Response, start: int) -> bool:
    """Whether nothing is missing: what was stopped may have been stopped after the last byte."""
    return response.status_code == 416 and response.headers.get("Content-Range") == f"bytes */{start}"


def _begin(url: str, response: Response, part: _Part, start: int) -> int | None:
    """Check the header of a response, and begin the part anew unless the response continues it.

    Returns
    -------
    int or None
        Length of the whole file, where the header states it.
    """
    status = response.status_code
    if status in _TEMPORARY:
        raise _TemporaryError(f"status {status}")
    if status == 416:  # the requested range is behind the end: the part is too long
        part.begin(None)
        raise _TemporaryError("the part that was there did not fit")
    if status not in (200, 206):
        raise DownloadError(f"the server answers {status} for '{url}': correct the address or leave the song out")
    length = response.headers.get("Content-Length", "")
    if status == 200:
        etag = response.headers.get("ETag", "")
        part.begin(etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified"))
        return int(length) if length.isdigit() else None
    content_range = response.headers.get("Content-Range", "")
    unit, _, span = content_range.partition(" ")
    begin, total = span.partition("-")[0], span.rpartition("/")[2]
    if unit != "bytes" or begin != str(start):
        part.begin(None)
        raise _TemporaryError(f"a part from {start} on was asked for and '{content_range}' came")
    return int(total) if total.isdigit() else start + int(length) if length.isdigit() else None
