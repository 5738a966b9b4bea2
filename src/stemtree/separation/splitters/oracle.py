"""Splitters that know the true stems: they test the walk on any tree and bound what masks can reach."""

import os
from collections.abc import Mapping

import numpy as np
import torch

from stemtree.audio import AudioSource, open_source
from stemtree.audio.samples import ExactSamples
from stemtree.errors import OptionError, SplitterError, suggest
from stemtree.hierarchy import Hierarchy, NodePath, is_within
from stemtree.masks.ideal import IDEAL_MASKS
from stemtree.separation.splitters.base import Block, Splitter
from stemtree.spectral import Stft
from stemtree.types import Masks, Spectrogram


class Oracle(Splitter):
    """Splits any node into its children by the ideal masks of their true signals.

    Parameters
    ----------
    stems : mapping of path to AudioSource or path-like
        The true signal of leaves or of inner nodes. The signal of a node is the sum of all stems at and beneath it, or
        silence if there are none. Stems shorter than the song are padded with silence; mono ones go to both channels.
    kind : {"irm", "ibm", "psa"}
        Ideal ratio, ideal binary or phase-sensitive mask.
    stft : Stft, optional
        Transform to make the masks on; by default that of Spleeter.

    Raises
    ------
    OptionError
        If the kind is unknown.
    AudioError
        If a stem cannot be read.
    """

    block_frames = 512

    def __init__(
        self,
        stems: Mapping[NodePath, AudioSource | str | os.PathLike[str]],
        kind: str = "irm",
        stft: Stft | None = None,
    ) -> None:
        if kind not in IDEAL_MASKS:
            raise OptionError(f"there is no oracle mask '{kind}'{suggest(kind, IDEAL_MASKS)}")
        self.kind, self.stft = kind, stft or Stft()
        self._stems: dict[NodePath, AudioSource] = {
            path: open_source(stem) if isinstance(stem, str | os.PathLike) else stem for path, stem in stems.items()
        }

    def outputs(self, hierarchy: Hierarchy, node: NodePath) -> tuple[NodePath, ...]:
        """The node's children."""
        for path in self._stems:
            hierarchy.node(path)
        return hierarchy.children(node)

    @torch.inference_mode()
    def masks(self, block: Block, node: NodePath, outputs: tuple[NodePath, ...]) -> Masks:
        """See `Splitter.masks`.

        Raises
        ------
        SplitterError
            If a stem's sample rate is not the song's.
        """
        stems = torch.stack([self._spectrogram(output, block) for output in outputs])
        return IDEAL_MASKS[self.kind](stems, block.spectrogram)

    def provenance(self) -> dict[str, object]:
        """See `Splitter.provenance`."""
        return {"name": f"oracle:{self.kind}", "stems": {path: stem.name for path, stem in self._stems.items()}}

    def _spectrogram(self, node: NodePath, block: Block) -> Spectrogram:
        """Transform the true signal of one node over the block's frames."""
        channels, _, frames = block.spectrogram.shape
        first = block.start * block.stft.hop - block.stft.window // 2
        num_samples = block.stft.window + (frames - 1) * block.stft.hop
        total = np.zeros((channels, num_samples))
        for path, stem in self._stems.items():
            if is_within(path, node):
                if stem.sample_rate != block.stft.sample_rate:
                    raise SplitterError(
                        f"the stem '{stem.name}' has {stem.sample_rate} Hz and the song {block.stft.sample_rate} Hz: "
                        "resample one of them"
                    )
                total += _excerpt(stem, first, num_samples)
        return block.stft.analyse(torch.from_numpy(total.astype(np.float32)))


def _excerpt(source: AudioSource, first: int, num_samples: int) -> ExactSamples:
    """``(channel, num_samples)`` from sample `first` on, with silence outside the source."""
    before = max(0, -first)
    block = next(source.blocks(num_samples - before, max(0, first)), np.zeros((source.channels, 0)))
    return np.pad(block, ((0, 0), (before, num_samples - before - block.shape[1])))
