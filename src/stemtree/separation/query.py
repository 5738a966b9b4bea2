"""Query by example: the path of a hierarchy that a recording of an instrument points at (poster)."""

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
    """Separate from one song what an example is of, and every level above it; see `query_separator` for many songs.

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
        and beside each node of the path what is left there (``rest``), so that all add up to the song.

    Raises
    ------
    AudioError
        If song or example cannot be read.
    ModelError
        If the model cannot be.
    OptionError
        If the model takes no query or has no such level, if the example is silent or too short, or if an array comes
        without its sample rate, or a file with one.
    """
    return query_separator(model, like, level).separate(song, sample_rate, progress)


def query_separator(model: str | os.PathLike[str], like: str | os.PathLike[str], level: int | None = None) -> Separator:
    """Make a separator that finds in songs what an example is of.

    Parameters
    ----------
    model : path-like
        A trained model that takes a query.
    like : path-like
        A recording of one instrument.
    level : int, optional
        Only this level of the path, 1 being the instrument itself; unset, all of them, and what is left at each.

    Returns
    -------
    Separator
        Its nodes are named ``level_3/level_2/level_1``, after the levels of the path.

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
