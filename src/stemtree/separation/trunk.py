"""The tree above continued nodes, whose stems stay what they are however deep a walk goes."""

from dataclasses import dataclass
from functools import cached_property

from stemtree.hierarchy import Hierarchy, NodePath


@dataclass(frozen=True)
class Trunk:
    """A tree cut at the nodes that it continues (`Hierarchy.continued`).

    Leaves of the trunk are synthesised and add up to the mixture, whatever lies beneath them. Leaves beneath a
    continued node share out its samples. Arrays have a row for each of `rows`.

    Parameters
    ----------
    tree : Hierarchy
        The whole tree.
    """

    tree: Hierarchy

    @cached_property
    def cut(self) -> Hierarchy:
        """The tree down to its continued nodes."""
        return self.tree.cut(lambda path: path in self.tree.continued) if self.tree.continued else self.tree

    @cached_property
    def continued(self) -> tuple[NodePath, ...]:
        """The continued nodes, each a leaf of `cut`."""
        return tuple(leaf for leaf in self.cut.leaves() if not self.tree.is_leaf(leaf))

    @cached_property
    def rows(self) -> tuple[NodePath, ...]:
        """The leaves of the tree, then `continued`."""
        return self.tree.leaves() + self.continued

    @cached_property
    def leaf_rows(self) -> list[int]:
        """The row of each leaf of `cut`."""
        return [self.rows.index(leaf) for leaf in self.cut.leaves()]

    def rows_beneath(self, node: NodePath) -> slice:
        """The rows of a node's leaves, which are neighbours."""
        leaves = self.tree.leaves(node)
        first = self.rows.index(leaves[0])
        return slice(first, first + len(leaves))
