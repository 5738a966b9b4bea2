"""A separated song in memory."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from stemtree.audio import OutputFormat, Width
from stemtree.audio.loudness import RmsMeter
from stemtree.audio.samples import Samples
from stemtree.errors import HierarchyError, counted
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, find_nodes
from stemtree.separation.output.describe import branches, energy, loudness
from stemtree.separation.output.layout import StemLayout
from stemtree.separation.output.manifest import ACTIVE
from stemtree.separation.output.origin import Origin
from stemtree.separation.output.place import Place
from stemtree.separation.output.runs import stem_rows
from stemtree.separation.output.stem_files import save_tree
from stemtree.separation.trunk import Trunk
from stemtree.separation.walk import SeparatedBlock


class TreeNode:
    """One node of a separated song.

    Attributes
    ----------
    path, name : str
        Such as ``accompaniment/bass`` and ``bass``.
    level : int
        Counted from the leaves (1).
    children : tuple of TreeNode
        Empty for a leaf; they add up to this node.
    """

    def __init__(self, tree: Hierarchy, path: NodePath, rows: Mapping[NodePath, Samples]) -> None:
        self.path, self.name = path, tree.node(path).name
        self.level = tree.level(path)
        self.children = tuple(TreeNode(tree, child, rows) for child in tree.children(path))
        self._row = rows.get(path)

    @classmethod
    def sum_of(cls, name: str, children: Sequence["TreeNode"]) -> "TreeNode":
        """A node that is no node of the tree: the sum of some that are, such as all guitars.

        Parameters
        ----------
        name : str
            What it is called.
        children : sequence of TreeNode
            The nodes; none lies within another.
        """
        node = cls.__new__(cls)
        node.path, node.name, node.children = name, name, tuple(children)
        node.level, node._row = 1 + max(child.level for child in children), None
        return node

    @cached_property
    def audio(self) -> Samples:
        """``(channel, sample)`` float32; of an inner node the sum of its children's, if they do not share it out."""
        if self._row is not None:
            return self._row
        total: Samples = np.sum([child.audio for child in self.children], axis=0, dtype=np.float32)
        return total

    @property
    def rms_dbfs(self) -> float:
        """Root mean square over channels and samples in dBFS, to 0.01 dB; minus infinity for silence."""
        return round(self.meter.rms_dbfs, 2) + 0.0  # never -0.0

    @cached_property
    def meter(self) -> RmsMeter:
        """Energy, RMS and peak of `audio`."""
        meter = RmsMeter()
        meter.add(self.audio)
        return meter

    def __iter__(self) -> Iterator["TreeNode"]:
        """Yield the node and all nodes beneath it, parents first."""
        yield self
        for child in self.children:
            yield from child

    def __repr__(self) -> str:
        return f"<TreeNode '{self.path}', level {self.level}, {counted(len(self.children), 'child', 'children')}>"


