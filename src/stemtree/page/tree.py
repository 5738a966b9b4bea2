"""The tree that a page shows: the nodes of ``tree.json``, and what they leave of a parent that they do not cover."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemtree.audio import LOSSY
from stemtree.errors import AudioError, OptionError
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, from_dict

MANIFEST = "tree.json"

REST = "everything else"
"""Name of the leaf that holds what a node has beyond the children that were asked for."""

_NO_MANIFEST = "'{}' is no manifest of stemtree separate: separate the song again"

_BITS = {"pcm16": 16, "pcm24": 24}


@dataclass(frozen=True, slots=True)
class PageNode:
    """One row of the page.

    Parameters
    ----------
    path : NodePath
        In the hierarchy; of a rest, its parent's path and `REST`.
    name : str
        What the row is called: the names from below its parent's row down to it.
    parent : int or None
        Index of the row above; None for the mixture.
    leaves : range
        The leaves that it is the sum of, as indices into `PageTree.leaves`.
    children : tuple of int
        Indices of the rows below; none for a leaf.
    """

    path: NodePath
    name: str
    parent: int | None
    leaves: range
    children: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Leaf:
    """What is played: one stem, or what is left of a stem when others are taken away.

    Parameters
    ----------
    node : int
        Index of its row.
    file : str or None
        Its stem, relative to the folder; None for the rest of the mixture, which is read from the song itself.
    less : tuple of str
        Stems that are taken away from it; empty for an ordinary leaf.
    """

    node: int
    file: str | None
    less: tuple[str, ...] = ()


@dataclass(frozen=True)
class PageTree:
    """A separated song as its folder describes it.

    Parameters
    ----------
    folder : pathlib.Path
        Where ``tree.json`` and the stems lie.
    manifest : dict
        What ``tree.json`` says.
    nodes : tuple of PageNode
        The mixture first, parents before their children.
    leaves : tuple of Leaf
        In the order of their rows.
    covers : bool
        Whether all leaves together are the mixture.
    """

    folder: Path
    manifest: Mapping[str, Any]
    nodes: tuple[PageNode, ...]
    leaves: tuple[Leaf, ...]
    covers: bool

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return int(self.manifest["sample_rate"])

    @property
    def channels(self) -> int:
        """1 or 2."""
        return int(self.manifest["channels"])

    @property
    def num_samples(self) -> int:
        """Length of every stem."""
        return int(self.manifest["samples"])

    @property
    def hierarchy(self) -> Hierarchy:
        """The nodes, what is left of them included."""
        names: dict[str, Any] = {}
        for node in self.nodes:
            below = names
            for name in filter(None, node.path.split("/")):
                below = below.setdefault(name, {})
        return from_dict(str(self.manifest["hierarchy"].get("name", "tree")), names)

    @property
    def title(self) -> str:
        """The song's name: its file without the ending."""
        return Path(str(self.manifest["input"]["file"])).stem or self.folder.name

    @property
    def bits(self) -> int | None:
        """Width of integer stems; None for floating-point and lossy ones."""
        return None if self.is_lossy else _BITS.get(str(self.manifest["format"]["subtype"]))

    @property
    def is_lossy(self) -> bool:
        """Whether the stems went through a lossy codec, and so add up only nearly."""
        return self.manifest["format"]["container"] in LOSSY

    @property
    def example(self) -> str | None:
        """Name of the recording that a path was asked for with; None for what was separated without one."""
        splitters = self.manifest.get("splitters")
        for splitter in splitters if isinstance(splitters, list) else ():
            like = splitter.get("like") if isinstance(splitter, dict) else None
            if isinstance(like, dict) and isinstance(like.get("file"), str):
                return str(like["file"])
        return None

    def row(self, path: NodePath) -> dict[str, Any] | None:
        """What ``tree.json`` says of a node; None for a rest."""
        return next((row for row in self.manifest["nodes"] if row["path"] == path), None)


