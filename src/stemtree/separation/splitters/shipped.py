"""Trained models that come along, read when they are first needed."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import torch

from stemtree.hierarchy import Hierarchy, NodePath
from stemtree.separation.splitters.abilities import Ability, ability
from stemtree.separation.splitters.base import Block, Splitter
from stemtree.separation.splitters.trained import TrainedSplitter
from stemtree.spectral import Stft
from stemtree.types import Masks


class LazyModelSplitter(Splitter):
    """A model that costs nothing where the nodes that it makes are not asked for: till then only its card is read.

    Parameters
    ----------
    folder : pathlib.Path
        Of the model, whose transform is the one of the other shipped splitters.
    """

    stft = Stft()
    block_frames = TrainedSplitter.block_frames

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def hierarchy(self) -> Hierarchy | None:
        """See `Splitter.hierarchy`."""
        return self._ability.hierarchy

    @property
    def needs_stereo(self) -> bool:
        """See `TrainedSplitter.needs_stereo`."""
        return self._model.needs_stereo

    def outputs(self, hierarchy: Hierarchy, node: NodePath) -> tuple[NodePath, ...]:
        """See `TrainedSplitter.outputs`."""
        return tuple(part[0] for part in self._ability.parts(hierarchy, node))

    def masks(self, block: Block, node: NodePath, outputs: tuple[NodePath, ...]) -> Masks:
        """See `TrainedSplitter.masks`."""
        return self._model.masks(block, node, outputs)

    def masks_of_blocks(
        self, blocks: Sequence[Block], node: NodePath, outputs: tuple[NodePath, ...]
    ) -> Sequence[Masks]:
        """See `TrainedSplitter.masks_of_blocks`."""
        return self._model.masks_of_blocks(blocks, node, outputs)

    def to(self, device: torch.device) -> None:
        """See `TrainedSplitter.to`."""
        self.device = device
        if "_model" in self.__dict__:
            self._model.to(device)

    def provenance(self) -> dict[str, object]:
        """See `TrainedSplitter.provenance`."""
        return self._model.provenance()

    @cached_property
    def _ability(self) -> Ability:
        known = ability(str(self._folder))
        assert known is not None  # the card is one of ours
        return known

    @cached_property
    def _model(self) -> TrainedSplitter:
        model = TrainedSplitter(self._folder)
        model.to(self.device)
        return model
