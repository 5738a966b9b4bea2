"""A whole tree from queries: the answers to one query for each leaf, stacked into one tree (thesis, 6.2.4)."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from stemtree.hierarchy import MIXTURE, REST, Hierarchy, NodePath, depth, from_dict, is_within, own_name
from stemtree.masks.conserve import distribute
from stemtree.masks.partition import Partition
from stemtree.types import Masks

Answer = Mapping[int, Masks]
"""The masks on the path of one leaf, ``(channel, bin, frame)``, by their depth: 1 right under the mixture."""


def stacked_tree(hierarchy: Hierarchy, leaves: Iterable[NodePath], asked: Iterable[NodePath]) -> Partition:
    """The tree of some nodes of a hierarchy, none of which lies within another.

    The mixture has a rest, which may hold anything, and so has every node with children that were not asked for. Of a
    node whose children were all asked for, those that are leaves are the whole: the others are not there.

    Parameters
    ----------
    hierarchy : Hierarchy
        Whose nodes they are.
    leaves : iterable of NodePath
        The leaves of the tree.
    asked : iterable of NodePath
        All that was asked for, whether or not it is there.

    Returns
    -------
    Partition
        Its `hierarchy` is the tree, its nodes are all but the rests.
    """
    wanted, known = set(leaves), tuple(asked)

    def below(node: NodePath) -> dict[str, Any]:
        if node in wanted:
            return {}
        inside = [child for child in hierarchy.children(node) if any(is_within(leaf, child) for leaf in wanted)]
        children = {own_name(child): below(child) for child in inside}
        unknown = [child for child in hierarchy.children(node) if not any(_related(one, child) for one in known)]
        return children | ({REST: {}} if unknown or node == MIXTURE else {})

    tree = from_dict(f"{hierarchy.name}, queried", below(MIXTURE))
    return Partition(tree, tuple(path for path in tree.paths if own_name(path) != REST))


def stack(answers: Mapping[NodePath, Answer], partition: Partition) -> Masks:
    """Make one conservative set of masks of the answers to queries.

    The mask of an inner node is the mean of what the queries for the leaves within it say of it. Then the mixture is
    distributed down the tree (`distribute`), so that children add up to their parents whatever the answers are.

    Parameters
    ----------
    answers : mapping of NodePath to Answer
        For each leaf of the tree, at least; those of other leaves do not count.
    partition : Partition
        Of `stacked_tree`.

    Returns
    -------
    Masks
        ``(part, channel, bin, frame)`` in the order of `Partition.parts`, summing to one.
    """
    masks = []
    for node in partition.nodes:
        within = [answers[leaf][depth(node)] for leaf in partition.leaves if is_within(leaf, node)]
        masks.append(torch.stack(within).mean(dim=0))
    return distribute(torch.stack(masks), partition)


def _related(one: NodePath, other: NodePath) -> bool:
    return is_within(one, other) or is_within(other, one)
