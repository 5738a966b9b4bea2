"""Query by example: separating the instrument of a recording, and its families, from songs (poster)."""

import os
from typing import Any

from stemtree.errors import OptionError
from stemtree.separation.result import TreeResult
from stemtree.separation.separator import Progress, Separator
from stemtree.separation.splitters.query import QuerySplitter


def query(
    song: Any,
    sample_rate: int | None = None,
    *,
    like: str | os.PathLike[str],
    model: str | os.PathLike[str],
    level: int | None = None,
    progress: Progress | None = None,
) -> TreeResult:
    """Separate the instrument of an example, and every level above it, from one song; see `query_separator` for many.

    Parameters
    ----------
    song, sample_rate, progress
        See `Separator.separate`.
    like, model, level
        See `query_separator`.

    Returns
    -------
    TreeResult
        At the song's own rate, channels and length: ``level_3``, ``level_3/level_2`` and so on down to the instrument,
        and beside each node of the path its residual (``rest``), so that all nodes add up to the song.

    Raises
    ------
    AudioError
        If song or example cannot be read.
    ModelError
        If the model cannot be read.
    OptionError
        If the model takes no query or has no such level, if the example is silent or too short, or if an array comes
        without its sample rate, or a file with one.
    """
    return query_separator(model, like, level).separate(song, sample_rate, progress)


def query_separator(model: str | os.PathLike[str], like: str | os.PathLike[str], level: int | None = None) -> Separator:
    """Make a separator of the instrument that an example is a recording of.

    Parameters
    ----------
    model : path-like
        A trained model that takes a query.
    like : path-like
        A recording of one instrument.
    level : int, optional
        Only this level of the path, 1 being the instrument itself; by default all levels and their residuals.

    Returns
    -------
    Separator
        Of nodes that are named after the levels of the path, ``level_3/level_2/level_1``.

    Raises
    ------
    ModelError, AudioError
        If model or example cannot be read.
    OptionError
        If the model takes no query or has no such level, or if the example is silent or too short.
    """
    splitter = QuerySplitter(model, like)
    tree, path = splitter.model.tree, splitter.model.card.nodes
    if level is None:
        return Separator(tree, splitters=[splitter])
    by_level = {tree.levels - node.count("/"): node for node in path}
    if level not in by_level:
        raise OptionError(f"the model '{model}' has no level {level}: give one of {sorted(by_level)}")
    return Separator(tree, nodes=[by_level[level]], splitters=[splitter])