def read_tree(folder: Path, mixture: bool = False) -> PageTree:
    """Read a separated song's folder.

    Parameters
    ----------
    folder : pathlib.Path
        The song's own.
    mixture : bool
        Whether the song itself is at hand, so that what the stems leave of it can be played too.

    Raises
    ------
    OptionError
        If there is no ``tree.json``, or if it is not one of this program's.
    AudioError
        If a stem that it lists is missing, or lies outside the folder.
    """
    manifest = _read_manifest(folder)
    try:
        tree = _build(folder, manifest, mixture)
        shape = (tree.sample_rate, tree.channels, tree.num_samples)
        assert isinstance(tree.title, str) and isinstance(manifest["format"]["container"], str)
        assert tree.bits is None or tree.bits > 0
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, AssertionError, RecursionError):
        raise OptionError(_NO_MANIFEST.format(folder / MANIFEST)) from None
    if not manifest["nodes"]:
        raise OptionError(
            f"'{folder}' holds no node that a page could show: separate the song without --without and --active-only"
        )
    if min(shape) < 1 or not tree.leaves:
        raise OptionError(f"'{folder / MANIFEST}' describes no audio: separate the song again")
    for row in manifest["nodes"]:
        check_inside(folder, str(row["file"]))
    for leaf in tree.leaves:
        for file in (leaf.file, *leaf.less):
            if file is not None:
                check_is_there(folder, file)
    return tree


def check_inside(folder: Path, file: str) -> None:
    """Raise AudioError if a stem that ``tree.json`` names lies outside the song's folder."""
    try:
        is_inside = (folder / file).resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError):  # a name that no file can have
        return
    if not is_inside:
        raise AudioError(f"'{folder / MANIFEST}' names a stem outside its folder ('{file}'): separate the song again")


def check_is_there(folder: Path, file: str) -> None:
    """Raise AudioError if a stem that ``tree.json`` names is missing."""
    try:
        is_there = (folder / file).is_file()
    except (OSError, ValueError):  # a name that no file can have
        is_there = False
    if not is_there:
        raise AudioError(f"the stem '{folder / file}' is missing: separate the song again, with --overwrite")


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except FileNotFoundError:
        songs = sorted(file.parent.name for file in folder.glob(f"*/{MANIFEST}")) if folder.is_dir() else []
        hint = f"; there is one in {', '.join(songs[:5])}" if songs else ""
        if not folder.is_dir():
            raise OptionError(f"there is no folder '{folder}': give one that stemtree separate wrote") from None
        raise OptionError(
            f"'{folder}' holds no {MANIFEST}: give a song's folder that stemtree separate wrote{hint}"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "not JSON"
        raise OptionError(f"cannot read '{folder / MANIFEST}' ({reason}): separate the song again") from None
    if not isinstance(manifest, dict):
        raise OptionError(_NO_MANIFEST.format(folder / MANIFEST))
    return manifest


def _build(folder: Path, manifest: dict[str, Any], mixture: bool) -> PageTree:
    files = {str(row["path"]): str(row["file"]) for row in manifest["nodes"]}
    hierarchy = manifest["hierarchy"]["tree"]
    below: dict[NodePath, list[NodePath]] = {path: [] for path in (MIXTURE, *files)}
    for path in files:
        below[_nearest(path, below)].append(path)
    nodes: list[PageNode | None] = []
    leaves: list[Leaf] = []

    def add(path: NodePath, parent: int | None, name: str) -> int:
        index, first = len(nodes), len(leaves)
        nodes.append(None)
        children: list[int] = []
        if path and not below[path]:
            leaves.append(Leaf(index, files[path]))
        for child in below[path]:
            children.append(add(child, index, child.removeprefix(f"{path}/" if path else "")))
        if below[path] and _uncovered(hierarchy, path, below[path]) and (path or mixture):
            nodes.append(PageNode(f"{path}/{REST}" if path else REST, REST, index, range(len(leaves), len(leaves) + 1)))
            leaves.append(Leaf(len(nodes) - 1, files.get(path), tuple(files[child] for child in below[path])))
            children.append(len(nodes) - 1)
        nodes[index] = PageNode(path, name, parent, range(first, len(leaves)), tuple(children))
        return index

    add(MIXTURE, None, "mixture")
    covers = mixture or not _uncovered(hierarchy, MIXTURE, below[MIXTURE])
    return PageTree(folder, manifest, tuple(node for node in nodes if node), tuple(leaves), covers)


def _nearest(path: NodePath, known: Mapping[NodePath, object]) -> NodePath:
    """The closest ancestor that has a row of its own."""
    names = path.split("/")
    return next(above for end in range(len(names) - 1, -1, -1) if (above := "/".join(names[:end])) in known)


def _uncovered(hierarchy: Mapping[str, Any], path: NodePath, children: list[NodePath]) -> bool:
    """Whether a node has leaves in the hierarchy that none of these children has."""
    node = hierarchy
    for name in path.split("/") if path else ():
        node = node[name]

    def bare(path: NodePath, node: Mapping[str, Any]) -> Iterator[NodePath]:
        if path in children:
            return
        if not node:
            yield path
        for name, child in node.items():
            yield from bare(f"{path}/{name}" if path else name, child)

    return any(True for _ in bare(path, node))
