"""Trained models as estimators."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from stemtree.evaluation.estimators.base import Batch
from stemtree.evaluation.estimators.chunkwise import Chunkwise
from stemtree.hierarchy import NodePath, join
from stemtree.model import Model, load_model, weights_digest
from stemtree.types import Waveform


@dataclass(frozen=True)
class TrainedModel:
    """What trained models with and without queries have in common.

    Their masks are measured as they are: unlike in separation, they are not made to sum to one (as in the sources).

    Parameters
    ----------
    folder : pathlib.Path
        Of the model.

    Raises
    ------
    ModelError
        If it cannot be read.
    """

    folder: Path

    def __post_init__(self) -> None:
        _ = self.model

    def __getstate__(self) -> dict[str, Path]:
        return {"folder": self.folder}  # each process loads its own weights

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
        return load_model(self.folder)

    @torch.inference_mode()
    def mask(self, mixture: Waveform, query: Waveform | None = None) -> Waveform:
        """Apply the model's masks: ``(batch, node, channel, sample)`` from ``(batch, channel, sample)``."""
        stft = self.model.card.stft
        spectrogram = stft.transform(mixture)
        masks = self.model.estimate(spectrogram, None if query is None else stft.transform(query)).masks
        return stft.inverse(masks * spectrogram[:, None], mixture.shape[-1])

    def provenance(self) -> dict[str, object]:
        """See `Estimator.provenance`."""
        return {"name": "trained", "sha256": weights_digest(self.folder)}


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
