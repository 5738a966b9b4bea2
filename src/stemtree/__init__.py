"""Separate a song into a tree of stems that adds up to it exactly."""

from importlib import import_module
from typing import TYPE_CHECKING

from stemtree.version import __version__

if TYPE_CHECKING:
    from stemtree.errors import StemtreeError
    from stemtree.hierarchy import Hierarchy
    from stemtree.separation.query import query
    from stemtree.separation.separate import separate
    from stemtree.separation.separator import Separator

__all__ = ["Hierarchy", "Separator", "StemtreeError", "__version__", "query", "separate"]

_HOMES = {
    "Hierarchy": "stemtree.hierarchy",
    "Separator": "stemtree.separation.separator",
    "StemtreeError": "stemtree.errors",
    "query": "stemtree.separation.query",
    "separate": "stemtree.separation.separate",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: torch alone takes a second."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'stemtree' has no attribute '{name}'")
