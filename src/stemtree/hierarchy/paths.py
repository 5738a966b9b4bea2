"""Paths of nodes."""

from typing import TypeAlias

NodePath: TypeAlias = str
"""A node's names from just under the mixture down to it, joined by ``/``; the mixture itself is ``""``."""

MIXTURE: NodePath = ""
"""The path of the root."""

REST = "rest"
"""Name of the node that takes what its siblings leave of their parent."""


def join(parent: NodePath, name: str) -> NodePath:
    """Extend a path by one name."""
    return f"{parent}/{name}" if parent else name


def own_name(path: NodePath) -> str:
    """The last name of a path."""
    return path.rpartition("/")[2]


def depth(path: NodePath) -> int:
    """Count the steps from the mixture (0) down to a node."""
    return path.count("/") + 1 if path else 0


def is_within(path: NodePath, node: NodePath) -> bool:
    """Whether `path` is `node` or one of its descendants; every path is within the mixture."""
    return node == MIXTURE or f"{path}/".startswith(f"{node}/")
