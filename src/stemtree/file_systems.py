"""Storage by URL, with fsspec: finding its file system, and asking it again while it does not answer."""

import errno
import os
from collections.abc import Callable
from typing import Any, TypeVar

from stemtree.errors import FULL, LibraryError, OptionError, StorageError
from stemtree.extras import library

Result = TypeVar("Result")

PATIENCE = 60.0
"""Seconds for which storage that does not answer is asked again."""

_PACKAGES = {"s3": "'stemtree[storage]'", "gs": "gcsfs", "hf": "'stemtree[hub]'"}
"""The kinds of storage and what each takes. fsspec's others read files of this machine, archives and any web page."""

_OF_LIBRARIES = ("aiohttp", "botocore", "google", "httpx", "huggingface_hub", "requests", "urllib3")
_NO_RIGHTS = ("NoCredentialsError", "PartialCredentialsError", "GatedRepoError", "DefaultCredentialsError")


def file_system(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path there.

    Raises
    ------
    LibraryError
        If its library is not installed.
    OptionError
        If there is no storage of this kind.
    """
    kind = url.partition("://")[0]
    if kind not in _PACKAGES:
        raise OptionError(f"'{url}' is in no storage that is known: give s3://, gs:// or hf://")
    core = library("fsspec.core", "storage", f"'{url}' needs")
    try:
        system, path = core.url_to_fs(url)
    except ImportError:
        raise LibraryError(f"'{url}' needs another package: `pip install {_PACKAGES[kind]}`") from None
    return system, str(path).rstrip("/")


def patiently(work: Callable[[], Result], url: str) -> Result:
    """Do what may be repeated, again and again while the storage does not answer, and return what that gives.

    Parameters
    ----------
    work : callable
        It raises what the library of the storage does.
    url : str
        What the work is about, for messages.

    Raises
    ------
    StorageError
        If the storage does not answer for `PATIENCE`, or at once if it denies it or has no such file, or if a file
        of this machine fails.
    """
    tenacity = library("tenacity", "storage", f"'{url}' needs")
    attempts = tenacity.Retrying(
        stop=tenacity.stop_after_delay(PATIENCE),
        wait=tenacity.wait_random_exponential(multiplier=0.5, max=10),
        retry=tenacity.retry_if_exception(_may_pass),
        reraise=True,
    )
    try:
        result: Result = attempts(work)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        if not _is_of_storage(error):
            raise
        raise StorageError(_sentence(url, error)) from None
    return result


def _is_of_storage(error: Exception) -> bool:
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in _OF_LIBRARIES


def _may_pass(error: BaseException) -> bool:
    lasting = isinstance(error, PermissionError | FileNotFoundError | IsADirectoryError | NotADirectoryError)
    if lasting or _file_here(error) or not isinstance(error, Exception) or type(error).__name__ in _NO_RIGHTS:
        return False
    return _is_of_storage(error) and getattr(error, "errno", None) not in FULL


def _file_here(error: BaseException) -> str | None:
    """The file of this machine that an error is about: storage's libraries give no whole paths to their errors."""
    name = error.filename if isinstance(error, OSError) else None
    return name if isinstance(name, str) and os.path.isabs(name) else None


def _sentence(url: str, error: Exception) -> str:
    if isinstance(error, OSError) and (file := _file_here(error)):
        remedy = "shorten its name" if error.errno == errno.ENAMETOOLONG else "check that file and its folder"
        return f"'{url}' fails at a file of this machine, '{file}' ({error.strerror}): {remedy}"
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    if isinstance(error, PermissionError) or type(error).__name__ in _NO_RIGHTS:
        return f"this machine has no rights to '{url}' ({reason}): log in to the storage there, or ask for the rights"
    if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
        return f"there is no '{url}': check the address"
    return (
        f"the storage of '{url}' does not answer ({reason}), asked for {PATIENCE:.0f} s: check the network and the "
        "address, and run again; what is finished stays"
    )
