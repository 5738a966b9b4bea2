"""The parts that a network's nodes divide the mixture into."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from stemtree.errors import HierarchyError, OptionError
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, depth, is_within

if TYPE_CHECKING:
    from stemtree.types import Masks


@dataclass(frozen=True, slots=True)
class Split:
    """A node and the children it is divided into.

    Parameters
    ----------
    node : NodePath
        The node, or the mixture.
    children : tuple of NodePath
        Its wanted children. The node's residual comes last, under the node's own path, if it has one.
    parts : tuple of tuple of int
        For each child the indices, in `Partition.parts`, of the parts that lie within it.
    """

    node: NodePath
    children: tuple[NodePath, ...]
    parts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Partition:
    """Wanted nodes of a hierarchy, and the disjoint parts that they divide the mixture into.

    There are two kinds of parts. A **leaf** is a wanted node with no wanted node beneath it. A **residual** is what the
    wanted nodes beneath a node leave of it; the mixture can have one too. Together the parts are the whole mixture. A
    network for a whole hierarchy has no residuals; one for a single path has a residual at every step.

    Parameters
    ----------
    hierarchy : Hierarchy
        The whole tree.
    nodes : tuple of NodePath
        The wanted nodes, in the order of their masks.

    Raises
    ------
    HierarchyError
        If the hierarchy has no such node, or if the mixture is among them.
    OptionError
        If there is no node, or if one comes twice.
    """

    hierarchy: Hierarchy
    nodes: tuple[NodePath, ...]

    def __post_init__(self) -> None:
        for path in self.nodes:
            self.hierarchy.node(path)
        if not self.nodes:
            raise OptionError("no nodes are wanted: name at least one")
        if MIXTURE in self.nodes:
            raise HierarchyError("the mixture itself is no node to separate: name one beneath it")
        if len(set(self.nodes)) < len(self.nodes):
            twice = next(path for path in self.nodes if self.nodes.count(path) > 1)
            raise OptionError(f"'{twice}' is wanted twice: name every node once")

    @cached_property
    def parents(self) -> tuple[int | None, ...]:
        """For each node the index of the nearest wanted node above it; None for the mixture."""
        indices = {path: index for index, path in enumerate(self.nodes)}
        above = (self.hierarchy.ancestors(path) for path in self.nodes)
        return tuple(next((indices[path] for path in paths if path in indices), None) for paths in above)

    @cached_property
    def top_down(self) -> tuple[int, ...]:
        """The indices of the nodes, parents before their children."""
        return tuple(sorted(range(len(self.nodes)), key=lambda index: depth(self.nodes[index])))

    def children(self, parent: int | None) -> tuple[int, ...]:
        """The indices of the nodes whose parent has the index `parent`."""
        return tuple(index for index, above in enumerate(self.parents) if above == parent)

    @cached_property
    def leaves(self) -> tuple[NodePath, ...]:
        """The wanted nodes with no wanted node beneath them."""
        return tuple(path for index, path in enumerate(self.nodes) if index not in self.parents)

    @cached_property
    def residuals(self) -> tuple[NodePath, ...]:
        """The nodes, perhaps the mixture among them, that are more than the wanted nodes beneath them."""
        lines = ((leaf, *self.hierarchy.ancestors(leaf)) for leaf in self.hierarchy.leaves())
        lowest = {next((path for path in line if path in self.nodes), MIXTURE) for line in lines}
        return tuple(path for path in (MIXTURE, *self.nodes) if path in lowest and path not in self.leaves)

    @property
    def parts(self) -> tuple[NodePath, ...]:
        """`leaves`, then `residuals`, each residual under the path of its node."""
        return self.leaves + self.residuals

    @cached_property
    def part_nodes(self) -> tuple[NodePath, ...]:
        """The node of the hierarchy that each of `parts` is; empty if a residual is the sum of several nodes."""
        nodes = list(self.leaves)
        for parent in self.residuals:
            children = self.hierarchy.children(parent)
            unwanted = [child for child in children if not any(is_within(node, child) for node in self.nodes)]
            if len(unwanted) != 1:
                return ()
            nodes += unwanted
        return tuple(nodes)

    def splits(self) -> list[Split]:
        """Every node that has wanted children, the mixture first, parents before their children."""
        found = []
        for parent in (None, *self.top_down):
            path = MIXTURE if parent is None else self.nodes[parent]
            children = [self.nodes[index] for index in self.children(parent)]
            if children:
                parts = [self._parts_within(child) for child in children]
                if path in self.residuals:
                    children.append(path)
                    parts.append((self.parts.index(path),))
                found.append(Split(path, tuple(children), tuple(parts)))
        return found

    def _parts_within(self, node: NodePath) -> tuple[int, ...]:
        return tuple(index for index, part in enumerate(self.parts) if is_within(part, node))

    def sum_parts(self, parts: Masks, dim: int) -> Masks:
        """Add parts up to nodes: each node is the sum of its children (thesis, 4.4).

        Parameters
        ----------
        parts : Masks
            One for each of `parts` along `dim`.
        dim : int
            The axis.

        Returns
        -------
        Masks
            One for each of `nodes` along `dim`.
        """
        import torch  # here, so that plans go without

        by_path = dict(zip(self.parts, parts.unbind(dim), strict=True))
        totals = [by_path.get(path) for path in self.nodes]
        for node in reversed(self.top_down):
            parent, mask = self.parents[node], totals[node]
            if parent is not None and mask is not None:
                so_far = totals[parent]
                totals[parent] = mask if so_far is None else so_far + mask
        return torch.stack([total for total in totals if total is not None], dim)
