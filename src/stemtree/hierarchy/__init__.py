"""Hierarchies: which nodes a mixture consists of, and which leaf a corpus's label means."""

from stemtree.hierarchy.load import available, load
from stemtree.hierarchy.tree import MIXTURE, Hierarchy, Node

__all__ = ["MIXTURE", "Hierarchy", "Node", "available", "load"]
