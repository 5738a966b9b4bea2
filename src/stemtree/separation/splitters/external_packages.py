"""Demucs, Open-Unmix, pymss and unblend: separators of other projects, run with their own code and weights.

One class for each package. A new one is a subclass of `ExternalPackage`, listed in `PACKAGES`.
"""

import hashlib
import logging
from abc import ABC, abstractmethod
from functools import cached_property, partial
from importlib import import_module, metadata
from pathlib import Path
from typing import ClassVar

import torch
from torch import nn

from stemtree.errors import SplitterError, suggest
from stemtree.separation.splitters.catalogue import category_of
from stemtree.separation.splitters.offline import DownloadAttempt
from stemtree.types import Waveform

OVERLAP = 0.1
"""Of the segments into which Demucs and unblend cut a block. Their default is 0.25, which takes half as long again;
Demucs's documentation recommends less where time matters."""


class ExternalPackage(ABC):
    """An installed separator with one of its models; the constructor loads the model.

    Parameters
    ----------
    model : str
        The package's name of the model.

    Attributes
    ----------
    name : str
        The package.
    modules : tuple of str
        The modules that it is imported by.
    download_command : str
        The package's own command that downloads the weights of the model ``{}``.
    sources : tuple of str
        The package's names of the stems.
    sample_rate : int
        In Hz.
    channels : int
        Number of audio channels that the model takes.
    category : str
        Where the model stands in the package's own catalogue; empty if it has none.
    network : nn.Module
        Holds the weights.
    """

    name: ClassVar[str]
    modules: ClassVar[tuple[str, ...]]
    download_command: ClassVar[str]

    sources: tuple[str, ...]
    sample_rate: int
    channels: int
    category: str = ""
    network: nn.Module

    @abstractmethod
    def __init__(self, model: str) -> None:
        self.model = model

    @abstractmethod
    def separate(self, audio: Waveform) -> torch.Tensor:
        """Separate ``(channel, sample)`` audio into ``(source, channel, sample)``."""

    def to(self, device: torch.device) -> None:
        """Compute on another device from now on; `separate` gets audio that is there."""
        self.network.to(device)

    @property
    def version(self) -> str:
        """Version of the package."""
        return metadata.version(self.name)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the names and values of all weights, which does not depend on how they are stored in files."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.network.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().view(-1).numpy().tobytes())
        return digest.hexdigest()


class Demucs(ExternalPackage):
    """A model by its name, or ``FOLDER/NAME``."""

    name = "demucs"
    modules = ("demucs.pretrained", "demucs.apply")
    download_command = "demucs -n {} SONG"

    def __init__(self, model: str) -> None:
        super().__init__(model)
        path = Path(model)
        folder = path.parent if path.parent != Path() and not model.startswith("hf://") else None
        if folder and not folder.is_dir():
            raise SplitterError(f"there is no folder '{folder}' with models of demucs: give FOLDER/NAME")
        network = import_module("demucs.pretrained").get_model(path.name if folder else model, folder)
        self.network, self.sources = network, tuple(network.sources)
        self.sample_rate, self.channels = network.samplerate, network.audio_channels
        self._apply_model = import_module("demucs.apply").apply_model

    def separate(self, audio: Waveform) -> torch.Tensor:
        """See `ExternalPackage.separate`; the block is standardised as demucs.api standardises a whole song."""
        mono = audio.mean(dim=0)
        mean, deviation = mono.mean(), mono.std() + 1e-8
        standardised = ((audio - mean) / deviation)[None]
        stems: torch.Tensor = self._apply_model(self.network, standardised, shifts=0, overlap=OVERLAP)[0]
        return stems * deviation + mean


