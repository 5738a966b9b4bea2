"""Splitters by the names that users give them."""

import os
from collections.abc import Callable, Sequence

from stemtree.errors import SplitterError
from stemtree.hierarchy import load
from stemtree.separation.splitters.abilities import DEFAULT_MODEL, DRUM_MODEL, can_serve, cannot_serve
from stemtree.separation.splitters.base import Splitter
from stemtree.separation.splitters.external import ExternalSplitter
from stemtree.separation.splitters.external_packages import PACKAGES, load_package
from stemtree.separation.splitters.shipped import ShippedSplitter
from stemtree.separation.splitters.spleeter import Spleeter
from stemtree.separation.splitters.trained import TrainedSplitter

_BY_NAME: dict[str, Callable[[], Splitter]] = {"spleeter": Spleeter}


def default_splitters() -> list[Splitter]:
    """The default model for the accompaniment, Spleeter for vocals and accompaniment, a model for the drum set."""
    return [TrainedSplitter(DEFAULT_MODEL), Spleeter(), ShippedSplitter(DRUM_MODEL)]


def make_splitters(names: Sequence[str], hierarchy: str | None = None) -> list[Splitter]:
    """Make splitters by their names, in order of precedence, and the default ones after them.

    Parameters
    ----------
    names : sequence of str
        ``spleeter``; a separator that is installed beside this package (``demucs``, ``openunmix``, ``unblend``, with
        ``:MODEL`` for another than its default model); or the folder of a trained model.
    hierarchy : str, optional
        Name or file of a hierarchy that every named splitter must be able to split a node of, or to make a sum of.

    Raises
    ------
    SplitterError
        If there is no such splitter, if a separator or its weights are not installed, or if it can split no node of
        `hierarchy`.
    ModelError, OptionError
        If a model cannot be used.
    """
    named = [_make_splitter(name) for name in names]
    if hierarchy is not None:
        tree = load(hierarchy)
        for name, splitter in zip(names, named, strict=True):
            if not can_serve(splitter, tree):
                raise SplitterError(cannot_serve(name, tree))
    return [*named, *default_splitters()]


def _make_splitter(name: str) -> Splitter:
    if name in _BY_NAME:
        return _BY_NAME[name]()
    package, _, model = name.partition(":")
    if package in PACKAGES:
        return ExternalSplitter(load_package(package, model))
    if not os.path.exists(name):  # unlike pathlib's, it takes a name of any length
        names = ", ".join((*_BY_NAME, *PACKAGES))
        raise SplitterError(f"there is no splitter '{name}': give {names}, or the folder of a trained model")
    return TrainedSplitter(name)
