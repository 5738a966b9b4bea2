"""Hierarchies: which nodes a mixture consists of, and which leaf a corpus's label means."""

from stemtree.hierarchy.load import available, from_dict, load
from stemtree.hierarchy.matching import Match, match
from stemtree.hierarchy.names import find_all, find_node, find_nodes, known_nodes
from stemtree.hierarchy.node import Node
from stemtree.hierarchy.paths import MIXTURE, NodePath, depth, is_within, join
from stemtree.hierarchy.tree import Hierarchy

__all__ = [
    "MIXTURE",
    "Hierarchy",
    "Match",
    "Node",
    "NodePath",
    "available",
    "depth",
    "find_all",
    "find_node",
    "find_nodes",
    "from_dict",
    "is_within",
    "join",
    "known_nodes",
    "load",
    "match",
]
