"""Trained models that take a query, a recording of the instrument to separate, as splitters."""

import hashlib
import os
from pathlib import Path

import torch

from stemtree.audio import open_source
from stemtree.audio import read as read_audio
from stemtree.errors import OptionError
from stemtree.separation.splitters.trained import TrainedSplitter
from stemtree.spectral import FLOOR, log_magnitude
from stemtree.types import Masks, Spectrogram


class QuerySplitter(TrainedSplitter):
    """A `TrainedSplitter` for a model that takes a query.

    Parameters
    ----------
    folder : path-like
        Of the model; see `stemtree.model.load_model`.
    like : path-like
        A recording of the instrument to separate.

    Raises
    ------
    ModelError, AudioError
        If model or recording cannot be read.
    OptionError
        If the model takes no query, if its masks do not divide its whole tree, or if the recording is silent or shorter
        than a window.
    """

    def __init__(self, folder: str | os.PathLike[str], like: str | os.PathLike[str]) -> None:
        super().__init__(folder)
        self._like = Path(like)
        self._query = self._read_query()

    def provenance(self) -> dict[str, object]:
        """See `Splitter.provenance`."""
        with self._like.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
        return super().provenance() | {"like": {"file": self._like.name, "sha256": checksum}}

    def _check_query(self) -> None:
        if not self.model.takes_query:
            raise OptionError(f"the model '{self._folder}' takes no example: use stemtree separate --splitter")

    def _part_masks(self, mixture: Spectrogram) -> Masks:
        return self.model.part_masks(mixture[None], self._query[None])[0]

    def _read_query(self) -> Spectrogram:
        """The recording as the model takes it: ``(channel, bin, frame)``."""
        stft = self.stft.at(open_source(self._like).sample_rate)
        audio = torch.from_numpy(read_audio(self._like)[0]).float()
        if audio.shape[1] < stft.window:
            raise OptionError(
                f"the example '{self._like}' has {audio.shape[1]} samples: give at least one window of {stft.window}"
            )
        spectrogram = self._input(stft.transform(audio), stft)
        if not (log_magnitude(spectrogram) > FLOOR).any():
            raise OptionError(f"the example '{self._like}' is silent: give a stretch in which the instrument is heard")
        return spectrogram
