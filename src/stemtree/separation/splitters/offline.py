"""Keeping other packages from downloading anything while they load a model."""

import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from importlib import import_module, util
from typing import Any

import torch


class DownloadAttempt(BaseException):
    """Raised where a package would download weights; not an Exception, which packages take for a failed download.

    Attributes
    ----------
    url : str
        What it would download.
    file : str
        Where it would be stored; empty if that is not known.
    """

    def __init__(self, url: str, file: str) -> None:
        super().__init__(url)
        self.url, self.file = url, file


@contextmanager
def offline() -> Iterator[None]:
    """Raise DownloadAttempt from the download functions of torch, Hugging Face and httpx, and discard what they print.

    Files that are already on this machine are found as usual.
    """

    def torch_hub(url: str, file: str, *_: Any, **__: Any) -> None:
        raise DownloadAttempt(url, file)

    def over_http(method: str, url: str, *_: Any, **__: Any) -> None:
        raise DownloadAttempt(url, "")

    with ExitStack() as stack:
        for redirect in (redirect_stdout, redirect_stderr):  # where torch announces a download
            stack.enter_context(redirect(io.StringIO()))
        stack.enter_context(_replaced(torch.hub, "download_url_to_file", torch_hub))
        if util.find_spec("huggingface_hub"):
            stack.enter_context(_replaced(import_module("huggingface_hub.constants"), "HF_HUB_OFFLINE", True))
        if util.find_spec("httpx"):
            stack.enter_context(_replaced(import_module("httpx"), "stream", over_http))
        yield


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)
