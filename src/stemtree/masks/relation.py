"""Mask relations: what a network's logits mean (thesis, 4.2 and figure 14).

The network does not know which relation it feeds; it is asked for as many logits per bin as the relation wants.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import BaseModel
from torch import nn

from stemtree.errors import OptionError, suggest
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath
from stemtree.masks.conserve import apportion
from stemtree.masks.constraint import raised
from stemtree.masks.division import Division
from stemtree.types import Logits, Masks


class RelationSettings(BaseModel, frozen=True, extra="forbid"):
    """Which mask relation; see `make_relation`.

    Parameters
    ----------
    kind : str
        Its name.
    sources : dict of NodePath to NodePath, optional
        For ``mixed``: which nodes are taken from which.
    """

    kind: Literal["direct", "constrained", "sequential", "mixed", "tree"] = "direct"
    sources: dict[NodePath, NodePath] | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """Masks that a relation made of logits; all ``(batch, node, channel, bin, frame)`` in [0, 1].

    Parameters
    ----------
    masks : Masks
        Of the mixture: the direct masks M' (4.5), however they came about.
    relative : Masks
        Each of the node that it is taken from: the sequential masks M (4.6). The same object as `masks` where all are
        taken from the mixture.
    sources : tuple of int or None
        For each node the number of the one it is taken from; None for the mixture.
    rests : Masks
        Of the parts of the mixture that lie in no wanted node beneath them, in the order of `Division.rests`, where
        the relation knows them; else none.
    """

    masks: Masks
    relative: Masks
    sources: tuple[int | None, ...]
    rests: Masks


class Relation(nn.Module):
    """What every relation has.

    Parameters
    ----------
    division : Division
        The nodes.
    outputs : int
        How many logits it wants for each bin.
    sources : sequence of NodePath, optional
        For each node the one it is taken from; unset, all are taken from the mixture.
    """

    def __init__(self, division: Division, outputs: int, sources: Sequence[NodePath] = ()) -> None:
        super().__init__()
        self.division, self.outputs = division, outputs
        numbers: dict[NodePath, int | None] = {path: number for number, path in enumerate(division.nodes)}
        self.sources = tuple(numbers.get(path) for path in sources) or (None,) * len(division.nodes)

    @property
    def nodes(self) -> tuple[NodePath, ...]:
        """Whose masks these are, in their order."""
        return self.division.nodes

    def estimate(self, logits: Logits) -> Estimate:
        """Make masks of ``(batch, output, channel, bin, frame)``; they are float32 whatever the network's precision."""
        raise NotImplementedError

    def shares(self, logits: Logits) -> Masks:
        """Make conservative masks of `Division.parts`, ``(batch, part, channel, bin, frame)``; see `apportion`."""
        return torch.stack([apportion(masks, self.division) for masks in self.estimate(logits).masks])

    def forward(self, logits: Logits) -> Masks:
        """Masks of the mixture alone: ``(batch, node, channel, bin, frame)``."""
        return self.estimate(logits).masks


class Products(Relation):
    """One sigmoid per node, of the mixture or of another node; products of them down each path (4.5 to 4.8).

    Parameters
    ----------
    division : Division
        The nodes.
    sources : sequence of NodePath
        For each node the one it is taken from: the mixture, or a wanted node somewhere above it.
    """

    def __init__(self, division: Division, sources: Sequence[NodePath]) -> None:
        super().__init__(division, len(division.nodes), sources)

    def estimate(self, logits: Logits) -> Estimate:
        """See `Relation.estimate`."""
        own = logits.float().sigmoid()
        masks = list(own.unbind(1))
        for node in self.division.downward:
            source = self.sources[node]
            if source is not None:
                masks[node] = masks[node] * masks[source]  # (4.7)
        chained = any(source is not None for source in self.sources)
        return Estimate(torch.stack(masks, 1) if chained else own, own, self.sources, own[:, :0])


class Constrained(Relation):
    """One sigmoid per node, of the mixture, under the hierarchical constraint (4.9); see `raised`."""

    def __init__(self, division: Division) -> None:
        super().__init__(division, len(division.nodes))

    def estimate(self, logits: Logits) -> Estimate:
        """See `Relation.estimate`."""
        masks = raised(logits.float().sigmoid(), self.division)
        return Estimate(masks, masks, self.sources, masks[:, :0])


class Tree(Relation):
    """One softmax over the parts of the mixture; a node's mask is the sum of its parts'.

    So the masks of any nodes that cover the mixture add up to one: they are conservative by construction. Where wanted
    nodes leave a rest, it has a logit of its own.
    """

    def __init__(self, division: Division) -> None:
        super().__init__(division, len(division.parts))

    def estimate(self, logits: Logits) -> Estimate:
        """See `Relation.estimate`."""
        parts = self.shares(logits).mT
        masks = self.division.sums(parts, dim=1).mT
        return Estimate(masks, masks, self.sources, parts[:, len(self.division.leaves) :].mT)

    def shares(self, logits: Logits) -> Masks:
        """See `Relation.shares`."""
        # Networks and transforms leave the bins of one frame side by side in memory; so do these.
        return logits.mT.float().softmax(dim=1).mT


RELATIONS = ("direct", "constrained", "sequential", "mixed", "tree")
"""Names of relations."""


def make_relation(
    kind: str, hierarchy: Hierarchy, nodes: Sequence[NodePath], sources: Mapping[NodePath, NodePath] | None = None
) -> Relation:
    """Make a relation by its name.

    Parameters
    ----------
    kind : str
        ``direct`` takes every node from the mixture (4.5); ``constrained`` too, under the hierarchical constraint
        (4.9); ``sequential`` takes it from the nearest wanted node above it (4.6); ``mixed`` as `sources` says (thesis,
        6.2.4); ``tree`` is one softmax over the parts of the mixture.
    hierarchy : Hierarchy
        The whole tree.
    nodes : sequence of NodePath
        Whose masks are wanted, in their order.
    sources : mapping of NodePath to NodePath, optional
        For ``mixed``: the nodes that are taken from another one, and from which; all others are direct.

    Raises
    ------
    HierarchyError, OptionError
        If there is no such relation or node, or a node cannot be taken from its source.
    """
    division = Division(hierarchy, tuple(nodes))
    if kind not in RELATIONS:
        raise OptionError(f"there is no mask relation '{kind}'{suggest(kind, RELATIONS)}")
    if kind == "mixed" and sources is None:
        raise OptionError("the mask relation 'mixed' needs 'sources': say which nodes are taken from which")
    if kind != "mixed" and sources is not None:
        raise OptionError(f"the mask relation '{kind}' takes no 'sources': leave them out, or choose 'mixed'")
    match kind:
        case "constrained":
            return Constrained(division)
        case "tree":
            return Tree(division)
        case "sequential":
            above = [MIXTURE if parent is None else division.nodes[parent] for parent in division.parents]
            return Products(division, above)
        case _:
            return Products(division, _checked_sources(division, sources or {}))


def _checked_sources(division: Division, sources: Mapping[NodePath, NodePath]) -> list[NodePath]:
    for node, source in sources.items():
        if node not in division.nodes:
            raise OptionError(f"'sources' names '{node}', which is not wanted{suggest(node, division.nodes)}")
        if source not in division.hierarchy.ancestors(node) or source not in (MIXTURE, *division.nodes):
            raise OptionError(f"'{node}' cannot be taken from '{source}': give the mixture or a wanted node above it")
    return [sources.get(node, MIXTURE) for node in division.nodes]
