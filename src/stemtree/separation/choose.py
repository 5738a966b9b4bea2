"""Splitters by the names that users give them."""

from collections.abc import Sequence
from pathlib import Path as FilePath

from stemtree.errors import SplitterError
from stemtree.separation.spleeter import Spleeter
from stemtree.separation.splitter import Splitter
from stemtree.separation.trained import Trained

DEFAULT_MODEL = FilePath(__file__).with_name("default_model")
"""Serves everything under ``accompaniment`` of MS21."""


def splitters_of(names: Sequence[str]) -> list[Splitter]:
    """Make splitters; for each node the first that can split it serves.

    Parameters
    ----------
    names : sequence of str
        ``spleeter``, or the folder of a trained model. What they leave open the default model serves, and what it
        leaves open Spleeter.

    Raises
    ------
    SplitterError
        If a name is neither.
    ModelError, OptionError
        If a model cannot be used.
    """
    return [*(_splitter(name) for name in names), Trained(DEFAULT_MODEL), Spleeter()]


def _splitter(name: str) -> Splitter:
    if name == "spleeter":
        return Spleeter()
    if not FilePath(name).exists():
        raise SplitterError(f"there is no splitter '{name}': give spleeter, or the folder of a trained model")
    return Trained(name)
