"""Trained models as estimators."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from stemtree.devices import find_device, full_precision
from stemtree.evaluation.estimators.base import Batch
from stemtree.evaluation.estimators.chunkwise import Chunkwise
from stemtree.hierarchy import NodePath, join
from stemtree.model import Model, load_model, weights_digest
from stemtree.types import Masks, Spectrogram, Waveform


@dataclass(frozen=True)
class TrainedModel:
    """What trained models with and without queries have in common.

    Their masks are measured as they are: unlike in separation, they are not made to sum to one (as in the papers).

    Parameters
    ----------
    folder : pathlib.Path
        Of the model.
    device : str or torch.device
        Where to compute, see `stemtree.devices.find_device`.

    Raises
    ------
    ModelError
        If it cannot be read.
    """

    folder: Path
    device: str | torch.device = "cpu"

    def __post_init__(self) -> None:
        _ = self.model

    def __getstate__(self) -> dict[str, object]:
        return {"folder": self.folder, "device": self.device}  # each process loads its own weights

    @property
    def name(self) -> str:
        """See `Estimator.name`: its folder."""
        return str(self.folder)

    @property
    def sample_rate(self) -> int:
        """See `Estimator.sample_rate`."""
        return self.model.card.stft.sample_rate

    @property
    def root(self) -> NodePath:
        """See `Estimator.root`."""
        return self.model.card.root

    @cached_property
    def model(self) -> Model:
        """The model itself."""
        model = load_model(self.folder)
        model.network.to(self._device)
        return model

    @cached_property
    def _device(self) -> torch.device:
        return find_device(self.device)

    @torch.inference_mode()
    def mask(self, mixture: Waveform, query: Waveform | None = None) -> Waveform:
        """Apply the model's masks: ``(batch, node, channel, sample)`` from ``(batch, channel, sample)``.

        Mono counts as two equal channels where the model hears two.
        """
        stft, channels = self.model.card.stft, mixture.shape[1]
        spectrogram = self._transform(mixture)
        with full_precision(self._device):
            of_query = None if query is None else self._transform(query)
            follows = self.model.card.follows_position and channels == 2
            ask = self._following_masks if follows else self._masks
            masks = ask(spectrogram, of_query)
        stems = stft.inverse(masks * spectrogram[:, None], mixture.shape[-1]).cpu()
        return stems if stems.shape[2] == channels else stems.mean(dim=2, keepdim=True)

    def provenance(self) -> dict[str, object]:
        """See `Estimator.provenance`."""
        settings = self.model.card.settings_digest
        return {"name": "trained", "sha256": weights_digest(self.folder), "settings": settings}

    def _masks(self, mixture: Spectrogram, query: Spectrogram | None) -> Masks:
        return self.model.estimate(mixture, query).masks

    def _following_masks(self, mixture: Spectrogram, query: Spectrogram | None) -> Masks:
        """Masks that follow positions, which are conservative."""
        sum_parts = self.model.relation.partition.sum_parts
        songs = zip(self.model.part_masks(mixture, query), mixture, strict=True)
        return torch.stack([sum_parts(self.model.follow_position_(parts, song), dim=0) for parts, song in songs])

    def _transform(self, audio: Waveform) -> Spectrogram:
        """``(batch, channel, bin, frame)``, of as many channels as the model hears."""
        spectrogram = self.model.card.stft.transform(audio.to(self._device))
        needed = self.model.card.num_channels
        return spectrogram.expand(-1, needed, -1, -1) if needed > audio.shape[1] else spectrogram


@dataclass(frozen=True)
class TrainedEstimator(TrainedModel, Chunkwise):
    """A trained model that takes no query; see `TrainedModel`."""

    @property
    def nodes(self) -> tuple[NodePath, ...]:
        """See `Estimator.nodes`: those of its masks."""
        return tuple(join(self.root, node) for node in self.model.card.nodes)

    def estimate(self, batch: Batch) -> Waveform:
        """See `ChunkEstimator.estimate`."""
        return self.mask(batch.mixture)
