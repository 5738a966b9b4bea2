"""Splitters by the names that users give them."""

import os
from collections.abc import Sequence
from pathlib import Path

from stemtree.errors import SplitterError
from stemtree.hierarchy import MIXTURE, load
from stemtree.separation.splitters.base import Splitter
from stemtree.separation.splitters.external import Installed
from stemtree.separation.splitters.external_packages import PACKAGES, load_package
from stemtree.separation.splitters.spleeter import Spleeter
from stemtree.separation.splitters.trained import Trained

DEFAULT_MODEL = Path(__file__).with_name("default_model")
"""Serves everything under ``accompaniment`` of MS21."""


def splitters_of(names: Sequence[str], hierarchy: str | None = None) -> list[Splitter]:
    """Make splitters; for each node the first that can split it serves.

    Parameters
    ----------
    names : sequence of str
        ``spleeter``, a separator that is installed beside this package (``demucs``, ``openunmix``, ``unblend``; with
        ``:MODEL`` another than its default), or the folder of a trained model. What they leave open the default model
        serves, and what it leaves open Spleeter.
    hierarchy : str, optional
        Name or file of the one that all named splitters must be able to split something of.

    Raises
    ------
    SplitterError
        If a name is none of these, if a separator or its weights are not here, or if it is of another hierarchy.
    ModelError, OptionError
        If a model cannot be used.
    """
    named = [_splitter(name) for name in names]
    if hierarchy is not None:
        tree = load(hierarchy)
        for name, splitter in zip(names, named, strict=True):
            if not any(splitter.parts(tree, node) for node in (MIXTURE, *tree.paths) if not tree.is_leaf(node)):
                raise SplitterError(
                    f"the splitter '{name}' can split nothing of the hierarchy '{tree.name}': leave one of them out"
                )
    return [*named, Trained(DEFAULT_MODEL), Spleeter()]


def _splitter(name: str) -> Splitter:
    if name == "spleeter":
        return Spleeter()
    package, _, model = name.partition(":")
    if package in PACKAGES:
        return Installed(load_package(package, model))
    if not os.path.exists(name):  # unlike pathlib's, it takes a name of any length
        names = ", ".join(("spleeter", *PACKAGES))
        raise SplitterError(f"there is no splitter '{name}': give {names}, or the folder of a trained model")
    return Trained(name)
