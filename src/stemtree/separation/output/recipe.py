"""What determines the samples of each node, as checksums; which stems of several runs belong together."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from stemtree.hierarchy import MIXTURE, NodePath, join
from stemtree.separation.output.manifest import Manifest, without_names
from stemtree.separation.output.sums import SUM

Tree = Mapping[str, Any]
"""Nested names, leaves empty, as `Hierarchy.as_dict` gives them."""


def recipes(run: Manifest) -> dict[NodePath, str]:
    """A checksum for every node of a run: of the song, and of how each node above it was divided, and by whom.

    Siblings have the same one. Names of files are no part of it.

    Parameters
    ----------
    run : dict
        At least the entries of `stemtree.separation.output.manifest.describe_inputs`.
    """
    found: dict[NodePath, str] = {}

    def add(path: NodePath, tree: Tree, above: str) -> None:
        if not tree:
            return
        number = run["split_by"][path]
        splitter = None if number is None else without_names(run["splitters"][number])
        below = _checksum([above, path, list(tree), splitter])
        for name, node in tree.items():
            found[join(path, name)] = below
            add(join(path, name), node, below)

    add(MIXTURE, run["hierarchy"]["tree"], _checksum([run["stemtree"], without_names(run["input"])]))
    return found


def difference(run: Manifest, other: Manifest) -> str | None:
    """What keeps a run's stems from lying beside another's, to be said after "holds stems"; None if nothing does.

    They may lie together if they are of the same song, and if what both trees have was made in the same way.
    """
    if without_names(run["input"]) != without_names(other["input"]):
        one, two = (entry["input"].get("stream", 0) for entry in (run, other))
        return f"of audio stream {one}, not {two}" if one != two else "of another input"
    if run["stemtree"] != other["stemtree"]:
        return f"made by version {run['stemtree']}, not {other['stemtree']}"
    mine, theirs = recipes(run), recipes(other)
    if all(mine[path] == theirs[path] for path in mine.keys() & theirs.keys()):
        return None
    one_has, other_has = (
        [splitter for splitter in without_names(entry["splitters"]) if splitter["name"] != SUM]
        for entry in (run, other)
    )
    if one_has == other_has:
        return f"of the hierarchy '{run['hierarchy']['name']}', not '{other['hierarchy']['name']}'"
    used, using = (", ".join(str(splitter["name"]) for splitter in entry) for entry in (one_has, other_has))
    if used != using:
        return f"made by {used}, not by {using}"
    examples = [[splitter.get("like") for splitter in without_names(entry["splitters"])] for entry in (run, other)]
    return "made with another example" if examples[0] != examples[1] else f"made with other weights of {used}"


def is_one_tree(one: Tree, other: Tree) -> bool:
    """Whether every node that both trees divide has the same children in both."""
    if not one or not other:
        return True
    return list(one) == list(other) and all(is_one_tree(one[name], other[name]) for name in one)


def joined(one: Tree, other: Tree) -> Tree:
    """All nodes of two trees that are one, each as deep as either is."""
    return {name: joined(one[name], other[name]) for name in one} if one and other else one or other


def children_of(tree: Tree) -> dict[NodePath, tuple[NodePath, ...]]:
    """The children of every node, the mixture included, parents before their children."""

    def walk(path: NodePath, node: Tree) -> Iterator[tuple[NodePath, tuple[NodePath, ...]]]:
        yield path, tuple(join(path, name) for name in node)
        for name, below in node.items():
            yield from walk(join(path, name), below)

    return dict(walk(MIXTURE, tree))


def levels_of(tree: Tree) -> dict[NodePath, int]:
    """The level of every node, counted from the leaves (1)."""
    levels: dict[NodePath, int] = {}
    for path, children in reversed(children_of(tree).items()):
        levels[path] = 1 + max((levels[child] for child in children), default=0)
    return levels


def _checksum(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
