"""Which nodes of one hierarchy the nodes of another are: what is asked for as sums of what can be separated."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property

from stemtree.errors import HierarchyError
from stemtree.hierarchy.labels import normal_form
from stemtree.hierarchy.load import available, load
from stemtree.hierarchy.names import known_nodes
from stemtree.hierarchy.node import Node
from stemtree.hierarchy.paths import MIXTURE, REST, NodePath, depth, is_within, join, own_name
from stemtree.hierarchy.tree import Hierarchy

_CATCH_ALL = {"other", "others", "rest", "remainder", "residual", "everything else", "all else"}
"""Names of nodes that hold whatever their siblings do not, in normal form."""


@dataclass(frozen=True, slots=True)
class Match:
    """A hierarchy whose leaves are sums of another's leaves.

    Parameters
    ----------
    tree : Hierarchy
        The hierarchy asked for, as deep as its nodes can be told apart.
    parts : mapping of NodePath to tuple of NodePath
        For each leaf of `tree` the leaves of the other hierarchy whose sum it is. Each of these belongs to one leaf.
    notes : tuple of str
        A sentence on each way in which `tree` is not the hierarchy asked for.
    """

    tree: Hierarchy
    parts: Mapping[NodePath, tuple[NodePath, ...]]
    notes: tuple[str, ...] = ()


def match(asked: Hierarchy, served: Hierarchy, whole: Hierarchy) -> Match | None:
    """Find the nodes of `asked` among those of `served`.

    Each leaf of `whole` is looked for in `asked`: by path, name or alias, from either side; then by labels; then by the
    names of the nodes above it, of which it belongs to what no other leaf is found in, or to a node such as ``other``.
    What `served` does not tell apart then joins the nodes of `asked` that it was found in.

    Parameters
    ----------
    asked : Hierarchy
        The tree that is wanted.
    served : Hierarchy
        `whole`, cut below what can be separated.
    whole : Hierarchy
        The tree that separators were made for.

    Returns
    -------
    Match or None
        None if the two have nothing in common.

    Raises
    ------
    HierarchyError
        If nodes under the mixture cannot be told apart, or if one of them can be found nowhere; the message names them.
    """
    homes = _Homes(asked, whole).find()
    if not any(homes.values()):
        return None
    wider = _with_rests(asked, {path for home in homes.values() for path in home.leaves})
    found = {leaf: _place(wider, _together(homes, whole.leaves(leaf))) for leaf in served.leaves()}
    places = {leaf: place for leaf, place in found.items() if place is not None}
    joined = set(places.values())
    tree = wider.cut(lambda path: path in joined)
    notes = []
    while lonely := _half_empty(tree, places):
        notes += [f"'{above}' stays whole: no splitter at hand makes '{leaf}'" for leaf, above in lonely.items()]
        tree = tree.cut(set(lonely.values()).__contains__)
    parts: dict[NodePath, list[NodePath]] = {leaf: [] for leaf in tree.leaves()}
    for leaf, place in places.items():
        parts[_leaf_at(tree, place)].append(leaf)
    homeless = [leaf for leaf in served.leaves() if leaf not in places]
    return _finish(asked, whole, tree, parts, homeless, notes)


@dataclass
class _Homes:
    """Where each leaf of one hierarchy belongs in another."""

    asked: Hierarchy
    whole: Hierarchy
    claims: dict[NodePath, set[NodePath]] = field(default_factory=dict)

    def find(self) -> dict[NodePath, "_Home"]:
        """For each leaf of `whole` the leaves of `asked` that it is a part of, or that are parts of it."""
        for path in reversed(self.asked.paths):  # children before their parents
            for node in _known(self.whole, own_name(path)):
                claims = self.claims.setdefault(node, set())
                claimed = set(self.asked.leaves(path))
                if not claims & claimed:  # nodes beneath it that have such a name say it better
                    claims |= claimed
        named = {leaf: _Home(self._by_name(leaf), "name") for leaf in self.whole.leaves()}
        found = {leaf: home or _Home(self._by_label(leaf), "label") for leaf, home in named.items()}
        taken = frozenset(place for home in found.values() for place in home.leaves)
        return {leaf: home or _Home(self._by_ancestor(leaf, taken), "above") for leaf, home in found.items()}

    def _by_name(self, node: NodePath) -> frozenset[NodePath]:
        if node in self.asked:
            return frozenset(self.asked.leaves(node))
        if names := _known(replace(self.asked, aliases=()), own_name(node), any_number=False):
            return frozenset(self.asked.leaves(names[0]))
        named = (leaf for path in _known(self.asked, own_name(node)) for leaf in self.asked.leaves(path))
        return frozenset(named) | self.claims.get(node, set())

    def _by_label(self, leaf: NodePath) -> frozenset[NodePath]:
        known = {self.asked.leaf(label) for label in self.whole.node(leaf).labels if self.asked.knows(label)}
        if known:
            return frozenset(known)
        depths = {
            path: max((depth(node) for node in nodes if is_within(leaf, node)), default=0)
            for path, nodes in self.labelled.items()
        }
        deepest = max(depths.values())  # a label of the leaf counts for more than one of a node above it
        return frozenset(path for path, found in depths.items() if found and found == deepest)

    @cached_property
    def labelled(self) -> dict[NodePath, set[NodePath]]:
        """For each leaf of `asked` the nodes of `whole` that its name and labels mean."""
        texts = {leaf: (own_name(leaf), *self.asked.node(leaf).labels) for leaf in self.asked.leaves()}
        return {
            leaf: {node for text in of_leaf for node in _meant(self.whole, text)} for leaf, of_leaf in texts.items()
        }

    def _by_ancestor(self, leaf: NodePath, taken: frozenset[NodePath]) -> frozenset[NodePath]:
        above = self.whole.ancestors(leaf)[:-1]
        found = next(filter(None, map(self._by_name, above)), frozenset())
        among = found or frozenset(self.asked.leaves())
        catch_all = [path for path in among if normal_form(own_name(path)) in _CATCH_ALL]
        if len(catch_all) == 1:
            return frozenset(catch_all)
        left = found - taken
        if left or not found:
            return left
        common = _common(self.asked, found)
        return found if self.asked.is_leaf(common) else frozenset([join(common, REST)])


@dataclass(frozen=True)
class _Home:
    """Leaves of the hierarchy asked for, and by what they were found: ``name``, ``label``, or a name ``above``."""

    leaves: frozenset[NodePath]
    by: str

    def __bool__(self) -> bool:
        return bool(self.leaves)


def _together(homes: Mapping[NodePath, _Home], leaves: Iterable[NodePath]) -> frozenset[NodePath]:
    """The homes of leaves that are not told apart; where some go by labels, the others follow them."""
    found = [homes[leaf] for leaf in leaves]
    if {home.by for home in found} == {"label", "above"}:
        found = [home for home in found if home.by == "label"]
    return frozenset(leaf for home in found for leaf in home.leaves)


def _meant(whole: Hierarchy, label: str) -> tuple[NodePath, ...]:
    """The nodes that a label means: a leaf's own, a node's name, or by way of another hierarchy that has the label."""
    own = ((whole.leaf(label),) if whole.knows(label) else ()) + _known(whole, label)
    if own:
        return own
    for other in map(_definition, available()):
        if not other.knows(label):
            continue
        leaf = other.leaf(label)
        for node in (leaf, *_above(leaf)):
            alike = tuple(path for path in whole.leaves() if node in _known(other, own_name(path)))
            if nodes := alike or _known(whole, own_name(node)):
                return nodes
    return ()


@cache
def _definition(name: str) -> Hierarchy:
    return load(name)


def _known(hierarchy: Hierarchy, name: str, any_number: bool = True) -> tuple[NodePath, ...]:
    try:
        nodes = known_nodes(hierarchy, name, any_number) or ()
    except HierarchyError:  # several nodes have the name
        return ()
    return () if MIXTURE in nodes else nodes


def _place(asked: Hierarchy, homes: Iterable[NodePath]) -> NodePath | None:
    """The lowest node that holds all homes of what is not told apart; None if there are none."""
    leaves = sorted(homes)
    if not leaves:
        return None
    common = _common(asked, leaves)
    if common == MIXTURE:
        tops = list(dict.fromkeys(leaf.partition("/")[0] for leaf in leaves))
        raise HierarchyError(
            f"no splitter at hand tells '{tops[0]}' from '{tops[1]}' of hierarchy '{asked.name}': put both under one "
            "node, or give a splitter that is trained for them"
        )
    return common


def _common(tree: Hierarchy, leaves: Iterable[NodePath]) -> NodePath:
    """The lowest node that holds all of some leaves."""
    first, *others = leaves
    return next(node for node in (first, *tree.ancestors(first)) if all(is_within(leaf, node) for leaf in others))


def _with_rests(tree: Hierarchy, homes: set[NodePath]) -> Hierarchy:
    """The tree with a leaf for the rest of each node that one of the homes is the rest of."""

    def widen(path: NodePath, node: Node) -> Node:
        children = [widen(join(path, child.name), child) for child in node.children]
        if join(path, REST) in homes and join(path, REST) not in tree:
            children.append(Node(REST))
        return replace(node, children=tuple(children))

    return replace(tree, root=widen(MIXTURE, tree.root))


def _leaf_at(tree: Hierarchy, path: NodePath) -> NodePath:
    return next(node for node in (path, *_above(path)) if node in tree)


def _above(path: NodePath) -> list[NodePath]:
    names = path.split("/")
    return ["/".join(names[:end]) for end in range(len(names) - 1, 0, -1)]


def _half_empty(tree: Hierarchy, places: Mapping[NodePath, NodePath]) -> dict[NodePath, NodePath]:
    """Leaves of which nothing is known to be a part, with their parents; those under the mixture are left out."""
    filled = {_leaf_at(tree, place) for place in places.values()}
    return {leaf: tree.ancestors(leaf)[0] for leaf in tree.leaves() if leaf not in filled and "/" in leaf}


def _finish(
    asked: Hierarchy,
    whole: Hierarchy,
    tree: Hierarchy,
    parts: Mapping[NodePath, list[NodePath]],
    homeless: list[NodePath],
    notes: list[str],
) -> Match:
    """Take out the nodes under the mixture that nothing is a part of, add one for the rest, and say so."""
    for empty in [leaf for leaf, served in parts.items() if not served]:
        within = {leaf for label in _pieces(asked, empty) if whole.knows(label) for leaf in [whole.leaf(label)]}
        held = [
            leaf for leaf, served in parts.items() if any(is_within(one, node) for one in within for node in served)
        ]
        if not held:
            raise HierarchyError(
                f"no splitter at hand makes '{empty}' of hierarchy '{asked.name}': leave it out of the hierarchy, or "
                "give a splitter that is trained for it"
            )
        notes = [note for note in notes if not note.startswith(f"'{empty}' ")]
        notes.append(f"'{empty}' of hierarchy '{asked.name}' is not told apart: it is left in {', '.join(held)}")
    said = {leaf for leaf in parts for note in notes if note.startswith(f"'{leaf}'")}
    stay_whole = [
        leaf
        for leaf, served in parts.items()
        if served and leaf in asked and not asked.is_leaf(leaf) and leaf not in said
    ]
    if stay_whole:
        notes.append(f"no splitter at hand divides these nodes of '{asked.name}' further: {', '.join(stay_whole)}")
    children = [child for child in tree.root.children if parts.get(child.name) != []]
    filled = {leaf: tuple(served) for leaf, served in parts.items() if served}
    if homeless:
        children.append(Node(REST))
        filled[REST] = tuple(homeless)
    for rest in [leaf for leaf in filled if leaf not in asked]:
        names = ", ".join(map(own_name, filled[rest]))
        notes.append(f"'{rest}' holds what hierarchy '{asked.name}' has no node for: {names}")
    if tuple(children) != tree.root.children:
        tree = replace(tree, root=replace(tree.root, children=tuple(children)), aliases=()).with_aliases(tree.aliases)
    return Match(tree, {leaf: filled[leaf] for leaf in tree.leaves()}, tuple(notes))


def _pieces(hierarchy: Hierarchy, node: NodePath) -> list[str]:
    """The names and labels at and beneath a node, and what they list in commas or brackets."""
    paths = (node, *hierarchy.descendants(node))
    labels = [text for path in paths for text in (own_name(path), *hierarchy.node(path).labels)]
    return [piece for label in labels for piece in re.split(r"[,/();]|\betc\b", label) if normal_form(piece)]
