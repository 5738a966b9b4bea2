"""A node of a hierarchy, and what its descendants may be called."""

import re
from dataclasses import dataclass

from stemtree.errors import HierarchyError
from stemtree.hierarchy.paths import NodePath, join

_NAME = re.compile(r"\w[\w &+'-]*(?<! )")


@dataclass(frozen=True, slots=True)
class Node:
    """A node with its descendants.

    Parameters
    ----------
    name : str
        Unique among its siblings; becomes a file name.
    children : tuple of Node
        Empty for a leaf.
    labels : tuple of str
        What corpora call a leaf; empty for inner nodes.
    """

    name: str
    children: tuple["Node", ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def level(self) -> int:
        """1 for a leaf, otherwise one more than its highest child."""
        return 1 + max((child.level for child in self.children), default=0)


def check_names(path: NodePath, node: Node) -> None:
    """Check the names below a node, which is at `path`.

    Raises
    ------
    HierarchyError
        If one cannot be a file name, or two siblings have the same, ignoring case.
    """
    where = f"under '{path}'" if path else "under the mixture"
    seen: set[str] = set()
    for child in node.children:
        # No full stop: a folder named b.wav would stand where the stem of b does.
        if not _NAME.fullmatch(child.name):
            raise HierarchyError(
                f"the name '{child.name}' {where} cannot be a file's: begin it with a letter or digit and use only "
                "letters, digits, spaces and & + ' - _"
            )
        if child.name.casefold() in seen:
            raise HierarchyError(f"two nodes {where} are called '{child.name}': rename one")
        seen.add(child.name.casefold())
        check_names(join(path, child.name), child)
