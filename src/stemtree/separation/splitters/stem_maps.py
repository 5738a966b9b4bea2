"""Which nodes the stems of other separators are; `stem_map_files` reads such maps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from stemtree.errors import HierarchyError, SplitterError, suggest
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, Part, is_within, known_nodes, load, part_of
from stemtree.hierarchy.labels import normal_form

STEM_HIERARCHY = "ms21_deep"
"""What the nodes of the maps that come along are of."""

ANY = "*"
"""The line of a map for stems that have none of their own."""

PART_OF = "part of"
"""The key of a line whose stems are only a part of the nodes."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one or several stems are.

    Parameters
    ----------
    stems : tuple of str
        Their names in normal form; together they are the nodes.
    names : tuple of str
        Names of nodes; none for what no other stem is.
    shares : bool
        Whether they are only a part of the nodes, the rest of which is elsewhere.
    """

    stems: tuple[str, ...]
    names: tuple[str, ...]
    shares: bool = False


@dataclass(frozen=True, slots=True)
class StemParts:
    """What a separator makes of a hierarchy.

    Parameters
    ----------
    divided : NodePath
        The node that it hears.
    parts : tuple of Part
        What it is divided into.
    stems : tuple of tuple of int
        For each part the places of the stems whose sum it is; none for what all stems that are used leave.
    """

    divided: NodePath
    parts: tuple[Part, ...]
    stems: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class StemMap:
    """Which nodes a separator's stems are.

    Parameters
    ----------
    lines : tuple of Line
        Each stem has at most one.
    divides : str
        Name of the node that the separator hears; empty for the mixture.
    models : tuple of str
        Patterns of the models that it is for; none for a map of any model whose stems it knows.
    file : str
        Where it is from, for messages; empty for one that comes along.
    """

    lines: tuple[Line, ...]
    divides: str = ""
    models: tuple[str, ...] = ()
    file: str = ""

    @property
    def description(self) -> dict[str, object]:
        """What a map of a user's own says, for the manifest; empty for one that comes along."""
        if not self.file:
            return {}
        lines = {" + ".join(line.stems): [*line.names] + [PART_OF] * line.shares for line in self.lines}
        return {"divides": self.divides, "lines": lines}

    def line(self, stem: str) -> Line | None:
        """The line of a stem."""
        by_stem = {name: line for line in self.lines for name in line.stems}
        return by_stem.get(normal_form(stem), by_stem.get(ANY))

    def check(self, hierarchy: Hierarchy, stems: Sequence[str] | None = None) -> None:
        """Check a map of a user's own; see `stem_map_of`.

        Parameters
        ----------
        hierarchy : Hierarchy
            What is separated into.
        stems : sequence of str, optional
            Those of the separator, where they are known.

        Raises
        ------
        SplitterError
            If a line names a node that neither `hierarchy` nor the hierarchy of the maps that come along has, or a stem
            that the separator does not make; if a node is covered twice; or if one is not within what is divided.
        """
        known = {normal_form(stem) for stem in stems or ()}
        for name in [name for line in self.lines for name in line.stems if name != ANY]:
            if stems is not None and name not in known:
                raise SplitterError(
                    f"the stem map '{self.file}' has a line for '{name}', which is no stem of this separator: it makes "
                    f"{', '.join(stems)}"
                )
        reference = self._reference(hierarchy)
        if reference is None:
            raise SplitterError(f"the stem map '{self.file}' {self._unknown(hierarchy)}")
        self._leaves(reference, [line for line in self.lines if line.names])

    def parts(self, hierarchy: Hierarchy, stems: Sequence[str]) -> StemParts | None:
        """What a separator with these stems makes of a hierarchy.

        Returns
        -------
        StemParts or None
            None if the hierarchy does not have the nodes, or if fewer than two parts are told apart.

        Raises
        ------
        SplitterError
            If two of the stems are one node.
        """
        reference = self._reference(hierarchy)
        if reference is None:
            return None
        lines: dict[Line | None, list[int]] = {}
        for place, stem in enumerate(stems):
            if (line := self.line(stem)) is not None:
                lines.setdefault(line if line.names else None, []).append(place)
        held = self._leaves(reference, [line for line in lines if line])
        divided = self._divided(reference)
        claimed = {leaf for line, leaves in held.items() if not line.shares for leaf in leaves}
        left = [leaf for leaf in reference.leaves(divided) if leaf not in claimed]
        projected = _projection(reference, hierarchy)
        if projected is None or divided not in hierarchy:
            return None
        parts: list[Part] = []
        for line in lines if None in lines else [*lines, None]:
            leaves = left if line is None else held[line]
            parts.append(part_of(hierarchy, [leaf for one in leaves for leaf in projected[one]]))
        numbers = [tuple(places) for places in lines.values()] + ([] if None in lines else [()])
        found = [(part, places) for part, places in zip(parts, numbers, strict=True) if part]
        if len({part for part, _ in found}) < 2:
            return None
        return StemParts(divided, tuple(part for part, _ in found), tuple(places for _, places in found))

    def _reference(self, hierarchy: Hierarchy) -> Hierarchy | None:
        """The hierarchy whose nodes the names are: for a map of a user's own the one asked for, if it has them all."""
        shipped = load(STEM_HIERARCHY)
        candidates = [hierarchy, shipped] if self.file else [shipped]
        return next((tree for tree in candidates if all(_nodes(tree, name) for name in self._names)), None)

    @property
    def _names(self) -> list[str]:
        return [name for line in self.lines for name in line.names] + ([self.divides] if self.divides else [])

    def _unknown(self, hierarchy: Hierarchy) -> str:
        """What is wrong with the first name that is no node's."""
        known = (*hierarchy.paths, *(alias for alias, _ in hierarchy.aliases))
        named = [(f"sends '{line.stems[0]}' to", name) for line in self.lines for name in line.names]
        does, name = next(pair for pair in [*named, ("divides", self.divides)] if not _nodes(hierarchy, pair[1]))
        return f"{does} '{name}', which is no node of '{hierarchy.name}'{suggest(name, known)}"

    def _divided(self, tree: Hierarchy) -> NodePath:
        nodes = _nodes(tree, self.divides) if self.divides else (MIXTURE,)
        if len(nodes) > 1:
            raise SplitterError(
                f"the stem map '{self.file}' divides '{self.divides}', which is several nodes: name one"
            )
        return nodes[0]

    def _leaves(self, tree: Hierarchy, lines: Sequence[Line]) -> dict[Line, list[NodePath]]:
        """The leaves of each of some lines; raises SplitterError if one is covered twice or lies elsewhere."""
        divided, owners, held = self._divided(tree), dict[NodePath, Line](), dict[Line, list[NodePath]]()
        for line in lines:
            nodes = [node for name in line.names for node in _nodes(tree, name)]
            for node in nodes:
                if not is_within(node, divided):
                    raise SplitterError(f"{self._says(line)} '{node}', which is not within the '{divided}' it divides")
            held[line] = [leaf for node in nodes for leaf in tree.leaves(node)]
            for leaf in () if line.shares else held[line]:
                other = owners.setdefault(leaf, line)
                if other is not line or held[line].count(leaf) > 1:
                    raise SplitterError(self._twice(leaf, other, line))
        return held

    def _says(self, line: Line) -> str:
        return f"the stem map '{self.file}' sends '{' + '.join(line.stems)}' to"

    def _twice(self, leaf: NodePath, one: Line, other: Line) -> str:
        whose = f"the stem map '{self.file}' covers" if self.file else "the separator's stems cover"
        by = " and ".join(f"'{' + '.join(line.stems)}'" for line in dict.fromkeys((one, other)))
        remedy = "leave one of them out, or write 'a + b: NODE' or 'a: {part of: NODE}'"
        return f"{whose} '{leaf}' twice, with {by}: {remedy}{'' if self.file else ' in a stem map of your own'}"


def _nodes(tree: Hierarchy, name: str) -> tuple[NodePath, ...]:
    """The nodes of a name; none if it is no node's, or several nodes' by chance."""
    try:
        nodes = known_nodes(tree, name, any_number=True) or ()
    except HierarchyError:
        return ()
    return () if MIXTURE in nodes else nodes


def _projection(tree: Hierarchy, other: Hierarchy) -> Mapping[NodePath, tuple[NodePath, ...]] | None:
    """For each leaf of one tree the leaves of another that it is, or is in; None if they are not the same tree."""

    def lines() -> Iterator[tuple[NodePath, NodePath]]:
        for leaf in tree.leaves():
            yield leaf, next((node for node in (leaf, *tree.ancestors(leaf)) if node in other and node), MIXTURE)

    found = {leaf: other.leaves(node) if node == leaf else (node,) for leaf, node in lines()}
    flat = {leaf for leaves in found.values() for leaf in leaves}
    return found if flat == set(other.leaves()) else None
