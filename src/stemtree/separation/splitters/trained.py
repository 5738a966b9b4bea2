"""Trained models as splitters."""

import os
from collections.abc import Sequence
from functools import cached_property

import torch

from stemtree.errors import OptionError
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, join, load
from stemtree.masks.activity import suppress_inactive
from stemtree.masks.conserve import normalise
from stemtree.model import load_model, weights_digest
from stemtree.model_files import WEIGHTS
from stemtree.networks.kernels import fuse_batch_norms
from stemtree.separation.splitters.abilities import model_parts
from stemtree.separation.splitters.base import CPU, Block, Splitter, stack_bins_last, to_model_bins, to_song_bins
from stemtree.spectral import Stft
from stemtree.types import Masks, Spectrogram


class TrainedSplitter(Splitter):
    """Divides a node, or one within it, among the parts that a model was trained to separate.

    Masks that do not sum to one are made to (`stemtree.masks.conserve.distribute`). Bins above those that the model
    sees take the mean mask of their frame.

    Parameters
    ----------
    folder : path-like
        Of the model; see `stemtree.model.load_model`.

    Raises
    ------
    ModelError
        If the model cannot be read.
    OptionError
        If the model takes a query, or if its masks do not divide its whole tree.
    """

    block_frames = 512

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder, self.model = folder, load_model(folder)
        self._check_query()
        if not self.outputs(self.model.tree, MIXTURE):
            raise OptionError(
                f"the masks of the model '{folder}', of {', '.join(self.model.card.nodes)}, do not divide its whole "
                "tree: train it with every level above its lowest ('levels') to separate songs; stemtree evaluate "
                "measures it as it is"
            )
        fuse_batch_norms(self.model.network)
        self.stft = self.model.card.stft

    @cached_property
    def hierarchy(self) -> Hierarchy:
        """The model's own tree if that is of songs, else the hierarchy that its tree is a part of."""
        card = self.model.card
        return load(card.hierarchy) if card.root else self.model.tree

    @property
    def needs_stereo(self) -> bool:
        """See `Splitter.needs_stereo`: the network has learned from the middle and the sides."""
        return self.model.card.channels == "mid_side"

    @property
    def residuals(self) -> tuple[NodePath, ...]:
        """See `Splitter.residuals`; nodes of the model's own tree."""
        partition = self.model.relation.partition
        return partition.part_nodes[len(partition.leaves) :]

    def outputs(self, hierarchy: Hierarchy, node: NodePath) -> tuple[NodePath, ...]:
        """The model's parts within `node`, if the model divides `node` or a node above it, which another one split."""
        return model_parts(self.model.relation.partition.part_nodes, hierarchy, node)

    def masks(self, block: Block, node: NodePath, outputs: tuple[NodePath, ...]) -> Masks:
        """See `Splitter.masks`; some of the model's parts divide `node` in proportion to their masks."""
        return self.masks_of_blocks([block], node, outputs)[0]

    @torch.inference_mode()
    def masks_of_blocks(
        self, blocks: Sequence[Block], node: NodePath, outputs: tuple[NodePath, ...]
    ) -> Sequence[Masks]:
        """See `Splitter.masks_of_blocks`; the network gets all blocks at once."""
        channels, bins, _ = blocks[0].spectrogram.shape
        mixtures = [self.model_input(block.spectrogram, block.stft) for block in blocks]
        raw = list(self._part_masks(stack_bins_last(mixtures)))
        of_blocks = []
        for mixture in mixtures:
            masks = self._suppress_inactive(raw.pop(0), mixture)  # so that the raw ones are no longer in memory
            if channels == 2:
                masks = self.model.follow_position_(masks, mixture)
            if len(outputs) < len(masks):
                masks = normalise(stack_bins_last([masks[number] for number in self._part_numbers(node, outputs)]))
            of_blocks.append(to_song_bins(masks, bins).expand(-1, channels, -1, -1))
        return of_blocks

    def to(self, device: torch.device) -> None:
        """See `Splitter.to`."""
        self.model.network.to(device)
        self.device = device

    def provenance(self) -> dict[str, object]:
        """See `Splitter.provenance`."""
        return {
            "name": "trained",
            "weights": [{"file": WEIGHTS, "sha256": weights_digest(self._folder)}],
            "settings": {"sha256": self.model.card.settings_digest},
        }

    def _check_query(self) -> None:
        if self.model.takes_query:
            raise OptionError(
                f"the model '{self._folder}' separates what an example points at: use stemtree query, or "
                f"measure it with stemtree evaluate {self._folder}"
            )

    def _part_masks(self, mixtures: Spectrogram) -> Masks:
        """``(batch, part, 1 or channel, bin, frame)`` from ``(batch, channel, bin, frame)``."""
        return self.model.part_masks(mixtures)

    def _suppress_inactive(self, masks: Masks, mixture: Spectrogram) -> Masks:
        threshold = self.model.card.inactive_below_db
        if threshold is None:
            return masks
        # The fast twin waits for numbers of the device, which then has nothing to do.
        suppress = suppress_inactive if self.device == CPU else suppress_inactive.plain
        return suppress(masks, self.model.relation.partition, mixture, threshold)

    def model_input(self, spectrogram: Spectrogram, stft: Stft) -> Spectrogram:
        """A song's spectrogram with the bins and channels that the model takes."""
        spectrogram = to_model_bins(spectrogram, stft, self.stft)
        return spectrogram.expand(2, -1, -1) if self.model.card.num_channels > len(spectrogram) else spectrogram

    def _parts_under(self, root: NodePath) -> tuple[NodePath, ...]:
        """The model's parts, if `root` is what it takes for its mixture."""
        return tuple(join(root, part) for part in self.model.relation.partition.part_nodes)

    def _part_numbers(self, node: NodePath, outputs: tuple[NodePath, ...]) -> list[int]:
        """Which of the model's parts the outputs are, if the model divides a node above `node`."""
        names = node.split("/")
        roots = ("/".join(names[:depth]) for depth in reversed(range(len(names))))
        parts = next(parts for root in roots if set(outputs) <= set(parts := self._parts_under(root)))
        return [parts.index(output) for output in outputs]
