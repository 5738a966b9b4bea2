"""The true stems of a separated song: where they are, and what each leaf's true sound is made of."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stemtree.audio import is_audio_name
from stemtree.corpora.load import load_corpus
from stemtree.corpora.track import AudioFile
from stemtree.errors import HierarchyError, OptionError, suggest
from stemtree.folders import files_below
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, from_dict, known_nodes, load
from stemtree.page.tree import MANIFEST, REST, PageNode, PageTree, read_tree


@dataclass(frozen=True)
class Parts:
    """What a leaf's true sound is made of.

    Parameters
    ----------
    added, taken_away : tuple of AudioFile
        Files that are added up, and those that are taken away from their sum.
    """

    added: tuple[AudioFile, ...]
    taken_away: tuple[AudioFile, ...]


@dataclass(frozen=True)
class Reference:
    """The true stems of a separated song.

    Parameters
    ----------
    tree : PageTree
        The estimates'.
    files : dict
        For nodes of the hierarchy, the files that add up to their signal.
    """

    tree: PageTree
    files: Mapping[NodePath, tuple[AudioFile, ...]]

    def of_node(self, path: NodePath) -> tuple[AudioFile, ...] | None:
        """The files that add up to a node: its own, or those below it.

        None where only a node above it has any, and so nobody knows its part; nothing where it is silent.
        """
        if path in self.files:
            return self.files[path]
        if below := self.below(path):
            return below
        return None if any(path.startswith(f"{known}/") for known in self.files) else ()

    def below(self, path: NodePath) -> tuple[AudioFile, ...]:
        """The topmost files of nodes below a node."""
        below = [known for known in self.files if known.startswith(f"{path}/") or not path]
        topmost = [known for known in below if not any(known.startswith(f"{above}/") for above in below)]
        return tuple(file for known in topmost for file in self.files[known])

    def knows(self, node: PageNode) -> bool:
        """Whether the true sound of a row is known."""
        return node.name != REST and self.of_node(node.path) is not None

    def leaf_parts(self) -> list[Parts]:
        """What every leaf's true sound is made of, so that leaves add up to the nodes above them.

        What a node has beyond the files below it stands in the first leaf of which nobody knows its part.
        """
        parts, taken = list[Parts](), set[NodePath]()
        for leaf in self.tree.leaves:
            node = self.tree.nodes[leaf.node]
            files = self.of_node(node.path)
            if node.name == REST:
                parts.append(self._rest(node))
            elif files is not None:
                parts.append(Parts(files, ()))
            else:
                above = max((path for path in self.files if node.path.startswith(f"{path}/")), key=len)
                parts.append(Parts((), ()) if above in taken else Parts(self.files[above], self.below(above)))
                taken.add(above)
        return parts

    def _rest(self, node: PageNode) -> Parts:
        """What a node has beyond the rows below it; nothing where one of these stands for it, or of the mixture."""
        assert node.parent is not None
        parent = self.tree.nodes[node.parent]
        whole = self.of_node(parent.path) if parent.path else None
        rows = [self.of_node(self.tree.nodes[child].path) for child in parent.children]
        known = tuple(file for files in rows[:-1] for file in files or ())  # the last row is the rest itself
        if whole is None or (parent.path in self.files and None in rows[:-1]):
            return Parts((), ())
        return Parts(
            tuple(file for file in whole if file not in known), tuple(file for file in known if file not in whole)
        )


def read_reference(tree: PageTree, folder: Path, kind: str | None = None, track: str | None = None) -> Reference:
    """Find the true stems of a separated song.

    Parameters
    ----------
    tree : PageTree
        The estimates'.
    folder : pathlib.Path
        A folder of audio files named as the nodes or as what the hierarchy's labels call them, another separated song's
        folder, or with `kind` a corpus.
    kind : str, optional
        How a corpus is laid out; see `stemtree.corpora.registry.KINDS`.
    track : str, optional
        Which of its songs; may be left out where its name is that of the song that was separated.

    Raises
    ------
    OptionError
        If the folder has no stem that the tree has a node for, or the corpus no such song.
    """
    if kind is not None:
        return Reference(tree, _of_track(tree, folder, kind, track))
    if track is not None:
        raise OptionError(f"--track {track} names a song of a corpus: say with --kind how that is laid out")
    if not folder.is_dir():
        raise OptionError(f"there is no folder '{folder}' of true stems: check the path")
    files = _of_tree(folder) if (folder / MANIFEST).is_file() else _of_folder(tree, folder)
    known = {path: found for path, found in files.items() if _is_known(tree, path)}
    if not known:
        names = ", ".join(node.path for node in tree.nodes if node.path and node.name != REST)
        raise OptionError(f"'{folder}' holds no stem of this tree: name files after its nodes, which are {names}")
    return Reference(tree, known)


def _is_known(tree: PageTree, path: NodePath) -> bool:
    """Whether a node lies on, above or below a row of the tree."""
    rows = [node.path for node in tree.nodes if node.path and node.name != REST]
    return any(path == row or row.startswith(f"{path}/") or path.startswith(f"{row}/") for row in rows)


def _of_tree(folder: Path) -> dict[NodePath, tuple[AudioFile, ...]]:
    tree = read_tree(folder)
    return {str(row["path"]): (AudioFile(folder / str(row["file"])),) for row in tree.manifest["nodes"]}


def _of_folder(tree: PageTree, folder: Path) -> dict[NodePath, tuple[AudioFile, ...]]:
    """Files named by a node's path, its name where only one node has it, an alias of it, or a label of a leaf."""
    hierarchy = _hierarchy(tree)
    found: dict[NodePath, tuple[AudioFile, ...]] = {}
    for file in files_below(folder):
        if not is_audio_name(file) or not file.is_file():
            continue
        path = _node_named(hierarchy, file.relative_to(folder).with_suffix("").as_posix())
        if path:
            found[path] = (*found.get(path, ()), AudioFile(file))
    return found


def _node_named(hierarchy: Hierarchy, name: str) -> NodePath | None:
    last = name.rpartition("/")[2]
    for text in (name, last):
        with suppress(HierarchyError):  # several nodes have the name
            nodes = known_nodes(hierarchy, text, any_number=True)
            if nodes and len(nodes) == 1 and nodes != (MIXTURE,):
                return nodes[0]
    return hierarchy.leaf(last) if hierarchy.knows(last) else None


def _of_track(tree: PageTree, root: Path, kind: str, name: str | None) -> dict[NodePath, tuple[AudioFile, ...]]:
    corpus = load_corpus(root, kind, _hierarchy(tree), skip_bad=True)
    ids = [track.id for track in corpus.tracks]
    wanted = name or tree.title
    track = next((track for track in corpus.tracks if track.id == wanted), None)
    if track is None:
        asked = f"no song '{wanted}'" if name else f"no song called '{wanted}' as this one is: give --track"
        raise OptionError(f"the corpus '{root}' has {asked}{suggest(wanted, ids)}")
    found: dict[NodePath, tuple[AudioFile, ...]] = {}
    for stem in track.stems:
        found[stem.leaf] = (*found.get(stem.leaf, ()), stem.file)
    return found


def _hierarchy(tree: PageTree) -> Hierarchy:
    """The hierarchy by its name, with its labels, if it has what was separated; else the names of ``tree.json``."""
    recorded = tree.manifest["hierarchy"]
    plain = from_dict(str(recorded.get("name", "tree")), recorded["tree"])
    try:
        named = load(plain.name)
    except HierarchyError:
        return plain
    return named if all(path in named for path in plain.paths) else plain
