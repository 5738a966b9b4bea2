"""A constant mask per node and bin: the baseline of what can be learned from average spectra alone."""

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
from safetensors.torch import save
from torch import Tensor

from stemtree.corpora.track import Corpus
from stemtree.data.signals import node_signals
from stemtree.devices import find_device
from stemtree.errors import AudioError, OptionError, counted, suggest
from stemtree.evaluation.chunks import SongChunks, choose_chunks
from stemtree.evaluation.estimators.base import Batch
from stemtree.evaluation.estimators.bounds import STFT
from stemtree.evaluation.estimators.chunkwise import Chunkwise
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import MIXTURE, NodePath
from stemtree.masks.ideal import IDEAL_MASKS, ideal_masks
from stemtree.spectral import Stft
from stemtree.staging import whole_file, write_failure
from stemtree.types import Waveform

_KEY = "stemtree"


@dataclass(frozen=True)
class MeanMask(Chunkwise):
    """One constant mask per node, applied to the mixture.

    Parameters
    ----------
    nodes : tuple of NodePath
        The nodes of the masks.
    mask : torch.Tensor
        ``(node, bin)`` float32.
    stft : Stft
        Their transform; songs must have its sample rate.
    fitted : str
        A description of what the masks were averaged over.
    root : NodePath
        The node that the masks are applied to.
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
        """See `ChunkEstimator.estimate`."""
        spectrogram = self.stft.transform(batch.mixture)[:, None]
        return self.stft.inverse(self.mask[:, None, :, None] * spectrogram, batch.mixture.shape[-1])

    def provenance(self) -> dict[str, object]:
        """See `Estimator.provenance`."""
        return {"name": "mean", "sha256": self._digest, "fitted": self.fitted}

    @cached_property
    def _digest(self) -> str:
        settings = json.dumps([self.root, self.nodes, asdict(self.stft)])
        return hashlib.sha256(settings.encode() + self.mask.numpy().tobytes()).hexdigest()

    def save(self, file: str | os.PathLike[str]) -> None:
        """Write a safetensors file; its metadata hold root, nodes, transform and origin.

        Raises
        ------
        OptionError
            If the file cannot be written.
        """
        metadata = {"root": self.root, "nodes": self.nodes, "stft": asdict(self.stft), "fitted": self.fitted}
        path = Path(file)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as partial:
                partial.write_bytes(save({"mask": self.mask.contiguous()}, {_KEY: json.dumps(metadata)}))
        except (OSError, SafetensorError) as error:
            raise OptionError(write_failure(path, error)) from None

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
                metadata = json.loads(content.metadata()[_KEY])
                mask = content.get_tensor("mask")
            nodes, stft = tuple(metadata["nodes"]), Stft(**metadata["stft"])
            root, fitted = str(metadata["root"]), str(metadata["fitted"])
            if mask.shape != (len(nodes), stft.bins) or not all(isinstance(node, str) for node in nodes):
                raise ValueError
        except OSError as error:
            raise OptionError(
                f"cannot read the mean masks '{file}' ({error.strerror or error}): check the path"
            ) from None
        except (SafetensorError, KeyError, TypeError, ValueError, OptionError):
            raise OptionError(f"'{file}' does not hold mean masks: fit them with stemtree mean-mask") from None
        return cls(nodes, mask, stft, fitted, root, f"mean:{file}")


def fit_mean_mask(
    corpus: Corpus,
    nodes: Sequence[NodePath],
    settings: EvaluationSettings | None = None,
    *,
    kind: str = "psa",
    stft: Stft = STFT,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
    left_out: Callable[[str, AudioError], None] | None = None,
) -> MeanMask:
    """Average each node's ideal mask over the frames of a corpus, bin by bin, where the mixture is not silent.

    Parameters
    ----------
    corpus : Corpus
        The songs, all of one sample rate; their channels are averaged.
    nodes : sequence of NodePath
        The nodes to fit masks for.
    settings : EvaluationSettings, optional
        Which chunks, and which node is taken as the mixture; by default chunks of 10 s side by side of whole songs.
    kind : {"irm", "ibm", "psa"}
        See `stemtree.masks.ideal.ideal_masks`.
    stft : Stft
        The transform of the masks; adapted to the corpus's sample rate.
    device : str or torch.device
        Where to compute, see `stemtree.devices.find_device`.
    progress : callable, optional
        Called with the number of songs done and of all.
    left_out : callable, optional
        Called with the song and the reason where one cannot be read, which is left out then.

    Raises
    ------
    AudioError
        If a stem cannot be read, or with `left_out` no song can be.
    OptionError
        If the kind or the device is unknown or the songs differ in sample rate.
    DeviceError
        If this machine has no such device.
    """
    if kind not in IDEAL_MASKS:
        raise OptionError(f"there is no ideal mask '{kind}'{suggest(kind, IDEAL_MASKS)}")
    rates = {track.sample_rate for track in corpus.tracks}
    if len(rates) != 1:
        raise OptionError(f"the songs have sample rates of {sorted(rates)} Hz: resample the corpus to one")
    settings, stft = settings or EvaluationSettings(), stft.at(rates.pop())
    num_samples = settings.chunking.num_samples(stft.sample_rate)
    place = find_device(device)
    songs = choose_chunks(corpus, settings.chunking, settings.sample, settings.seed)
    mask_sum = torch.zeros(len(nodes), stft.bins, dtype=torch.float64)
    num_frames = torch.zeros(stft.bins, dtype=torch.float64)
    read: list[SongChunks] = []
    for done, song in enumerate(songs, start=1):
        try:
            masks, frames = _sums(song, (settings.root, *nodes), num_samples, kind, stft, place)
        except AudioError as error:
            if left_out is None:
                raise
            left_out(song.track.id, error)
        else:
            mask_sum, num_frames = mask_sum + masks, num_frames + frames
            read.append(song)
        if progress:
            progress(done, len(songs))
    if not read:
        raise AudioError(f"none of {counted(len(songs), 'song')} can be read")
    num_chunks = sum(len(song.starts) for song in read)
    fitted = f"{kind} masks of {counted(num_chunks, 'chunk')} of {counted(len(read), 'song')}"
    return MeanMask(tuple(nodes), (mask_sum / num_frames.clamp_min(1)).float(), stft, fitted, settings.root)


def _sums(
    song: SongChunks, nodes: Sequence[NodePath], num_samples: int, kind: str, stft: Stft, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Sums over a song: masks ``(node, bin)``, numbers of audible frames ``(bin,)``. The first node is the mixture."""
    mask_sum = torch.zeros(len(nodes) - 1, stft.bins, dtype=torch.float64)
    num_frames = torch.zeros(stft.bins, dtype=torch.float64)
    for start in song.starts:
        signals = node_signals(song.track, nodes, start, num_samples, mono=True)
        mixture, *truth = stft.transform(torch.from_numpy(np.stack(signals)).to(device))
        audible = mixture.abs() > 0
        masks = ideal_masks(kind, torch.stack(truth), mixture) * audible
        mask_sum += masks.sum(dim=(1, 3)).cpu()
        num_frames += audible.sum(dim=(0, 2)).cpu()
    return mask_sum, num_frames
