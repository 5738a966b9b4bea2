"""Hierarchies: which nodes a mixture consists of, and which leaf a corpus's label means."""

from stemtree.hierarchy.load import available, from_dict, load
from stemtree.hierarchy.matching import Match, match
from stemtree.hierarchy.names import find_all, find_node, find_nodes, known_nodes
from stemtree.hierarchy.node import Node
from stemtree.hierarchy.parts import Part, leaves_of, node_above, part_of, shown
from stemtree.hierarchy.paths import MIXTURE, REST, NodePath, depth, is_within, join, own_name
from stemtree.hierarchy.tree import Hierarchy

__all__ = [
    "MIXTURE",
    "REST",
    "Hierarchy",
    "Match",
    "Node",
    "NodePath",
    "Part",
    "available",
    "depth",
    "find_all",
    "find_node",
    "find_nodes",
    "from_dict",
    "is_within",
    "join",
    "known_nodes",
    "leaves_of",
    "load",
    "match",
    "node_above",
    "own_name",
    "part_of",
    "shown",
]