class TreeResult:
    """A separated song: ``result["bass"].audio``, ``result.root.children``, ``for node in result``.

    Its representation is the tree with the loudness of every node, as the command line prints it.

    Attributes
    ----------
    hierarchy : Hierarchy
        The tree that was separated.
    sample_rate : int
        In Hz.
    root : TreeNode
        The mixture.
    nodes : tuple of TreeNode
        Those that were asked for.
    """

    def __init__(self, origin: Origin, samples: SeparatedBlock) -> None:
        self.hierarchy, self.sample_rate = origin.tree, origin.source.sample_rate
        self._origin, self._samples = origin, samples
        rows = dict(zip(Trunk(origin.tree).rows, (*samples.leaves, *samples.continued), strict=True))
        self.root = TreeNode(origin.tree, MIXTURE, rows)
        self.root.audio = samples.mixture.astype(np.float32)
        self._by_path = {node.path: node for node in self.root}
        self.nodes = tuple(self._by_path[path] for path in origin.wanted)

    def save(
        self,
        folder: str | os.PathLike[str],
        format: str = "wav",
        subtype: Width | None = None,
        *,
        leaves: bool = False,
        flat: bool = False,
        active_only: bool = False,
        without: str | Iterable[str] = (),
        overwrite: bool = False,
    ) -> list[Path]:
        """Write the nodes that were asked for to ``folder/<path>.<format>``, and ``folder/tree.json``.

        These are the files that ``stemtree separate`` writes, and `Separator.save`: the stems add up to the song, have
        its tags if it was a file that is still there, and lie beside those of the same song that are there already.

        Parameters
        ----------
        folder : path-like
            The song's own. Made where it is missing.
        format : {"wav", "flac", "ogg", "mp3", "m4a"}
            Of the files; lossy ones add up only approximately.
        subtype : {"pcm16", "pcm24", "float"}, optional
            Width of the samples; by default that of the song.
        leaves : bool
            Write only leaves: together they are the song, each sound once.
        flat : bool
            Write all into one folder by their own names, those that are sums of others into its folder ``sums``.
        active_only : bool
            Leave out nodes that are hardly there, more than 30 dB below the song.
        without : str or iterable of str
            Write the song without these nodes, as one file, instead of the nodes: ``without="vocals"`` for karaoke.
        overwrite : bool
            Replace the stems that are asked for where they are there. Otherwise missing ones are added.

        Returns
        -------
        list of pathlib.Path
            The files, in the order of `nodes`.

        Raises
        ------
        OptionError
            If there is no such format or width, if it cannot hold the song's sample rate, if stems are there that these
            cannot lie beside, or if options contradict each other.
        HierarchyError
            If there is no node of a name in `without`.
        AudioError
            If the files cannot be written; then none is left behind.

        See Also
        --------
        stemtree.Separator.save : separates a file to files in bounded memory.
        """
        layout = StemLayout(leaves, flat, active_only, (without,) if isinstance(without, str) else tuple(without))
        place = Place(Path(folder), Path(folder).name)
        saved = save_tree(
            lambda: (self._samples,), self._origin, place, OutputFormat(format, subtype), overwrite, layout
        )
        return [saved.folder / row["file"] for _, row in stem_rows(saved.manifest)]

    def _share(self, node: TreeNode) -> float:
        """A node's part of the song's energy."""
        whole = self.root.meter.energy
        return round(node.meter.energy / whole, 6) if whole else 0.0

    def keys(self) -> tuple[NodePath, ...]:
        """The paths of the nodes that were asked for."""
        return tuple(node.path for node in self.nodes)

    def __getitem__(self, name: str) -> TreeNode:
        """Look a node up by any name that `stemtree.hierarchy.find_nodes` knows.

        A name of several nodes, such as ``guitar``, gives a node that is their sum.

        Raises
        ------
        HierarchyError
            If there is none, or if the name may be several.
        """
        nodes = [self._by_path[path] for path in find_nodes(self.hierarchy, name)]
        return nodes[0] if len(nodes) == 1 else TreeNode.sum_of(name, nodes)

    def __contains__(self, name: object) -> bool:
        try:
            return isinstance(name, str) and bool(find_nodes(self.hierarchy, name))
        except HierarchyError:
            return False

    def __iter__(self) -> Iterator[TreeNode]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def __repr__(self) -> str:
        seconds = self.root.audio.shape[-1] / self.sample_rate
        rows = []
        for node in self.nodes:
            share = self._share(node)
            rows.append((node.path, f"{node.path}  {loudness(node.rms_dbfs)}  {energy(share, share >= ACTIVE)}"))
        return "\n".join([f"mixture  {loudness(self.root.rms_dbfs)}, {seconds:.1f} s", *branches(rows)])

    def _ipython_key_completions_(self) -> list[str]:
        """What a notebook completes after ``result["``: paths, names that only one node has, and aliases."""
        names = Counter(node.name for node in self.root)
        unique = [node.name for node in self.root if node.path and names[node.name] == 1]
        aliases = [alias for alias, _ in self.hierarchy.aliases]
        return list(dict.fromkeys((*self.hierarchy.paths, *unique, *aliases)))
