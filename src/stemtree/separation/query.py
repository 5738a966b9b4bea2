"""Query by example: separating the instrument of a recording, and its families, from songs (poster)."""

import os
from typing import Any

import torch

from stemtree.audio import to_source
from stemtree.devices import AUTO
from stemtree.errors import OptionError
from stemtree.separation.preview import check_folder, query_model
from stemtree.separation.query_tree import QueryTree
from stemtree.separation.result import TreeResult
from stemtree.separation.separator import Progress, Separator
from stemtree.separation.splitters.example import Example, read_example
from stemtree.separation.splitters.query import QuerySplitter
from stemtree.separation.time_range import TimeRange, to_time_range


def query(
    song: Any,
    sample_rate: int | None = None,
    *,
    like: Any = None,
    stretch: str | tuple[float, float] | TimeRange | None = None,
    model: str | os.PathLike[str] | None = None,
    level: int | None = None,
    present_db: float | None = None,
    device: str | torch.device = AUTO,
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
    like : path-like, binary file object, AudioSource or tuple, optional
        A recording of one instrument: the example. By default the song itself, of which `stretch` is then taken. Or a
        folder of examples, one for each leaf, named after the leaves: then the result is their tree, see
        `stemtree.separation.query_tree.QueryTree`.
    stretch : str or (float, float), optional
        Which part of it is the example: ``"0:12-0:18"``, or seconds; by default all.
    model : path-like, optional
        The folder of a trained model that takes a query; by default the one that comes along.
    level : int, optional
        Only this level of the path, 1 being the instrument itself; by default all levels and their residuals.
    present_db : float, optional
        For a folder of examples: a leaf further below the song than this in every 12 s of it is left out. By default
        what the model's card says, or else -20.
    device : str or torch.device
        Where to compute, such as ``cuda``, see `Separator`; by default a GPU where torch has one.
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
        and beside each node of the path its residual (``rest``), so that all nodes add up to the song. For a folder
        the nodes have their names in the model's hierarchy.

    Raises
    ------
    AudioError
        If song or example cannot be read; TruncatedError, one of these, if the song is cut off.
    ModelError
        If the model cannot be read, or if none is given and none comes along.
    OptionError
        If nothing says what to look for, if the model takes no query or has no such level, if the example is silent or
        too short, or if an array comes without its sample rate, or a file with one; of a folder, if it holds two
        examples of one leaf or one of an instrument nobody knows, or if none of its instruments is heard.

    Warns
    -----
    AudioWarning
        If a file is cut off, or has other audio streams; of a folder, which instruments are left out.

    Examples
    --------
    >>> found = stemtree.query("song.wav", like="clarinet.wav")
    >>> found["level_1"].audio  # (channel, sample) float32: the clarinet
    >>> found = stemtree.query("song.wav", stretch="0:12-0:18")  # what plays alone there, in the whole song
    >>> tree = stemtree.query("song.wav", like="examples")  # examples/clarinet.wav, examples/bass.wav: their tree
    """
    check_example(like, stretch)
    if isinstance(like, str | os.PathLike) and os.path.isdir(like):
        check_folder(like, stretch, level)
        tree = QueryTree(query_model(model), like, present_db, device=device)
        return tree.separate(song, sample_rate, progress, stream=stream, accept_truncated=accept_truncated)
    if present_db is not None:
        raise OptionError("present_db says which instruments of a folder of examples are there: give one with like")
    source = to_source(song, sample_rate, stream=stream, accept_truncated=accept_truncated)
    stretch = None if stretch is None else to_time_range(stretch)
    separator = query_separator(model, read_example(source if like is None else like, stretch), level, device=device)
    return separator.separate(source, progress=progress)


def query_separator(
    model: str | os.PathLike[str] | None,
    like: str | os.PathLike[str] | Example,
    level: int | None = None,
    *,
    device: str | torch.device = AUTO,
    batch: int | None = None,
) -> Separator:
    """Make a separator of the instrument that an example is a recording of.

    Parameters
    ----------
    model : path-like or None
        A trained model that takes a query; None for the one that comes along.
    like : path-like or Example
        A recording of one instrument.
    level : int, optional
        Only this level of the path, 1 being the instrument itself; by default all levels and their residuals.
    device, batch
        See `Separator`.

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
    splitter = QuerySplitter(query_model(model), like if isinstance(like, Example) else read_example(like))
    tree, path = splitter.model.tree, splitter.model.card.nodes
    if level is None:
        return Separator(tree, splitters=[splitter], device=device, batch=batch)
    by_level = {tree.levels - node.count("/"): node for node in path}
    if level not in by_level:
        raise OptionError(f"the model '{query_model(model)}' has no level {level}: give one of {sorted(by_level)}")
    return Separator(tree, nodes=[by_level[level]], splitters=[splitter], device=device, batch=batch)


def check_example(like: object, stretch: object) -> None:
    """Raise OptionError unless something says what to look for."""
    if like is None and stretch is None:
        raise OptionError(
            "nothing says what to look for: give a recording of it (like), or a stretch of the song in which it plays "
            "alone (stretch)"
        )
