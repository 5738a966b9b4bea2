"""The immutable tree of nodes that a mixture is separated into."""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from stemtree.errors import HierarchyError, suggest
from stemtree.hierarchy.labels import index_labels, normal_form, singular
from stemtree.hierarchy.node import Node, check_names
from stemtree.hierarchy.paths import MIXTURE, NodePath, is_within, join
from stemtree.hierarchy.paths import depth as depth_of


@dataclass(frozen=True)
class Hierarchy:
    """A mixture as a tree of nodes, each the sum of its children (thesis, 4.4).

    Nodes are known by their paths, such as ``accompaniment/other/pianos``; the mixture is ``""``.
    All paths come in the order of the definition, parents before their children.

    Parameters
    ----------
    name : str
        The definition's name, such as ``ms21``.
    root : Node
        The mixture; its own name is not part of any path.
    description : str
        One line.
    aliases : tuple of (str, tuple of NodePath)
        Other names of nodes, and of several nodes together; see `stemtree.hierarchy.find_nodes`.
    continued : tuple of NodePath
        Leaves of the hierarchy that this one continues beneath them. When a song is separated their stems are what they
        are there, and their children share them out.

    Raises
    ------
    HierarchyError
        If there is no node under the mixture, if two siblings have the same name (ignoring case, as some file systems
        do), if a name cannot be a file name, or if two leaves claim the same label.
    """

    name: str
    root: Node
    description: str = field(default="", compare=False)
    aliases: tuple[tuple[str, tuple[NodePath, ...]], ...] = field(default=(), compare=False)
    continued: tuple[NodePath, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        if not self.root.children:
            raise HierarchyError(f"hierarchy '{self.name}' is empty: put at least one node under its tree")
        check_names(MIXTURE, self.root)
        self._labels  # noqa: B018 - checked now rather than at the first look-up

    @cached_property
    def _nodes(self) -> dict[NodePath, Node]:
        def walk(path: NodePath, node: Node) -> Iterator[tuple[NodePath, Node]]:
            yield path, node
            for child in node.children:
                yield from walk(join(path, child.name), child)

        return dict(walk(MIXTURE, self.root))

    @cached_property
    def _labels(self) -> dict[str, NodePath]:
        leaves = [(path, self._nodes[path]) for path in self.leaves()]
        claims = ((path, label) for path, leaf in leaves for label in leaf.labels)
        return dict(index_labels(claims, ((path, leaf.name) for path, leaf in leaves)))

    @property
    def paths(self) -> tuple[NodePath, ...]:
        """Every node under the mixture, parents before their children."""
        return tuple(self._nodes)[1:]

    @cached_property
    def by_last_name(self) -> Mapping[str, tuple[NodePath, ...]]:
        """The nodes that have a name, which is in the normal form and in the singular."""
        found: dict[str, list[NodePath]] = {}
        for path in self.paths:
            name = normal_form(unicodedata.normalize("NFC", self._nodes[path].name))
            found.setdefault(singular(name), []).append(path)
        return {name: tuple(paths) for name, paths in found.items()}

    @property
    def levels(self) -> int:
        """Number of levels under the mixture, which is also the number of the highest."""
        return self.root.level - 1

    def __contains__(self, path: object) -> bool:
        return path in self._nodes

    def node(self, path: NodePath) -> Node:
        """Look a node up by its path.

        Raises
        ------
        HierarchyError
            If there is none; the message names similar paths.
        """
        try:
            return self._nodes[path]
        except KeyError:
            hint = suggest(path, self.paths)
            raise HierarchyError(f"hierarchy '{self.name}' has no node '{path}'{hint}") from None

    def level(self, path: NodePath) -> int:
        """Count a node's level from the leaves (1); the mixture's is one above the highest."""
        return self.node(path).level

    def children(self, path: NodePath = MIXTURE) -> tuple[NodePath, ...]:
        """Paths one step below; none for a leaf."""
        return tuple(join(path, child.name) for child in self.node(path).children)

    def is_leaf(self, path: NodePath) -> bool:
        """Whether a node has no children."""
        return not self.node(path).children

    def ancestors(self, path: NodePath) -> tuple[NodePath, ...]:
        """Paths from the parent up to the mixture; none for the mixture."""
        self.node(path)
        names = path.split("/")
        return tuple("/".join(names[:end]) for end in range(len(names) - 1, -1, -1)) if path else ()

    def descendants(self, path: NodePath = MIXTURE) -> tuple[NodePath, ...]:
        """All paths below, parents before their children."""
        return tuple(below for child in self.children(path) for below in (child, *self.descendants(child)))

    def siblings(self, path: NodePath) -> tuple[NodePath, ...]:
        """The parent's other children."""
        return tuple(child for parent in self.ancestors(path)[:1] for child in self.children(parent) if child != path)

    def leaves(self, path: NodePath = MIXTURE) -> tuple[NodePath, ...]:
        """The leaves under a node; a leaf's only leaf is itself."""
        return tuple(below for below in (path, *self.descendants(path)) if self.is_leaf(below))

    def at_level(self, level: int) -> tuple[NodePath, ...]:
        """The nodes that make up the whole mixture at one level.

        In an unbalanced tree a leaf also stands for the levels above it that its branch lacks, so these nodes always
        add up to the mixture.

        Raises
        ------
        HierarchyError
            If the hierarchy has no such level.
        """
        if not 1 <= level <= self.levels:
            raise HierarchyError(f"hierarchy '{self.name}' has levels 1 to {self.levels}, not {level}")

        def topmost(path: NodePath) -> Iterator[NodePath]:
            for child in self.children(path):
                if self.level(child) <= level:
                    yield child
                else:
                    yield from topmost(child)

        return tuple(topmost(MIXTURE))

    def knows(self, label: str) -> bool:
        """Whether a leaf claims a label."""
        return normal_form(label) in self._labels

    def leaf(self, label: str, *others: str) -> NodePath:
        """Find the leaf that a corpus's label means, or else the first of other labels that is known.

        Parameters
        ----------
        label, others : str
            Case, and how words are joined, do not count.

        Raises
        ------
        HierarchyError
            If no leaf claims any of them; they are named, with the known ones nearest to the first.
        """
        labels = (label, *others)
        for name in labels:
            if (leaf := self._labels.get(normal_form(name))) is not None:
                return leaf
        named = " or ".join(f"'{name}'" for name in dict.fromkeys(labels))
        hint = suggest(normal_form(label), self._labels)
        raise HierarchyError(f"hierarchy '{self.name}' has no leaf for the label {named}{hint}")

    def subtree(self, path: NodePath) -> "Hierarchy":
        """The hierarchy under one node, which becomes the mixture."""
        if self.is_leaf(path):
            raise HierarchyError(f"'{path}' is a leaf of hierarchy '{self.name}': nothing lies below it")
        below = len(path) + 1
        aliases = tuple(
            (alias, tuple(node[below:] for node in nodes))
            for alias, nodes in self.aliases
            if all(is_within(node, path) and node != path for node in nodes)
        )
        continued = tuple(node[below:] for node in self.continued if is_within(node, path) and node != path)
        return replace(self, root=self.node(path), aliases=aliases, continued=continued)

    def prune(self, depth: int) -> "Hierarchy":
        """Keep `depth` generations under the mixture; new leaves take over the labels of their descendants."""
        if depth < 1:
            raise HierarchyError(f"a tree cannot be pruned to depth {depth}: keep at least 1")
        return self.cut(lambda path: depth_of(path) >= depth)

    def cut(self, becomes_leaf: Callable[[NodePath], bool]) -> "Hierarchy":
        """Turn every node for which `becomes_leaf` is true into a leaf with the labels of all its leaves."""
        labels_within: dict[NodePath, list[str]] = {}
        for label, leaf in self._labels.items():
            for path in (leaf, *self.ancestors(leaf)):
                labels_within.setdefault(path, []).append(label)

        def trim(path: NodePath, node: Node) -> Node:
            if not node.children:
                return node
            if path and becomes_leaf(path):
                return Node(node.name, labels=tuple(labels_within.get(path, ())))
            return Node(node.name, tuple(trim(join(path, child.name), child) for child in node.children))

        result = replace(self, root=trim(MIXTURE, self.root), aliases=(), continued=())
        kept = tuple(path for path in self.continued if path in result and not result.is_leaf(path))
        return replace(result, continued=kept).with_aliases(self.aliases)

    def continues(self, other: "Hierarchy") -> bool:
        """Whether it is another hierarchy that goes on beneath some of its leaves."""
        cut = self.cut(lambda path: path in self.continued)
        return bool(self.continued) and cut.as_dict() == other.as_dict()

    def continue_beneath(self, name: str, below: Mapping[NodePath, Node], description: str = "") -> "Hierarchy":
        """Give leaves children: a hierarchy that is this one but for what lies beneath them.

        Parameters
        ----------
        name, description : str
            Of the result.
        below : mapping of NodePath to Node
            For each leaf that is continued what stands in its place; its labels are those of its own leaves alone.

        Raises
        ------
        HierarchyError
            If a path is not a leaf, or if the result is not a hierarchy.
        """
        for path in below:
            if not self.is_leaf(path):
                raise HierarchyError(f"'{path}' is no leaf of hierarchy '{self.name}': only leaves can be continued")

        def grow(path: NodePath, node: Node) -> Node:
            if path in below:
                return below[path]
            return replace(node, children=tuple(grow(join(path, child.name), child) for child in node.children))

        return Hierarchy(name, grow(MIXTURE, self.root), description, continued=(*self.continued, *below))

    def with_labels(self, labels: Mapping[str, NodePath]) -> "Hierarchy":
        """Assign labels to leaves; a label that another leaf claims is taken from it.

        Raises
        ------
        HierarchyError
            If a path is not a leaf.
        """
        for label, path in labels.items():
            if path not in self:
                hint = suggest(path, self.leaves())
                raise HierarchyError(f"the label '{label}' means '{path}', which is no node{hint}")
            if not self.is_leaf(path):
                raise HierarchyError(f"the label '{label}' means '{path}', which is no leaf: give one of its leaves")
        taken = {normal_form(label) for label in labels}

        def relabel(path: NodePath, node: Node) -> Node:
            kept = tuple(label for label in node.labels if normal_form(label) not in taken)
            added = tuple(label for label, leaf in labels.items() if leaf == path)
            children = tuple(relabel(join(path, child.name), child) for child in node.children)
            return Node(node.name, children, kept + added)

        return replace(self, root=relabel(MIXTURE, self.root))

    def with_aliases(self, aliases: Iterable[tuple[str, tuple[NodePath, ...]]]) -> "Hierarchy":
        """Add those aliases whose nodes it has, and whose names no node bears."""
        known = {normal_form(node.name) for node in self._nodes.values()} | {
            normal_form(old) for old, _ in self.aliases
        }
        added = tuple(
            (alias, nodes)
            for alias, nodes in aliases
            if all(map(self.__contains__, nodes)) and normal_form(alias) not in known
        )
        return replace(self, aliases=(*self.aliases, *added))

    def as_dict(self) -> dict[str, object]:
        """Nested names, leaves as empty dicts, as in a manifest."""

        def names(node: Node) -> dict[str, object]:
            return {child.name: names(child) for child in node.children}

        return names(self.root)
