"""Separating one song from Python, in memory."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from stemtree.devices import AUTO
from stemtree.hierarchy import Hierarchy
from stemtree.separation.result import TreeResult
from stemtree.separation.separator import Progress, Separator
from stemtree.separation.splitters.registry import Splitters
from stemtree.separation.splitters.stem_map_files import StemMaps


def separate(
    song: Any,
    sample_rate: int | None = None,
    *,
    hierarchy: str | Path | Hierarchy | None = None,
    depth: int | None = None,
    nodes: Iterable[str] = (),
    splitters: Splitters | None = None,
    stem_maps: StemMaps = (),
    device: str | torch.device = AUTO,
    progress: Progress | None = None,
    stream: int | None = None,
    accept_truncated: bool = False,
) -> TreeResult:
    """Separate one song into a tree of stems; a `Separator` does so for many and keeps its weights.

    Parameters
    ----------
    song : path-like, binary file object, AudioSource, array_like or tuple
        A file; ``(channel, sample)`` or ``(sample,)`` samples in [-1, 1]; or samples and sample rate as
        `soundfile.read` returns them.
    sample_rate : int, optional
        Of an array, in Hz.
    hierarchy : str, path or Hierarchy, optional
        What to separate into: the name of one that comes with the package, a YAML file, or one made in Python. By
        default as deep as the splitters go: ``ms21_deep`` with those that come along.
    depth : int, optional
        Number of generations under the mixture.
    nodes : iterable of str
        Only separate these nodes, by any names that `stemtree.hierarchy.find_nodes` knows, such as ``drums``.
    splitters : str, path-like or Splitter, or several, optional
        What divides nodes, in order of precedence, such as ``demucs:htdemucs`` or the folder of a trained model, see
        `Separator`.
    stem_maps : StemMaps
        Files that say which nodes the stems of other separators are, see `Separator`.
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
        Every node with its audio, at the song's own rate, channels and length.

    Raises
    ------
    AudioError
        If the song cannot be read; TruncatedError, one of these, if it is cut off.
    HierarchyError
        If the hierarchy, or a node of it, does not exist.
    SplitterError
        If there is no such splitter, if a node has none, or if weights are missing.
    OptionError
        If an array comes without its sample rate, a file with one, or if options contradict each other.

    Warns
    -----
    AudioWarning
        If a file is cut off, or has other audio streams.

    Examples
    --------
    >>> result = stemtree.separate("song.mp3")
    >>> result["drums"].audio  # (channel, sample) float32
    >>> result.save("stems", format="flac")
    """
    separator = Separator(hierarchy, depth=depth, nodes=nodes, splitters=splitters, stem_maps=stem_maps, device=device)
    return separator.separate(song, sample_rate, progress, stream=stream, accept_truncated=accept_truncated)
