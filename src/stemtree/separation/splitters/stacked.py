"""A tree from queries: a splitter that stacks what a model answers to an example of each leaf (thesis, 6.2.4)."""

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from stemtree.errors import OptionError
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, depth, is_within
from stemtree.masks.partition import Partition
from stemtree.masks.presence import component_energies, component_loudness
from stemtree.masks.stacking import Answer, stack, stacked_tree
from stemtree.separation.splitters.abilities import model_parts
from stemtree.separation.splitters.base import Block, Splitter, to_song_bins
from stemtree.separation.splitters.example import Example, read_example
from stemtree.separation.splitters.example_folder import find_examples, query_targets
from stemtree.separation.splitters.query import QueryModelSplitter
from stemtree.types import Masks, Spectrogram


class QueryStack(QueryModelSplitter):
    """A model that takes a query, with one example for each leaf.

    Parameters
    ----------
    folder : path-like
        Of the model.
    examples : path-like or mapping of NodePath to Example
        A folder, see `find_examples`; or examples by the nodes of the hierarchy that the model was trained on.

    Attributes
    ----------
    asked_hierarchy : Hierarchy
        That hierarchy.
    targets : tuple of NodePath
        What the model learned to look for.
    examples : dict of NodePath to Example
        By node.

    Raises
    ------
    ModelError, AudioError
        If the model or an example cannot be read.
    OptionError
        If the model takes no query; if there is no example, one that nobody knows, that is silent or too short, or two
        for one leaf.
    """

    def __init__(
        self, folder: str | os.PathLike[str], examples: str | os.PathLike[str] | Mapping[NodePath, Example]
    ) -> None:
        super().__init__(folder)
        card = self.model.card
        self.asked_hierarchy, self.targets = query_targets(folder, card.training, card.hierarchy, card.nodes)
        if not isinstance(examples, Mapping):
            files = find_examples(Path(examples), self.asked_hierarchy, self.targets)
            examples = {node: read_example(file) for node, file in files.items()}
        self.ask(examples)

    @torch.inference_mode()
    def ask(self, examples: Mapping[NodePath, Example]) -> None:
        """Take other examples from now on."""
        network = self.model.answering
        anchors = {
            node: network.limited_to(
                self.model.anchor(self._query_of(example)[None].to(self.device)), self._classes(node)
            )
            for node, example in examples.items()
        }
        self.examples, self._anchors = dict(examples), anchors

    def to(self, device: torch.device) -> None:
        """See `Splitter.to`."""
        super().to(device)
        self._anchors = {node: anchor.to(device) for node, anchor in self._anchors.items()}

    @torch.inference_mode()
    def answers(self, mixture: Spectrogram, leaves: Iterable[NodePath]) -> dict[NodePath, Answer]:
        """What the model answers to examples of some leaves for a ``(channel, bin, frame)`` mixture, as it takes it."""
        leaves, nodes = tuple(leaves), self.model.card.nodes
        estimates = self.model.estimates_for(mixture[None], (self._anchors[leaf] for leaf in leaves))
        return {
            leaf: {depth(node): mask for node, mask in zip(nodes, estimate.masks[0], strict=True)}
            for leaf, estimate in zip(leaves, estimates, strict=True)
        }

    @property
    def tells_presence(self) -> bool:
        """Whether the model tells by itself what is in a song."""
        return self.model.card.network.knows_classes

    @torch.inference_mode()
    def evidence(self, mixture: Spectrogram) -> Tensor:
        """``(class,)`` log-odds to be in a stretch: a ``(channel, bin, frame)`` mixture as the model takes it."""
        energies = component_energies(self.model.hear(mixture[None])[0], mixture)
        odds = self.model.answering.evidence(component_loudness(energies)[None])
        assert odds is not None
        return odds[0]

    def by_example(self, odds: Tensor) -> dict[NodePath, float]:
        """For each example's node the greatest of its classes' log-odds."""
        return {node: float(odds[self._classes(node)].amax()) for node in self.examples}

    def _classes(self, node: NodePath) -> list[int]:
        """Numbers of those targets that a node is or holds: an example may be named after a family."""
        if not (classes := [number for number, target in enumerate(self.targets) if is_within(target, node)]):
            raise OptionError(f"the model has not learned '{node}': it knows {', '.join(self.targets)}")
        return classes

    def provenance(self) -> dict[str, object]:
        """See `Splitter.provenance`."""
        return super().provenance() | {"like": {node: one.origin for node, one in self.examples.items()}}


class StackedSplitter(Splitter):
    """Divides the mixture among the leaves of a tree that has some of a stack's leaves.

    Parameters
    ----------
    stack : QueryStack
        Model and examples.
    leaves : sequence of NodePath
        Those that are there.
    """

    def __init__(self, stack: QueryStack, leaves: Sequence[NodePath]) -> None:
        self._stack, self.stft, self.block_frames = stack, stack.stft, stack.block_frames
        self.device = stack.device
        self.partition: Partition = stacked_tree(stack.asked_hierarchy, leaves, stack.examples)

    @cached_property
    def hierarchy(self) -> Hierarchy:
        """See `Splitter.hierarchy`: the tree of these leaves and what they leave."""
        return self.partition.hierarchy

    @property
    def residuals(self) -> tuple[NodePath, ...]:
        """See `Splitter.residuals`."""
        return self.partition.part_nodes[len(self.partition.leaves) :]

    def outputs(self, hierarchy: Hierarchy, node: NodePath) -> tuple[NodePath, ...]:
        """See `Splitter.outputs`."""
        return model_parts(self.partition.part_nodes, hierarchy, node) if node == MIXTURE else ()

    @torch.inference_mode()
    def masks(self, block: Block, node: NodePath, outputs: tuple[NodePath, ...]) -> Masks:
        """See `Splitter.masks`."""
        channels, bins, _ = block.spectrogram.shape
        mixture = self._stack.model_input(block.spectrogram, block.stft)
        parts = stack(self._stack.answers(mixture, self.partition.leaves), self.partition)
        return to_song_bins(parts, bins).expand(-1, channels, -1, -1)

    def to(self, device: torch.device) -> None:
        """See `Splitter.to`."""
        self._stack.to(device)
        self.device = device

    def provenance(self) -> dict[str, object]:
        """See `Splitter.provenance`."""
        return self._stack.provenance()
