"""Hierarchies: which nodes a mixture consists of, and which leaf a corpus's label means."""

from stemtree.hierarchy.load import available, from_dict, load
from stemtree.hierarchy.paths import MIXTURE, NodePath, depth, is_within, join
from stemtree.hierarchy.tree import Hierarchy, Node

__all__ = ["MIXTURE", "Hierarchy", "Node", "NodePath", "available", "depth", "from_dict", "is_within", "join", "load"]
