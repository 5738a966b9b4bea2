"""Hierarchies: which nodes a mixture consists of, and which leaf a corpus's label means."""

from stemtree.hierarchy.load import available, from_dict, load
from stemtree.hierarchy.tree import MIXTURE, Hierarchy, Node, join

__all__ = ["MIXTURE", "Hierarchy", "Node", "available", "from_dict", "join", "load"]
