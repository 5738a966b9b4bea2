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
    stream: int | None = None,
    accept_truncated: bool = False,
) -> TreeResult:
    """Separate the instrument of an example, and every level above it, from one song; see `query_separator` for many.

    Parameters
    ----------
    song : path-like, binary file object, AudioSource, array_like or tuple
        A file; ``(channel, sample)`` or ``(sample,)`` samples in [-1, 1]; or samples and sample rate as
        `soundfile.read` returns them.
    sample_rate : int, optional
        Of an array, in Hz.
    like : path-like
        A recording of one instrument: the example.
    model : path-like
        The folder of a trained model that takes a query.
    level : int, optional
        Only this level of the path, 1 being the instrument itself; by default all levels and their residuals.
    progress : callable, optional
        Called after each block with the number of samples that are done, and of all samples where that is known.
    stream : int, optional
        Number of the audio stream in the file, counted from 0; by default the first.
    accept_truncated : bool
        Separate a file that is cut off as far as it goes.

    Returns
    -------
    TreeResult
        At the song's own rate, channels and length: ``level_3``, ``level_3/level_2`` and so on down to the instrument,
        and beside each node of the path its residual (``rest``), so that all nodes add up to the song.

    Raises
    ------
    AudioError
        If song or example cannot be read; TruncatedError, one of these, if the song is cut off.
    ModelError
        If the model cannot be read.
    OptionError
        If the model takes no query or has no such level, if the example is silent or too short, or if an array comes
        without its sample rate, or a file with one.

    Warns
    -----
    AudioWarning
        If a file is cut off, or has other audio streams.

    Examples
    --------
    >>> found = stemtree.query("song.wav", like="clarinet.wav", model="runs/qbe")
    >>> found["level_1"].audio  # (channel, sample) float32: the clarinet
    """
    separator = query_separator(model, like, level)
    return separator.separate(song, sample_rate, progress, stream=stream, accept_truncated=accept_truncated)


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
