"""Mask relations: how masks of nodes follow from a network's logits (thesis, 4.2 and figure 14).

A network does not know its relation. It has as many outputs per bin as the relation needs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from pydantic import BaseModel
from torch import nn

from stemtree.errors import OptionError, suggest
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath
from stemtree.masks.conserve import distribute
from stemtree.masks.constraint import apply_constraint
from stemtree.masks.partition import Partition
from stemtree.types import Logits, Masks

RelationKind = Literal["direct", "constrained", "sequential", "mixed", "tree", "siblings"]
RELATIONS: tuple[str, ...] = get_args(RelationKind)
"""Names of relations."""


class RelationSettings(BaseModel, frozen=True, extra="forbid"):
    """The choice of a mask relation; see `make_relation`.

    Parameters
    ----------
    kind : str
        Its name.
    sources : dict of NodePath to NodePath, optional
        For ``mixed``: the nodes that are taken from another node, and from which.
    """

    kind: RelationKind = "direct"
    sources: dict[NodePath, NodePath] | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """The masks of one batch; all ``(batch, node, channel, bin, frame)`` in [0, 1].

    Parameters
    ----------
    masks : Masks
        Masks of the mixture: the direct masks M' (4.5), for every relation.
    relative : Masks
        Masks of each node's source: the sequential masks M (4.6). The same object as `masks` where every source is the
        mixture.
    sources : tuple of int or None
        For each node the index of its source, the node that it is taken from; None for the mixture.
    residuals : Masks
        Masks of the mixture for `Partition.residuals`, in their order; of no nodes where the relation has none.
    relative_residuals : Masks or None
        The same residuals as masks of their nodes; None where residuals are taken from the mixture.
    """

    masks: Masks
    relative: Masks
    sources: tuple[int | None, ...]
    residuals: Masks
    relative_residuals: Masks | None = None


class Relation(nn.Module):
    """Base class: logits to masks.

    Parameters
    ----------
    partition : Partition
        The nodes.
    outputs : int
        Number of logits per bin.
    sources : sequence of NodePath, optional
        For each node its source; by default the mixture for all.
    """

    def __init__(self, partition: Partition, outputs: int, sources: Sequence[NodePath] = ()) -> None:
        super().__init__()
        self.partition, self.outputs = partition, outputs
        indices: dict[NodePath, int | None] = {path: index for index, path in enumerate(partition.nodes)}
        self.sources = tuple(indices.get(path) for path in sources) or (None,) * len(partition.nodes)

    @property
    def nodes(self) -> tuple[NodePath, ...]:
        """The nodes, in the order of their masks."""
        return self.partition.nodes

    def estimate(self, logits: Logits) -> Estimate:
        """Turn ``(batch, output, channel, bin, frame)`` logits into masks, float32 at any precision of the network."""
        raise NotImplementedError

    def part_masks(self, logits: Logits) -> Masks:
        """Conservative masks of `Partition.parts`, ``(batch, part, channel, bin, frame)``; see `distribute`."""
        return torch.stack([distribute(masks, self.partition) for masks in self.estimate(logits).masks])

    def forward(self, logits: Logits) -> Masks:
        """Masks of the mixture: ``(batch, node, channel, bin, frame)``."""
        return self.estimate(logits).masks


class Products(Relation):
    """One sigmoid per node: its mask of its source. Products down each path are masks of the mixture (4.5 to 4.8).

    Parameters
    ----------
    partition : Partition
        The nodes.
    sources : sequence of NodePath
        For each node its source: the mixture, or a wanted node above it.
    """

    def __init__(self, partition: Partition, sources: Sequence[NodePath]) -> None:
        super().__init__(partition, len(partition.nodes), sources)

    def estimate(self, logits: Logits) -> Estimate:
        """See `Relation.estimate`."""
        relative = logits.float().sigmoid()
        masks = list(relative.unbind(1))
        for node in self.partition.top_down:
            source = self.sources[node]
            if source is not None:
                masks[node] = masks[node] * masks[source]  # (4.7)
        chained = any(source is not None for source in self.sources)
        return Estimate(torch.stack(masks, 1) if chained else relative, relative, self.sources, relative[:, :0])


class Constrained(Relation):
    """One sigmoid per node, a mask of the mixture, and the hierarchical constraint on them (4.9)."""

    def __init__(self, partition: Partition) -> None:
        super().__init__(partition, len(partition.nodes))

    def estimate(self, logits: Logits) -> Estimate:
        """See `Relation.estimate`."""
        masks = apply_constraint(logits.float().sigmoid(), self.partition)
        return Estimate(masks, masks, self.sources, masks[:, :0])


class Tree(Relation):
    """One softmax over the parts of the mixture. A node's mask is the sum of its parts' masks.

    The masks are conservative by construction: those of any nodes that cover the mixture sum to one. Each residual has
    a logit of its own.
    """

    def __init__(self, partition: Partition) -> None:
        super().__init__(partition, len(partition.parts))

    def estimate(self, logits: Logits) -> Estimate:
        """See `Relation.estimate`."""
        parts = self.part_masks(logits)
        masks = self.partition.sum_parts(parts.mT, dim=1).mT  # `mT` as in `part_masks`
        return Estimate(masks, masks, self.sources, parts[:, len(self.partition.leaves) :])

    def part_masks(self, logits: Logits) -> Masks:
        """See `Relation.part_masks`."""
        # `mT` changes no value: networks leave the bins of one frame side by side in memory, and so do these masks.
        return logits.mT.float().softmax(dim=1).mT


class Siblings(Relation):
    """One softmax over the children of each node, its residual included, times the node's own mask (thesis, 6.2.4).

    Children compete for their parent and for nothing else. The masks are conservative by construction. The logits are
    those of the nodes, then those of the residuals.
    """

    def __init__(self, partition: Partition) -> None:
        super().__init__(partition, len(partition.nodes) + len(partition.residuals), _nodes_above(partition))
        residuals = (None if path == MIXTURE else partition.nodes.index(path) for path in partition.residuals)
        self._above = (*partition.parents, *residuals)
        """For each logit the index of the node that it competes for; None for the mixture."""

    def estimate(self, logits: Logits) -> Estimate:
        """See `Relation.estimate`."""
        logits, num_nodes = logits.float(), len(self.nodes)
        relative: dict[int, Masks] = {}
        for parent in dict.fromkeys(self._above):
            siblings = [number for number, above in enumerate(self._above) if above == parent]
            relative |= zip(siblings, logits[:, siblings].softmax(dim=1).unbind(1), strict=True)
        masks = dict(relative)
        for number in (*self.partition.top_down, *range(num_nodes, self.outputs)):
            parent = self._above[number]
            if parent is not None:
                masks[number] = relative[number] * masks[parent]
        whole, within = (
            torch.stack([by_number[number] for number in range(self.outputs)], dim=1) for by_number in (masks, relative)
        )
        return Estimate(
            masks=whole[:, :num_nodes],
            relative=within[:, :num_nodes],
            sources=self.sources,
            residuals=whole[:, num_nodes:],
            relative_residuals=within[:, num_nodes:],
        )

    def part_masks(self, logits: Logits) -> Masks:
        """See `Relation.part_masks`."""
        estimate = self.estimate(logits)
        leaves = [self.nodes.index(leaf) for leaf in self.partition.leaves]
        return torch.cat([estimate.masks[:, leaves], estimate.residuals], dim=1)


def make_relation(
    kind: str, hierarchy: Hierarchy, nodes: Sequence[NodePath], sources: Mapping[NodePath, NodePath] | None = None
) -> Relation:
    """Make a relation by its name.

    Parameters
    ----------
    kind : str
        ``direct`` takes every node from the mixture (4.5); ``constrained`` too, under the hierarchical constraint
        (4.9); ``sequential`` takes it from the nearest wanted node above it (4.6); ``mixed`` follows `sources` (thesis,
        6.2.4); ``tree`` is one softmax over the parts of the mixture; ``siblings`` one over the children of each node,
        times the node's mask.
    hierarchy : Hierarchy
        The whole tree.
    nodes : sequence of NodePath
        The wanted nodes, in the order of their masks.
    sources : mapping of NodePath to NodePath, optional
        For ``mixed``: the nodes that are taken from another node, and from which; all others are direct.

    Raises
    ------
    HierarchyError, OptionError
        If there is no such relation or node, or a node cannot be taken from its source.
    """
    partition = Partition(hierarchy, tuple(nodes))
    if kind not in RELATIONS:
        raise OptionError(f"there is no mask relation '{kind}'{suggest(kind, RELATIONS)}")
    if kind == "mixed" and sources is None:
        raise OptionError("the mask relation 'mixed' needs 'sources': say which nodes are taken from which")
    if kind != "mixed" and sources is not None:
        raise OptionError(f"the mask relation '{kind}' takes no 'sources': leave them out, or choose 'mixed'")
    match kind:
        case "constrained":
            return Constrained(partition)
        case "tree":
            return Tree(partition)
        case "siblings":
            return Siblings(partition)
        case "sequential":
            return Products(partition, _nodes_above(partition))
        case _:
            return Products(partition, _checked_sources(partition, sources or {}))


def _nodes_above(partition: Partition) -> list[NodePath]:
    """For each node the nearest wanted node above it, or the mixture."""
    return [MIXTURE if parent is None else partition.nodes[parent] for parent in partition.parents]


def _checked_sources(partition: Partition, sources: Mapping[NodePath, NodePath]) -> list[NodePath]:
    for node, source in sources.items():
        if node not in partition.nodes:
            raise OptionError(f"'sources' names '{node}', which is not wanted{suggest(node, partition.nodes)}")
        if source not in partition.hierarchy.ancestors(node) or source not in (MIXTURE, *partition.nodes):
            raise OptionError(f"'{node}' cannot be taken from '{source}': give the mixture or a wanted node above it")
    return [sources.get(node, MIXTURE) for node in partition.nodes]
