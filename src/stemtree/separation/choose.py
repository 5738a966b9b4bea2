"""Splitters by the names that users give them."""

from collections.abc import Sequence
from pathlib import Path as FilePath

from stemtree.errors import SplitterError
from stemtree.separation.installed import Installed
from stemtree.separation.packages import PACKAGES, load_package
from stemtree.separation.spleeter import Spleeter
from stemtree.separation.splitter import Splitter
from stemtree.separation.trained import Trained


def splitters_of(names: Sequence[str]) -> list[Splitter]:
    """Make splitters; Spleeter's comes last where none of those named splits a song itself.

    Parameters
    ----------
    names : sequence of str
        ``spleeter``, a separator that is installed beside this package (``demucs``, ``openunmix``, ``unblend``; with
        ``:MODEL`` another than its default), or the folder of a trained model.

    Raises
    ------
    SplitterError
        If a name is none of these, or if a separator or its weights are not here.
    ModelError, OptionError
        If a model cannot be used.
    """
    splitters = [_splitter(name) for name in names]
    roots = [splitter.model.card.root if isinstance(splitter, Trained) else "" for splitter in splitters]
    return splitters if "" in roots else [*splitters, Spleeter()]


def _splitter(name: str) -> Splitter:
    if name == "spleeter":
        return Spleeter()
    package, _, model = name.partition(":")
    if package in PACKAGES:
        return Installed(load_package(package, model))
    if not FilePath(name).exists():
        names = ", ".join(("spleeter", *PACKAGES))
        raise SplitterError(f"there is no splitter '{name}': give {names}, or the folder of a trained model")
    return Trained(name)
