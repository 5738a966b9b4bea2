"""Parts of a mixture: nodes taken together, as a separator's guitar is an electric and an acoustic one."""

from collections.abc import Collection
from typing import TypeAlias

from stemtree.hierarchy.paths import MIXTURE, NodePath, is_within
from stemtree.hierarchy.tree import Hierarchy

Part: TypeAlias = tuple[NodePath, ...]
"""Nodes of which none is within another, in the tree's order; one node where that is all of the part."""


def part_of(hierarchy: Hierarchy, leaves: Collection[NodePath]) -> Part:
    """The part that some leaves are: the highest nodes whose leaves all belong to them; empty without leaves."""
    wanted = set(leaves)
    part: list[NodePath] = []
    for path in (MIXTURE, *hierarchy.paths):
        if not any(is_within(path, above) for above in part) and wanted.issuperset(hierarchy.leaves(path)):
            part.append(path)
    return tuple(part)


def leaves_of(hierarchy: Hierarchy, part: Part) -> tuple[NodePath, ...]:
    """All leaves of a part."""
    return tuple(leaf for node in part for leaf in hierarchy.leaves(node))


def node_above(hierarchy: Hierarchy, part: Part) -> NodePath:
    """The lowest node that all of a part is within."""
    first = part[0]
    return next(node for node in (first, *hierarchy.ancestors(first)) if all(is_within(path, node) for path in part))


def shown(part: Part) -> str:
    """A part in words, for messages."""
    return " + ".join(f"'{node}'" if node else "the mixture" for node in part)
