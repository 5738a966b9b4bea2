"""Names that people give to nodes: parts of paths, and the aliases of a hierarchy."""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from stemtree.errors import HierarchyError, suggest
from stemtree.hierarchy.labels import normal_form, singular
from stemtree.hierarchy.paths import MIXTURE, NodePath, is_within, own_name
from stemtree.hierarchy.paths import depth as depth_of
from stemtree.hierarchy.tree import Hierarchy

_Same = Callable[[str, str], bool]
"""Whether a name, in its normal form, means a node's name."""


def find_nodes(hierarchy: Hierarchy, name: str, depth: int | None = None) -> tuple[NodePath, ...]:
    """Find the nodes that a user means by a name; the one look-up of all commands.

    Letter case does not count, and spaces, hyphens and underscores are equal. The first of these that fits decides:

    1. the path, such as ``accompaniment/other/pianos``;
    2. its last name, with or without some of those above it: ``pianos``, ``other/pianos``;
    3. an alias of the hierarchy, which may mean several nodes: ``guitar``;
    4. the name in the singular or plural: ``piano``;
    5. the beginnings of words in it: ``fx``, ``other/key``.

    Where several nodes fit, the one that holds all the others is meant.

    Parameters
    ----------
    hierarchy : Hierarchy
        Where to look.
    name : str
        What the user wrote; ``mixture`` is the root.
    depth : int, optional
        Look in so many generations under the mixture only (`Hierarchy.prune`).

    Returns
    -------
    tuple of NodePath
        One node; several where the name is an alias of several.

    Raises
    ------
    HierarchyError
        If no node fits, or several do; the message names those that come near. If what fits lies too deep; the
        message says so.
    """
    if not isinstance(name, str):
        raise HierarchyError(f"hierarchy '{hierarchy.name}' has no node {name!r}: give a name")
    if depth is not None:
        return _find_above(hierarchy, name, depth)
    if (known := known_nodes(hierarchy, name, any_number=True)) is not None:
        return known
    wanted = _names(name)
    if not "".join(wanted):
        raise HierarchyError(f"hierarchy '{hierarchy.name}' has no node without a name: give one of its nodes")
    if fitting := [path for path in hierarchy.paths if _fits(path, wanted, _begins)]:
        return (_only(hierarchy, name, fitting),)
    raise HierarchyError(f"hierarchy '{hierarchy.name}' has no node '{name}'{_hint(hierarchy, name)}")


def find_node(hierarchy: Hierarchy, name: str, depth: int | None = None) -> NodePath:
    """Find the one node that a user means by a name; see `find_nodes`.

    Raises
    ------
    HierarchyError
        If no node fits within the depth, or several do.
    """
    found = find_nodes(hierarchy, name, depth)
    if len(found) > 1:
        raise HierarchyError(
            f"'{name}' means {_listed(found, 'and')} in hierarchy '{hierarchy.name}', and one node is wanted: name it"
        )
    return found[0]


def find_all(hierarchy: Hierarchy, names: Iterable[str], depth: int | None = None) -> tuple[NodePath, ...]:
    """Find the nodes that a user means by several names, each once, in the order of the names; see `find_nodes`."""
    return tuple(dict.fromkeys(path for name in names for path in find_nodes(hierarchy, name, depth)))


def known_nodes(hierarchy: Hierarchy, name: str, any_number: bool = False) -> tuple[NodePath, ...] | None:
    """The nodes with exactly this path, name or alias (1 to 3 of `find_nodes`); None if there are none.

    Parameters
    ----------
    hierarchy, name
        See `find_nodes`.
    any_number : bool
        Also in the singular or plural (4).

    Raises
    ------
    HierarchyError
        If several nodes have the name.
    """
    if name in hierarchy:
        return (name,)
    wanted = _names(name)
    alike = hierarchy.by_last_name.get(singular(wanted[-1]), ())
    whole = [path for path in alike if _names(path) == wanted]
    for same in (str.__eq__, _same_number) if any_number else (str.__eq__,):
        if named := whole or [path for path in alike if _fits(path, wanted, same)]:
            return (_only(hierarchy, name, named),)
        for alias, paths in hierarchy.aliases:
            above = wanted[:-1]
            if same(wanted[-1], normal_form(alias)) and all(_runs_through(_names(path)[:-1], above) for path in paths):
                return paths
    return (MIXTURE,) if wanted == ("mixture",) else None


def _find_above(hierarchy: Hierarchy, name: str, depth: int) -> tuple[NodePath, ...]:
    """The nodes of a name in the highest generations of a tree."""
    try:
        return find_nodes(hierarchy.prune(depth), name)
    except HierarchyError as failure:
        try:
            deeper = find_nodes(hierarchy, name)
        except HierarchyError:  # a name that is none at any depth
            raise failure from None
        if (needed := max(map(depth_of, deeper))) <= depth:
            raise
    meant = "" if deeper == (name,) else f" ({_listed(deeper, 'and')})"
    raise HierarchyError(
        f"'{name}'{meant} lies {needed} generations under the song in hierarchy "
        f"'{hierarchy.name}', and the depth is {depth}: give a depth of {needed}, or none"
    )


@lru_cache(maxsize=4096)
def _names(path: str) -> tuple[str, ...]:
    """The names of a path in their normal forms."""
    return tuple(normal_form(name) for name in unicodedata.normalize("NFC", path).strip("/").split("/"))


def _fits(path: NodePath, wanted: Sequence[str], same: _Same) -> bool:
    """Whether a node has the last of some names, and the nodes above it the others, in this order."""
    *above, last = _names(path)
    return same(wanted[-1], last) and _runs_through(above, wanted[:-1], same)


def _runs_through(names: Iterable[str], wanted: Iterable[str], same: _Same = str.__eq__) -> bool:
    left = iter(names)
    return all(any(same(one, name) for name in left) for one in wanted)


def _same_number(wanted: str, name: str) -> bool:
    """Whether two names differ at most in the plural's s at the ends of their words."""
    return singular(wanted) == singular(name)


def _begins(wanted: str, name: str) -> bool:
    """Whether the words of a name begin, from one of them on, as those that are wanted."""
    words, starts = name.split(), wanted.split()
    places = range(len(words) - len(starts) + 1)
    return bool(starts) and any(
        all(map(str.startswith, words[place : place + len(starts)], starts)) for place in places
    )


def _only(hierarchy: Hierarchy, name: str, fitting: Sequence[NodePath]) -> NodePath:
    """The one of some nodes that holds all the others."""
    for path in fitting:
        if all(is_within(other, path) for other in fitting):
            return path
    listed = _listed([f"'{path}'" for path in fitting], "or")
    raise HierarchyError(f"'{name}' may be {listed} in hierarchy '{hierarchy.name}': give more of the path")


def _hint(hierarchy: Hierarchy, name: str) -> str:
    """What an unknown name may mean: a leaf's label, or a name or alias that is written like it."""
    for label in (name, own_name(name)):
        if hierarchy.knows(label):
            return f"; it is a part of '{hierarchy.leaf(label)}': name that"
    near = suggest(name, (*hierarchy.paths, *(alias for alias, _ in hierarchy.aliases)))
    return near or f"; name one of {', '.join(hierarchy.children())}, or what is beneath them"


def _listed(paths: Sequence[str], word: str) -> str:
    if len(paths) > 6:
        return f"{', '.join(paths[:5])} {word} {len(paths) - 5} more"
    return f"{', '.join(paths[:-1])} {word} {paths[-1]}" if len(paths) > 1 else paths[0]
