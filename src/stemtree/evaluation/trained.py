"""Trained models as estimators."""

from __future__ import annotations  # the aliases of tensors are names, not classes

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path as FilePath

import torch

from stemtree.errors import OptionError
from stemtree.evaluation.estimator import Batch
from stemtree.hierarchy import join
from stemtree.model import WEIGHTS, Model, load_model
from stemtree.types import Path, Waveform


@dataclass(frozen=True)
class TrainedEstimator:
    """The mixture through a model's masks as they are, not made to add up: what the sources measure.

    Parameters
    ----------
    folder : pathlib.Path
        Of the model.

    Raises
    ------
    ModelError
        If it cannot be read.
    OptionError
        If it takes queries.
    """

    folder: FilePath

    def __post_init__(self) -> None:
        if self._model.takes_query:
            raise OptionError(f"the model '{self.folder}' takes queries, of which a corpus's chunks have none")

    def __getstate__(self) -> dict[str, FilePath]:
        return {"folder": self.folder}  # each process loads its own weights

    @property
    def name(self) -> str:
        """Its folder."""
        return str(self.folder)

    @property
    def nodes(self) -> tuple[Path, ...]:
        """Whose masks it makes."""
        return tuple(join(self.root, node) for node in self._model.card.nodes)

    @property
    def sample_rate(self) -> int:
        """What it was trained at."""
        return self._model.card.stft.sample_rate

    @property
    def root(self) -> Path:
        """What it was trained to separate."""
        return self._model.card.root

    @torch.inference_mode()
    def estimate(self, batch: Batch) -> Waveform:
        """See `Estimator.estimate`."""
        stft = self._model.card.stft
        mixture = stft.transform(batch.mixture)
        masks = self._model.estimate(mixture).masks
        return stft.inverse(masks * mixture[:, None], batch.mixture.shape[-1])

    def provenance(self) -> dict[str, object]:
        """See `Estimator.provenance`."""
        with (self.folder / WEIGHTS).open("rb") as file:
            return {"name": "trained", "sha256": hashlib.file_digest(file, "sha256").hexdigest()}

    @cached_property
    def _model(self) -> Model:
        return load_model(self.folder)
