"""Trained models that take a query, a recording of the instrument to separate, as splitters."""

import os

import torch

from stemtree.errors import OptionError, counted
from stemtree.separation.splitters.abilities import takes_no_example
from stemtree.separation.splitters.example import Example
from stemtree.separation.splitters.trained import TrainedSplitter
from stemtree.spectral import FLOOR, log_magnitude
from stemtree.types import Masks, Spectrogram


class QueryModelSplitter(TrainedSplitter):
    """What splitters of a model that takes a query have in common.

    Raises
    ------
    ModelError
        If the model cannot be read.
    OptionError
        If the model takes no query, or if its masks do not divide its whole tree.
    """

    def _check_query(self) -> None:
        if not self.model.takes_query:
            raise OptionError(takes_no_example(self._folder))

    def _query_of(self, example: Example) -> Spectrogram:
        """An example as the model takes it: ``(channel, bin, frame)``; raises OptionError if nothing is heard in it."""
        stft = self.stft.at(example.sample_rate)
        if example.samples.shape[1] < stft.window:
            size = counted(example.samples.shape[1], "sample")
            raise OptionError(f"the example '{example.name}' has {size}: give at least one window of {stft.window}")
        spectrogram = self.model_input(stft.transform(torch.from_numpy(example.samples).float()), stft)
        if not (log_magnitude(spectrogram) > FLOOR).any():
            raise OptionError(
                f"the example '{example.name}' is silent: give a stretch in which the instrument is heard"
            )
        return spectrogram


class QuerySplitter(QueryModelSplitter):
    """Divides a song along the path that an example points at.

    Parameters
    ----------
    folder : path-like
        Of the model; see `stemtree.model.load_model`.
    example : Example
        A recording of the instrument to separate.

    Raises
    ------
    ModelError, OptionError
        See `QueryModelSplitter`; also if the recording is silent or shorter than a window.
    """

    def __init__(self, folder: str | os.PathLike[str], example: Example) -> None:
        super().__init__(folder)
        self._example, self._query = example, self._query_of(example)

    def to(self, device: torch.device) -> None:
        """See `Splitter.to`."""
        super().to(device)
        self._query = self._query.to(device)

    def provenance(self) -> dict[str, object]:
        """See `Splitter.provenance`."""
        return super().provenance() | {"like": self._example.origin}

    def _part_masks(self, mixtures: Spectrogram) -> Masks:
        return self.model.part_masks(mixtures, self._query.expand(len(mixtures), -1, -1, -1))