class OpenUnmix(ExternalPackage):
    """A model by its name, or the folder of one that was trained with openunmix."""

    name = "openunmix"
    modules = ("openunmix", "openunmix.utils")
    download_command = "umx --model {} SONG"

    def __init__(self, model: str) -> None:
        super().__init__(model)
        openunmix = import_module("openunmix")
        known = [name.removesuffix("_spec") for name in vars(openunmix) if name.endswith("_spec")]
        folder = Path(model)
        if not folder.is_dir() and model not in known:
            raise SplitterError(
                f"openunmix has no model '{model}'{suggest(model, known)}: give a name, or a folder of one that it "
                "trained"
            )
        targets = None
        if folder.is_dir():
            targets = sorted(file.stem for file in folder.glob("*.json") if file.stem != "separator")
        network = import_module("openunmix.utils").load_separator(model, targets=targets)
        network.freeze()
        first = next(iter(network.target_models.values()))
        self.network, self.sources = network, tuple(network.target_models)
        self.sample_rate, self.channels = int(network.sample_rate), first.fc1.in_features // first.nb_bins

    def separate(self, audio: Waveform) -> torch.Tensor:
        """See `ExternalPackage.separate`."""
        stems: torch.Tensor = self.network(audio[None])[0]
        return stems


class Unblend(ExternalPackage):
    """A model of its registry, to which ``unblend models import`` adds."""

    name = "unblend"
    modules = ("unblend",)
    download_command = "unblend models download {}"

    def __init__(self, model: str) -> None:
        super().__init__(model)
        unblend = import_module("unblend")
        repository = unblend.ModelRepository()
        known = list(repository.list_models())
        if model not in known:
            raise SplitterError(f"unblend has no model '{model}'{suggest(model, known)}; see `unblend models list`")
        self._make = partial(unblend.Separator, repository.get_model(model), chunk_batch_size=1)
        self._separator = self._make(device="cpu")
        network = self._separator.model
        self.network, self.sources = network, tuple(network.sources)
        self.sample_rate, self.channels = network.samplerate, network.audio_channels

    def separate(self, audio: Waveform) -> torch.Tensor:
        """See `ExternalPackage.separate`."""
        result = self._separator.separate((audio.cpu(), self.sample_rate), shifts=0, split_overlap=OVERLAP)
        return torch.stack([result.sources[source] for source in self.sources]).to(audio.device)

    def to(self, device: torch.device) -> None:
        """See `ExternalPackage.to`; in float32 on any device."""
        self._separator = self._make(device=str(device), dtype=None)
        self.network = self._separator.model


class Pymss(ExternalPackage):
    """A model of its catalogue, or one that ``pymss register`` added.

    Those of the types htdemucs and apollo are pickles, which pymss loads as such.
    """

    name = "pymss"
    modules = ("pymss",)
    download_command = "pymss download {}"

    def __init__(self, model: str) -> None:
        super().__init__(model)
        pymss = import_module("pymss")
        try:
            pymss.get_model_entry(model)
        except KeyError:
            known = [entry.stem for entry in pymss.list_models(include_user=True)]
            raise SplitterError(f"pymss has no model '{model}'{suggest(model, known)}; see `pymss list`") from None
        self.to(torch.device("cpu"))
        config, self.category = self._separator.config, category_of("pymss", model)
        instruments, target = list(config.training.instruments), config.training.target_instrument
        others = [name for name in instruments if name != target][:1]
        self.sources = tuple(instruments if target is None else [target, *others])
        self.sample_rate, self.channels = int(config.audio.get("sample_rate", 44100)), 2  # mono ones hear both in turn

    def separate(self, audio: Waveform) -> torch.Tensor:
        """See `ExternalPackage.separate`."""
        stems = self._separator.separate(audio.cpu().numpy(), pbar=False)
        return torch.stack([torch.from_numpy(stems[source].T.copy()) for source in self.sources]).to(audio.device)

    def to(self, device: torch.device) -> None:
        """See `ExternalPackage.to`; loads the model anew."""
        logger = logging.Logger("stemtree.pymss")  # which nobody listens to
        logger.addHandler(logging.NullHandler())
        load, place = import_module("pymss").MSSeparator.from_model_name, {"device": device.type}
        ids = {} if device.index is None else {"device_ids": [device.index]}
        try:
            self._separator = load(self.model, **place, **ids, logger=logger, inference_params={"batch_size": 1})
        except FileNotFoundError as error:
            raise DownloadAttempt("", "") from error
        network = self._separator.model
        self.network = getattr(network, "model_run", network)


PACKAGES: dict[str, type[ExternalPackage]] = {package.name: package for package in (Demucs, OpenUnmix, Pymss, Unblend)}
