"""The four parts of a stem file, chosen from a tree of any shape."""

from __future__ import annotations

from collections.abc import Sequence

from stemtree.errors import OptionError
from stemtree.hierarchy import find_all
from stemtree.page.colours import families_of
from stemtree.page.tree import PageTree

MOST = 4

_ORDER = {"drums": 0, "bass": 1, "voice": 3}
"""As players expect them: drums, bass, everything else, vocals."""


def choose_parts(tree: PageTree, wanted: Sequence[str] = ()) -> tuple[int, ...]:
    """Choose at most four nodes that add up to the song.

    From the mixture down, the node with the most energy is divided into its children as long as no more than four
    nodes come out.

    Parameters
    ----------
    tree : PageTree
        The song.
    wanted : sequence of str
        The nodes, if they are chosen already, by any names that `stemtree.hierarchy.find_nodes` knows.

    Returns
    -------
    tuple of int
        Indices of nodes: drums, bass, all else, vocals.

    Raises
    ------
    HierarchyError
        If a node that is wanted does not exist.
    OptionError
        If the tree does not hold the whole song, or if the nodes that are wanted are more than four, or not the song.
    """
    if not tree.covers:
        raise OptionError(
            f"'{tree.folder}' holds only some of the song's nodes, and a stem file the whole song: separate all nodes"
        )
    chosen = _named(tree, wanted) if wanted else _divided(tree)
    families = families_of([node.path for node in tree.nodes])
    return tuple(sorted(chosen, key=lambda node: (_ORDER.get(families[tree.nodes[node].path].name, 2), node)))


def _named(tree: PageTree, wanted: Sequence[str]) -> list[int]:
    by_path = {node.path: index for index, node in enumerate(tree.nodes)}
    chosen = [by_path[path] for path in find_all(tree.hierarchy, wanted)]
    leaves = [leaf for node in chosen for leaf in tree.nodes[node].leaves]
    if len(chosen) > MOST:
        raise OptionError(f"a stem file holds four parts and not {len(chosen)}: leave some --part out")
    if sorted(leaves) != list(range(len(tree.leaves))):
        raise OptionError(f"the parts {', '.join(wanted)} do not add up to the song: give each leaf one part")
    return chosen


def _divided(tree: PageTree) -> list[int]:
    shares = {row["path"]: float(row.get("energy_share") or 0) for row in tree.manifest["nodes"]}
    chosen = [0]
    while True:
        fitting = [node for node in chosen if 0 < len(_parts_of(tree, node)) <= MOST + 1 - len(chosen)]
        if not fitting:
            return chosen
        loudest = max(fitting, key=lambda node: shares.get(tree.nodes[node].path, 1.0))
        place = chosen.index(loudest)
        chosen[place : place + 1] = _parts_of(tree, loudest)


def _parts_of(tree: PageTree, node: int) -> tuple[int, ...]:
    """The nodes that a node is divided into, past those that are an only child; none for a leaf."""
    children = tree.nodes[node].children
    return _parts_of(tree, children[0]) if len(children) == 1 else children
