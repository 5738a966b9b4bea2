"""Demucs, Open-Unmix and unblend: their own code and their own weights, if these are on this machine."""

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module, metadata, util
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stemtree.errors import SplitterError, suggest
from stemtree.types import Waveform

OVERLAP = 0.1
"""Of the segments that Demucs and unblend cut a block into. Their default is 0.25, which takes half as long again; less
is what Demucs's documentation offers where time matters."""


@dataclass(frozen=True, eq=False)
class Package:
    """An installed separator with one of its models.

    Parameters
    ----------
    name, model : str
        Of the package, and what it calls the model.
    sources : tuple of str
        What it calls the stems.
    sample_rate : int
        In Hz.
    channels : int
        How many it takes.
    network : nn.Module
        Holds the weights.
    separate : callable
        From ``(channel, sample)`` audio to ``(source, channel, sample)``.
    """

    name: str
    model: str
    sources: tuple[str, ...]
    sample_rate: int
    channels: int
    network: nn.Module
    separate: Callable[[Waveform], torch.Tensor]

    @property
    def version(self) -> str:
        """Of the package."""
        return metadata.version(self.name)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the names and values of all weights, however they are kept in files."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.network.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.contiguous().view(-1).numpy().tobytes())
        return digest.hexdigest()


def load_package(name: str, model: str = "") -> Package:
    """Load a model of an installed separator, from where the package itself looks for it; nothing is downloaded.

    Parameters
    ----------
    name : {"demucs", "openunmix", "unblend"}
        Of the package.
    model : str
        As the package calls it; empty for its default. Demucs's may be ``FOLDER/NAME``, Open-Unmix's a folder of one
        trained with it, and unblend's are those of its registry, to which ``unblend models import`` adds.

    Raises
    ------
    SplitterError
        If the package is not installed or cannot be imported, or if the model does not exist, or if its weights are not
        here or cannot be read.
    """
    if util.find_spec(name) is None:
        raise SplitterError(f"the separator {name} is not installed: run `pip install {name}`")
    default, load, fetch = _PACKAGES[name]
    model = model or default
    try:
        for module in _MODULES[name]:
            import_module(module)
    except (ImportError, OSError) as error:
        raise SplitterError(f"cannot use {name}: {error}; {_repair(name, str(error))}") from None
    try:
        with _no_downloads():
            return load(model)
    except _MissingError as missing:
        where = f", or put {missing.url} at '{missing.file}'" if missing.file else ""
        raise SplitterError(
            f"the weights of {name}'s model '{model}' are not on this machine: run `{fetch.format(model)}` once{where}"
        ) from None
    except SplitterError:
        raise
    except (Exception, SystemExit) as error:  # code that is not ours may raise anything
        reason = str(error).rstrip(".") or type(error).__name__
        raise SplitterError(
            f"cannot load {name}'s model '{model}': {reason.splitlines()[0]}; check its name, or fetch it anew with "
            f"`{fetch.format(model)}`"
        ) from None


def _demucs(model: str) -> Package:
    path = Path(model)
    folder = path.parent if path.parent != Path() and not model.startswith("hf://") else None
    if folder and not folder.is_dir():
        raise SplitterError(f"there is no folder '{folder}' with models of demucs: give FOLDER/NAME")
    network = import_module("demucs.pretrained").get_model(path.name if folder else model, folder)
    apply_model = import_module("demucs.apply").apply_model

    def separate(audio: Waveform) -> torch.Tensor:
        # As demucs.api does it for a whole song.
        mono = audio.mean(dim=0)
        mean, spread = mono.mean(), mono.std() + 1e-8
        stems: torch.Tensor = apply_model(network, ((audio - mean) / spread)[None], shifts=0, overlap=OVERLAP)[0]
        return stems * spread + mean

    return Package(
        "demucs", model, tuple(network.sources), network.samplerate, network.audio_channels, network, separate
    )


def _openunmix(model: str) -> Package:
    openunmix = import_module("openunmix")
    known = [name.removesuffix("_spec") for name in vars(openunmix) if name.endswith("_spec")]
    folder = Path(model)
    if not folder.is_dir() and model not in known:
        raise SplitterError(
            f"openunmix has no model '{model}'{suggest(model, known)}: give a name, or a folder of one that it trained"
        )
    targets = None
    if folder.is_dir():
        targets = sorted(file.stem for file in folder.glob("*.json") if file.stem != "separator")
    network = import_module("openunmix.utils").load_separator(model, targets=targets)
    network.freeze()

    def separate(audio: Waveform) -> torch.Tensor:
        stems: torch.Tensor = network(audio[None])[0]
        return stems

    first = next(iter(network.target_models.values()))
    channels = first.fc1.in_features // first.nb_bins
    sources = tuple(network.target_models)
    return Package("openunmix", model, sources, int(network.sample_rate), channels, network, separate)


def _unblend(model: str) -> Package:
    unblend = import_module("unblend")
    repository = unblend.ModelRepository()
    known = list(repository.list_models())
    if model not in known:
        raise SplitterError(f"unblend has no model '{model}'{suggest(model, known)}; see `unblend models list`")
    separator = unblend.Separator(repository.get_model(model), device="cpu", chunk_batch_size=1)
    network = separator.model

    def separate(audio: Waveform) -> torch.Tensor:
        result = separator.separate((audio, network.samplerate), shifts=0, split_overlap=OVERLAP)
        return torch.stack([result.sources[source] for source in network.sources])

    return Package(
        "unblend", model, tuple(network.sources), network.samplerate, network.audio_channels, network, separate
    )


_MODULES = {
    "demucs": ("demucs.pretrained", "demucs.apply"),
    "openunmix": ("openunmix", "openunmix.utils"),
    "unblend": ("unblend",),
}

_PACKAGES: dict[str, tuple[str, Callable[[str], Package], str]] = {
    "demucs": ("htdemucs", _demucs, "demucs -n {} SONG"),
    "openunmix": ("umxl", _openunmix, "umx --model {} SONG"),
    "unblend": ("htdemucs", _unblend, "unblend models download {}"),
}
"""Default model, how to load it, and the package's own command that fetches it."""

PACKAGES = tuple(_PACKAGES)


def _repair(name: str, reason: str) -> str:
    """What to do about a failed import."""
    if "torchaudio" in reason:
        return (
            "install the torchaudio that was built for your torch (for one without CUDA: "
            "`pip install torchaudio --index-url https://download.pytorch.org/whl/cpu`)"
        )
    return f"run `pip install {name}` with all that it requires"


class _MissingError(BaseException):
    """Weights that would have to be downloaded; of the base, so that no package takes it for a failed attempt."""

    def __init__(self, url: str, file: str) -> None:
        super().__init__(url)
        self.url, self.file = url, file


@contextmanager
def _no_downloads() -> Iterator[None]:
    """Let the packages find what is on this machine, and stop them where they would fetch what is not."""

    def torch_hub(url: str, file: str, *_: Any, **__: Any) -> None:
        raise _MissingError(url, file)

    def over_http(method: str, url: str, *_: Any, **__: Any) -> None:
        raise _MissingError(url, "")

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
