"""A constant mask per node and bin: what a network must beat that has learned nothing but spectra."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from stemtree.corpora.track import Corpus
from stemtree.data.salience import Chunking
from stemtree.data.signals import node_signals
from stemtree.errors import OptionError, suggest
from stemtree.evaluation.chunks import choose_chunks
from stemtree.evaluation.estimators.base import Batch
from stemtree.evaluation.estimators.bounds import STFT
from stemtree.hierarchy import MIXTURE, NodePath
from stemtree.masks.ideal import IDEAL_MASKS, ideal_masks
from stemtree.spectral import Stft
from stemtree.types import Waveform

_KEY = "stemtree"


@dataclass(frozen=True)
class MeanMask:
    """The mixture through one constant mask per node.

    Parameters
    ----------
    nodes : tuple of NodePath
        What the masks are for.
    mask : torch.Tensor
        ``(node, bin)`` float32.
    stft : Stft
        What they apply to, at its own rate only.
    fitted : str
        What they are the mean of, for people.
    root : NodePath
        The node that they are masks of.
    name : str
        As on the command line.
    """

    nodes: tuple[NodePath, ...]
    mask: torch.Tensor
    stft: Stft
    fitted: str
    root: NodePath = MIXTURE
    name: str = "mean"

    @property
    def sample_rate(self) -> int:
        """See `Estimator.sample_rate`."""
        return self.stft.sample_rate

    @torch.inference_mode()
    def estimate(self, batch: Batch) -> Waveform:
        """See `Estimator.estimate`."""
        spectrogram = self.stft.transform(batch.mixture)[:, None]
        return self.stft.inverse(self.mask[:, None, :, None] * spectrogram, batch.mixture.shape[-1])

    def provenance(self) -> dict[str, object]:
        """See `Estimator.provenance`."""
        return {"name": "mean", "sha256": self._digest, "fitted": self.fitted}

    @cached_property
    def _digest(self) -> str:
        told = json.dumps([self.root, self.nodes, asdict(self.stft)])
        return hashlib.sha256(told.encode() + self.mask.numpy().tobytes()).hexdigest()

    def save(self, file: str | os.PathLike[str]) -> None:
        """Write safetensors; its metadata tell nodes, analysis and origin.

        Raises
        ------
        OptionError
            If the file cannot be written.
        """
        told = {"root": self.root, "nodes": self.nodes, "stft": asdict(self.stft), "fitted": self.fitted}
        path = Path(file)
        partial = path.with_name(f".{path.name}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file({"mask": self.mask.contiguous()}, partial, {_KEY: json.dumps(told)})
            partial.replace(path)
        except (OSError, SafetensorError) as error:
            raise OptionError(f"cannot write the mean masks '{path}' ({error}): choose another file") from None

    @classmethod
    def load(cls, file: str | os.PathLike[str]) -> "MeanMask":
        """Read what `save` wrote.

        Raises
        ------
        OptionError
            If the file cannot be read or holds something else.
        """
        try:
            with safe_open(file, "pt") as content:
                told = json.loads(content.metadata()[_KEY])
                mask = content.get_tensor("mask")
            nodes, stft = tuple(told["nodes"]), Stft(**told["stft"])
            if mask.shape != (len(nodes), stft.bins):
                raise ValueError
        except OSError as error:
            raise OptionError(
                f"cannot read the mean masks '{file}' ({error.strerror or error}): check the path"
            ) from None
        except (SafetensorError, KeyError, TypeError, ValueError, OptionError):
            raise OptionError(f"'{file}' does not hold mean masks: fit them with stemtree mean-mask") from None
        return cls(nodes, mask, stft, told["fitted"], told["root"], f"mean:{file}")


def fit_mean_mask(
    corpus: Corpus,
    nodes: Sequence[NodePath],
    kind: str = "psa",
    *,
    root: NodePath = MIXTURE,
    chunking: Chunking | None = None,
    sample: int | None = None,
    stft: Stft = STFT,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> MeanMask:
    """Average each node's ideal mask over the frames of a corpus, bin by bin, where the mixture is not silent.

    Parameters
    ----------
    corpus : Corpus
        The songs to learn from, of one sample rate; their channels are averaged.
    nodes : sequence of NodePath
        What to fit masks for.
    kind : {"irm", "ibm", "psa"}
        See `stemtree.masks.ideal.ideal_masks`.
    root : NodePath
        The node that is taken for the mixture.
    chunking : Chunking, optional
        By default chunks of 10 s side by side.
    sample : int, optional
        Only so many chunks.
    stft : Stft
        What the masks are for; taken to the corpus's rate.
    seed : int
        Decides which chunks.
    progress : callable, optional
        Told how many songs of how many are done.

    Raises
    ------
    AudioError
        If a stem cannot be read.
    OptionError
        If the kind is unknown or the songs differ in sample rate.
    """
    if kind not in IDEAL_MASKS:
        raise OptionError(f"there is no ideal mask '{kind}'{suggest(kind, IDEAL_MASKS)}")
    rates = {track.sample_rate for track in corpus.tracks}
    if len(rates) != 1:
        raise OptionError(f"the songs have sample rates of {sorted(rates)} Hz: resample the corpus to one")
    chunking, stft = chunking or Chunking(hop=10.0), stft.at(rates.pop())
    songs = choose_chunks(corpus, chunking, sample, seed)
    total, heard = torch.zeros(len(nodes), stft.bins, dtype=torch.float64), torch.zeros(stft.bins, dtype=torch.float64)
    for done, (track, starts) in enumerate(songs, start=1):
        for start in starts:
            signals = node_signals(track, (root, *nodes), start, chunking.num_samples(stft.sample_rate), mono=True)
            mixture, *truth = stft.transform(torch.from_numpy(np.stack(signals)))
            counted = mixture.abs() > 0
            masks = ideal_masks(kind, torch.stack(truth), mixture) * counted
            total += masks.sum(dim=(1, 3))
            heard += counted.sum(dim=(0, 2))
        if progress:
            progress(done, len(songs))
    fitted = f"{kind} masks of {sum(len(starts) for _, starts in songs)} chunks of {len(songs)} songs"
    return MeanMask(tuple(nodes), (total / heard.clamp_min(1)).float(), stft, fitted, root)
