"""The waveforms that a pretrained separator itself gives, beside which its masks can be measured.

`stemtree.evaluation.estimators.pipeline` measures what we make of a separator: masks of its waveforms, so that nodes
add up to the mixture. Here are the waveforms themselves, which its authors publish results of.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
import torch

from stemtree.audio.resample import resample
from stemtree.devices import find_device, full_precision
from stemtree.errors import OptionError
from stemtree.evaluation.estimators.base import Batch
from stemtree.evaluation.estimators.chunkwise import Chunkwise
from stemtree.hierarchy import MIXTURE, NodePath, depth, own_name
from stemtree.separation.splitters.base import Block
from stemtree.separation.splitters.external_loading import load_package
from stemtree.separation.splitters.external_packages import PACKAGES
from stemtree.separation.splitters.spleeter import BINS, Spleeter
from stemtree.separation.splitters.stem_parts import NODE_NAMES
from stemtree.types import Waveform


class WaveformSeparator(Protocol):
    """What gives waveforms: an `ExternalPackage`, or Spleeter.

    Attributes
    ----------
    sources : tuple of str
        Names of the stems.
    sample_rate, channels : int
        Of the audio that it takes.
    """

    sources: tuple[str, ...]
    sample_rate: int
    channels: int

    def separate(self, audio: Waveform) -> torch.Tensor:
        """Separate ``(channel, sample)`` audio into ``(source, channel, sample)``."""
        ...


class SpleeterWaveforms:
    """Spleeter's two stems as its own program gives them: nothing above 11 kHz, where it has no mask."""

    sources: tuple[str, ...] = ("vocals", "accompaniment")
    channels: int = 2

    def __init__(self, device: torch.device) -> None:
        self.splitter = Spleeter()
        self.splitter.to(device)
        self.sample_rate = self.splitter.stft.sample_rate

    @torch.inference_mode()
    def separate(self, audio: Waveform) -> torch.Tensor:
        """See `WaveformSeparator.separate`."""
        stft, size = self.splitter.stft, self.splitter.block_frames
        spectrogram = stft.transform(audio)
        blocks = [
            self.splitter.masks(Block(frames, number * size, stft), MIXTURE, self.sources)
            for number, frames in enumerate(torch.split(spectrogram, size, dim=-1))
        ]
        masks = torch.cat(blocks, dim=-1)
        masks[..., BINS:, :] = 0
        return stft.inverse(masks * spectrogram, audio.shape[-1])


@dataclass(frozen=True)
class Raw(Chunkwise):
    """A pretrained separator's own waveforms, as estimates of the nodes named like its stems, and of their sums.

    The mixture is resampled to the separator's rate and the waveforms back. Mono counts as two equal channels.

    Parameters
    ----------
    separator : str
        ``spleeter``, or an installed package, with ``:MODEL`` for another than its default model.
    candidates : tuple of NodePath
        The nodes that are of interest.
    device : str or torch.device
        Where to compute, see `stemtree.devices.find_device`.

    Raises
    ------
    OptionError
        If there is no such separator, or if it has no stem for any of these nodes.
    SplitterError
        If it or its weights are not installed.
    """

    separator: str
    candidates: tuple[NodePath, ...]
    device: str | torch.device = "cpu"
    sample_rate: None = field(default=None, init=False)
    root: NodePath = field(default=MIXTURE, init=False)

    def __post_init__(self) -> None:
        if not self.nodes:
            stems = ", ".join(self._separator.sources)
            raise OptionError(f"'{self.name}' separates {stems}, and none of the nodes is named so: give other nodes")

    def __getstate__(self) -> dict[str, object]:
        # Each process loads its own weights.
        fields = {"separator": self.separator, "candidates": self.candidates, "device": self.device}
        return fields | {"sample_rate": None, "root": MIXTURE}

    @property
    def name(self) -> str:
        """See `Estimator.name`: as on the command line."""
        return f"raw:{self.separator}"

    @property
    def nodes(self) -> tuple[NodePath, ...]:
        """See `Estimator.nodes`: the highest candidate of each name that stands for stems."""
        return tuple(self._stems)

    def estimate(self, batch: Batch) -> Waveform:
        """See `ChunkEstimator.estimate`."""
        return torch.stack([self._separate(mixture, batch.sample_rate) for mixture in batch.mixture])

    def provenance(self) -> dict[str, object]:
        """See `Estimator.provenance`."""
        if isinstance(self._separator, SpleeterWaveforms):
            return {"name": self.name, **self._separator.splitter.provenance()}
        package = load_package(*self._package)
        return {"name": self.name, "version": package.version, "model": package.model, "sha256": package.digest}

    @property
    def _package(self) -> tuple[str, str]:
        name, _, model = self.separator.partition(":")
        return name, model

    @cached_property
    def _separator(self) -> WaveformSeparator:
        if self.separator == "spleeter":
            return SpleeterWaveforms(self._device)
        if self._package[0] not in PACKAGES:
            names = ", ".join(("spleeter", *PACKAGES))
            raise OptionError(f"there is no separator '{self.separator}': give {names}")
        package = load_package(*self._package)
        if self._device.type != "cpu":
            package.to(self._device)
        return package

    @cached_property
    def _device(self) -> torch.device:
        return find_device(self.device)

    @cached_property
    def _stems(self) -> dict[NodePath, list[int]]:
        """For each node the numbers of the stems that add up to it."""
        sources = [source.lower() for source in self._separator.sources]
        names = [source if source in ("vocals", "drums", "bass") else "other" for source in sources]
        served = set(names) if {"drums", "bass"} <= set(names) else {"vocals"} & set(names)
        if {"vocals"} < set(names):
            served.add("accompaniment")
        stems: dict[NodePath, list[int]] = {}
        for stem in served:
            nodes = [node for node in self.candidates if own_name(node) in NODE_NAMES[stem]]
            if nodes:
                others = [number for number, name in enumerate(names) if name != "vocals"]
                own = [number for number, name in enumerate(names) if name == stem]
                stems[min(nodes, key=depth)] = others if stem == "accompaniment" else own
        return {node: stems[node] for node in self.candidates if node in stems}

    def _separate(self, mixture: Waveform, sample_rate: int) -> Waveform:
        """``(node, channel, sample)`` estimates from a ``(channel, sample)`` mixture."""
        separator, num_samples = self._separator, mixture.shape[-1]
        audio = torch.from_numpy(resample(mixture.numpy(), sample_rate, separator.sample_rate))
        with torch.inference_mode(), full_precision(self._device):
            stems = separator.separate(_with_channels(audio, separator.channels).to(self._device)).cpu()
        stems = torch.stack([_with_channels(stem, len(mixture)) for stem in stems])
        nodes = torch.stack([stems[numbers].sum(dim=0) for numbers in self._stems.values()])
        flat = resample(nodes.flatten(0, 1).numpy(), separator.sample_rate, sample_rate)
        fitted = np.zeros((len(flat), num_samples), np.float32)
        length = min(num_samples, flat.shape[1])  # resampling back may miss or add a sample
        fitted[:, :length] = flat[:, :length]
        return torch.from_numpy(fitted).reshape(*nodes.shape[:2], num_samples)


def _with_channels(audio: Waveform, channels: int) -> Waveform:
    """Average ``(channel, sample)`` audio to one channel, or repeat its only one."""
    audio = audio.mean(dim=0, keepdim=True) if channels == 1 else audio
    return audio.expand(channels, -1).contiguous()
