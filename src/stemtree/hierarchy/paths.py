"""Paths of nodes."""

from typing import TypeAlias

NodePath: TypeAlias = str
"""A node's names from just under the mixture down to it, joined by ``/``; the mixture itself is ``""``."""

MIXTURE: NodePath = ""
"""The path of the root."""


def join(parent: NodePath, name: str) -> NodePath:
    """Extend a path by one name."""
    return f"{parent}/{name}" if parent else name


def depth(path: NodePath) -> int:
    """Count the steps from the mixture (0) down to a node."""
    return path.count("/") + 1 if path else 0


def is_within(path: NodePath, node: NodePath) -> bool:
    """Whether `path` is `node` or one of its descendants; every path is within the mixture."""
    return node == MIXTURE or f"{path}/".startswith(f"{node}/")
