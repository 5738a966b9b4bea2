"""How the nodes that one network tells apart divide the mixture."""

from dataclasses import dataclass
from functools import cached_property

import torch

from stemtree.errors import HierarchyError, OptionError
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, is_within
from stemtree.types import Masks


@dataclass(frozen=True)
class Partition:
    """Wanted nodes of a hierarchy, and the parts that they divide the mixture into.

    The parts are the wanted nodes with none beneath them, and the **rest** of every other one (and of the mixture) that
    is more than the wanted nodes beneath it. Together they are the whole mixture, and no two overlap. Where a network
    tells a whole hierarchy apart there are no rests; where it serves one path there is one at every step.

    Parameters
    ----------
    hierarchy : Hierarchy
        The whole tree.
    nodes : tuple of NodePath
        The wanted nodes, in the order of their masks.

    Raises
    ------
    HierarchyError
        If the hierarchy has no such node.
    OptionError
        If there is no node, the mixture is among them or one comes twice.
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
        """For each node the number of the nearest wanted one above it; None for the mixture."""
        numbers = {path: number for number, path in enumerate(self.nodes)}
        above = (self.hierarchy.ancestors(path) for path in self.nodes)
        return tuple(next((numbers[path] for path in paths if path in numbers), None) for paths in above)

    @cached_property
    def top_down(self) -> tuple[int, ...]:
        """The nodes' numbers, parents before their children."""
        return tuple(sorted(range(len(self.nodes)), key=lambda number: self.nodes[number].count("/")))

    def children(self, parent: int | None) -> tuple[int, ...]:
        """The numbers of the nodes whose parent is `parent`."""
        return tuple(number for number, above in enumerate(self.parents) if above == parent)

    @cached_property
    def leaves(self) -> tuple[NodePath, ...]:
        """The nodes with no wanted one beneath them."""
        return tuple(path for number, path in enumerate(self.nodes) if number not in self.parents)

    @cached_property
    def residuals(self) -> tuple[NodePath, ...]:
        """The nodes, and perhaps the mixture, that are more than the wanted nodes beneath them."""
        lines = ((leaf, *self.hierarchy.ancestors(leaf)) for leaf in self.hierarchy.leaves())
        lowest = {next((path for path in line if path in self.nodes), MIXTURE) for line in lines}
        return tuple(path for path in (MIXTURE, *self.nodes) if path in lowest and path not in self.leaves)

    @property
    def parts(self) -> tuple[NodePath, ...]:
        """What the mixture is divided into: `leaves`, then the nodes of `residuals`."""
        return self.leaves + self.residuals

    def families(self) -> list[tuple[NodePath, list[tuple[NodePath, list[int]]]]]:
        """From the mixture down: each node that is divided, and its children with the numbers of the parts in each.

        A rest of the node counts as a child, with the node's own path.
        """
        found = []
        for parent in (None, *self.top_down):
            path = MIXTURE if parent is None else self.nodes[parent]
            children = [self.nodes[number] for number in self.children(parent)]
            if children:
                beneath = [
                    (child, [n for n, part in enumerate(self.parts) if is_within(part, child)]) for child in children
                ]
                found.append((path, beneath + ([(path, [self.parts.index(path)])] if path in self.residuals else [])))
        return found

    def sum_parts(self, parts: Masks, dim: int) -> Masks:
        """Add parts up to nodes (thesis, 4.4).

        Parameters
        ----------
        parts : Masks
            One for each of `parts` along `dim`.
        dim : int
            The axis.

        Returns
        -------
        Masks
            One for each node instead.
        """
        by_path = dict(zip(self.parts, parts.unbind(dim), strict=True))
        totals = [by_path.get(path) for path in self.nodes]
        for node in reversed(self.top_down):
            parent, mask = self.parents[node], totals[node]
            if parent is not None and mask is not None:
                so_far = totals[parent]
                totals[parent] = mask if so_far is None else so_far + mask
        return torch.stack([total for total in totals if total is not None], dim)
