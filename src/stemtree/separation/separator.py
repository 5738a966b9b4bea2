"""Separating songs from Python: in memory, or to files."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stemtree.audio import AudioSource, OutputFormat, open_source, to_source
from stemtree.hierarchy import Hierarchy, NodePath, load
from stemtree.separation.output.stem_files import SavedSong, save_tree
from stemtree.separation.plan import Plan, make_plan, prune_to_served
from stemtree.separation.result import TreeResult
from stemtree.separation.splitters.base import Splitter
from stemtree.separation.splitters.registry import default_splitters
from stemtree.separation.walk import SeparatedBlock, walk

DEFAULT_HIERARCHY = "ms21"

Progress = Callable[[int, int | None], None]
"""Called after each block with the number of samples that are done, and of all samples where that is known."""


class Separator:
    """Separates songs into a tree of stems; keeps its weights loaded from song to song.

    Parameters
    ----------
    hierarchy : str, path or Hierarchy, optional
        What to separate into; there must be splitters for all of it, to `depth`. By default that of the first splitter
        that is made for one, or MS21, as deep as the splitters go.
    depth : int, optional
        Number of generations under the mixture.
    nodes : iterable of NodePath
        Only separate these nodes.
    splitters : sequence of Splitter, optional
        In order of precedence; by default `default_splitters`: Spleeter's two stems, and the default model for the
        accompaniment.

    Raises
    ------
    HierarchyError
        If the hierarchy, or a node of it, does not exist.
    SplitterError
        If a node has no splitter, or if weights are missing or not the published ones.
    """

    def __init__(
        self,
        hierarchy: str | Path | Hierarchy | None = None,
        *,
        depth: int | None = None,
        nodes: Iterable[NodePath] = (),
        splitters: Sequence[Splitter] | None = None,
    ) -> None:
        nodes = (nodes,) if isinstance(nodes, str) else tuple(nodes)
        splitters = default_splitters() if splitters is None else splitters
        tree = _default_hierarchy(splitters) if hierarchy is None else _load(hierarchy)
        if hierarchy is None and not nodes:  # all that is served
            served = prune_to_served(tree, splitters)
            nodes, depth = (served if depth is None else served.prune(depth)).paths, None
        self.plan: Plan = make_plan(tree, splitters, depth, nodes)
        self.provenance = [splitter.provenance() for splitter in self.plan.splitters]

    @property
    def tree(self) -> Hierarchy:
        """The tree that is separated; its leaves may be inner nodes of the hierarchy asked for."""
        return self.plan.tree

    def separate(self, song: Any, sample_rate: int | None = None, progress: Progress | None = None) -> TreeResult:
        """Separate one song in memory.

        Parameters
        ----------
        song : path-like, AudioSource or array_like
            A file, or ``(channel, sample)`` or ``(sample,)`` samples in [-1, 1].
        sample_rate : int, optional
            Of an array, in Hz.
        progress : callable, optional
            See `Progress`.

        Returns
        -------
        TreeResult
            Every node with its audio, at the song's own rate, channels and length.

        Raises
        ------
        AudioError
            If the song cannot be read.
        OptionError
            If an array comes without its sample rate, or a file with one.
        """
        source = to_source(song, sample_rate)
        blocks = list(self.stream(source, progress))
        mixture = np.concatenate([block.mixture for block in blocks], axis=-1)
        leaves = np.concatenate([block.leaves for block in blocks], axis=-1)
        return TreeResult(self.plan.tree, self.plan.wanted, source.sample_rate, mixture, leaves)

    def save(
        self,
        song: str | os.PathLike[str],
        folder: str | os.PathLike[str],
        output: OutputFormat = OutputFormat(),  # noqa: B008 - immutable
        *,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> SavedSong:
        """Separate one file into ``folder/<song>/<path>.<ext>`` and ``tree.json``, in bounded memory.

        Parameters
        ----------
        song, folder : path-like
            The file, and where the song's own folder goes.
        output : OutputFormat
            Format and width of the stems.
        overwrite : bool
            Replace stems that are there. Otherwise equal ones are kept and returned, and others are an error.
        progress : callable, optional
            See `Progress`.

        Raises
        ------
        AudioError
            If the song cannot be read or the stems cannot be written; then nothing is left behind.
        OptionError
            If other stems are there, or if the format cannot hold the song's sample rate.
        """
        source = open_source(song)
        blocks = self.stream(source, progress)
        return save_tree(blocks, self.plan, self.provenance, source, Path(folder), output, overwrite)

    def stream(self, source: AudioSource, progress: Progress | None = None) -> Iterator[SeparatedBlock]:
        """Separate a song block by block, in memory that does not depend on its length.

        Yields
        ------
        SeparatedBlock
            Consecutive samples of the mixture and of all leaves of `tree`.
        """
        done = 0
        for block in walk(self.plan, source):
            yield block
            done += block.mixture.shape[-1]
            if progress:
                progress(done, source.num_samples)
        if progress:
            progress(done, done)


def separate(
    song: Any,
    sample_rate: int | None = None,
    *,
    hierarchy: str | Path | Hierarchy | None = None,
    depth: int | None = None,
    nodes: Iterable[NodePath] = (),
    splitters: Sequence[Splitter] | None = None,
    progress: Progress | None = None,
) -> TreeResult:
    """Separate one song into a tree of stems; see `Separator` and `Separator.separate`."""
    return Separator(hierarchy, depth=depth, nodes=nodes, splitters=splitters).separate(song, sample_rate, progress)


def _default_hierarchy(splitters: Sequence[Splitter]) -> Hierarchy:
    """The hierarchy of the first splitter that is made for one, or MS21."""
    for splitter in splitters:
        if (hierarchy := splitter.hierarchy) is not None:
            return hierarchy
    return load(DEFAULT_HIERARCHY)


def _load(hierarchy: str | Path | Hierarchy) -> Hierarchy:
    return hierarchy if isinstance(hierarchy, Hierarchy) else load(hierarchy)
