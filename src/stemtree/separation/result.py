"""A separated song in memory."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np

from stemtree.audio.loudness import RmsMeter
from stemtree.audio.samples import ExactSamples, Samples
from stemtree.errors import HierarchyError
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, find_nodes


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
        """A node that is no node of the tree: the sum of some that are, such as all guitars."""
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
        meter = RmsMeter()
        meter.add(self.audio)
        return round(meter.rms_dbfs, 2) + 0.0  # never -0.0

    def __iter__(self) -> Iterator["TreeNode"]:
        """Yield the node and all nodes beneath it, parents first."""
        yield self
        for child in self.children:
            yield from child

    def __repr__(self) -> str:
        return f"<TreeNode '{self.path}', level {self.level}, {len(self.children)} children>"


class TreeResult:
    """A separated song: ``result["bass"].audio``, ``result.root.children``, ``for node in result``.

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

    def __init__(
        self,
        tree: Hierarchy,
        wanted: tuple[NodePath, ...],
        sample_rate: int,
        mixture: ExactSamples,
        rows: Mapping[NodePath, Samples],
    ) -> None:
        self.hierarchy, self.sample_rate = tree, sample_rate
        self.root = TreeNode(tree, MIXTURE, rows)
        self.root.audio = mixture.astype(np.float32)
        self._by_path = {node.path: node for node in self.root}
        self.nodes = tuple(self._by_path[path] for path in wanted)

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
