"""The true stems beside the estimates: what they are taken from, and how near each node comes to them."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from stemtree.audio import READ_SAMPLES, is_audio_name, open_source
from stemtree.corpora.load import load_corpus
from stemtree.corpora.track import AudioFile
from stemtree.errors import AudioError, HierarchyError, OptionError, suggest
from stemtree.folders import files_below
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, from_dict, known_nodes, load
from stemtree.metrics.si_sdr import si_sdr
from stemtree.page.dataset import Progress, script, write_dataset
from stemtree.page.old import SOURCES
from stemtree.page.stems import LeafReader, Steps, Width
from stemtree.page.tree import MANIFEST, REST, PageNode, PageTree, read_tree
from stemtree.staging import staging

SCORED_SECONDS = 10.0
"""Length of the chunks that are measured."""

_WIDTH = Width(24, 4.0)


@dataclass(frozen=True)
class Parts:
    """Files that are added up, and files that are taken away."""

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


def write_reference(reference: Reference, page: Path, progress: Progress | None = None) -> Path:
    """Write what the page needs to compare, as its folder ``reference``, and return the page ``compare.html``.

    Raises
    ------
    AudioError
        If a true stem cannot be read, or has another sample rate than the estimates.
    OptionError
        If the page shows the rest of a song that was separated in part, of which no true stem is known.
    """
    tree, folder = reference.tree, page / "reference"
    sources = json.loads((page / SOURCES).read_text("ascii"))
    if sources["nodes"] != len(tree.nodes):
        raise OptionError(
            f"'{page}' plays the rest of the song too, of which no true stem is known: give --remake to make it without"
        )
    codec = sources["codec"]  # chunks of both must be equally long
    identity = _identity(reference) | {"codec": codec}
    entry = page / "compare.html"
    if _same(folder / "sources.json", identity):
        return entry
    leaves = ReferenceReader(reference)
    with staging(folder) as partial:
        written = write_dataset(partial, leaves, codec, progress)
        scores = measure(tree, leaves)
        song = {
            "name": "reference",
            "known": [reference.knows(node) for node in tree.nodes],
            "leaves": [{"node": leaf.node, "bits": _WIDTH.bits, "gain": _WIDTH.gain} for leaf in tree.leaves],
            "scored": SCORED_SECONDS,
            "scores": scores,
            **written.description,
        }
        (partial / "song.js").write_text(script("reference", song), encoding="ascii")
        (partial / "sources.json").write_text(json.dumps(identity), encoding="utf-8")
        _replace(partial, folder)
    return entry


def measure(tree: PageTree, leaves: ReferenceReader) -> list[list[float | None]]:
    """SI-SDR of every node in every chunk of `SCORED_SECONDS`, in dB; None where it is not defined or not known.

    All channels count as one signal, as everywhere in `stemtree.metrics`.
    """
    size = round(SCORED_SECONDS * tree.sample_rate)
    estimates = LeafReader(tree, fresh=True)
    found: list[list[float | None]] = [[] for _ in tree.nodes]
    for block, true in zip(estimates.blocks(size), leaves.blocks(size), strict=True):
        for index, node in enumerate(tree.nodes):
            signals = [
                sum(part[leaf].astype(np.float32) * np.float32(widths[leaf].step) for leaf in node.leaves)
                for part, widths in ((block, estimates.widths), (true, leaves.widths))
            ]
            estimate, truth = (torch.from_numpy(np.ascontiguousarray(np.asarray(signal).T)) for signal in signals)
            value = float(si_sdr(estimate, truth)) if leaves.reference.knows(node) else math.nan
            found[index].append(round(value, 2) if math.isfinite(value) else None)
    return found


class ReferenceReader:
    """The true sound of every leaf of a tree, side by side; see `stemtree.page.dataset.Leaves`."""

    def __init__(self, reference: Reference) -> None:
        self.reference, self.tree = reference, reference.tree
        self.widths = (_WIDTH,) * len(self.tree.leaves)
        self._parts = reference.leaf_parts()
        _check_rates(self.tree, [file for parts in self._parts for file in (*parts.added, *parts.taken_away)])

    def blocks(self, size: int) -> Iterator[list[Steps]]:
        """See `stemtree.page.dataset.Leaves`; longer stems are cut off, shorter ones end in silence."""
        streams = [
            [
                (sign, _stream(self.tree, file, size))
                for sign, files in ((1, parts.added), (-1, parts.taken_away))
                for file in files
            ]
            for parts in self._parts
        ]
        for start in range(0, self.tree.num_samples, size):
            count = min(size, self.tree.num_samples - start)
            silent = np.zeros((count, self.tree.channels))
            yield [_WIDTH.round(sum((sign * next(stream) for sign, stream in leaf), silent)) for leaf in streams]


def _stream(tree: PageTree, file: AudioFile, size: int) -> Iterator[NDArray[np.float64]]:
    """``(sample, channel)`` of the tree's channels and length."""
    held, left = np.zeros((0, tree.channels)), tree.num_samples
    for block in open_source(file.path, file.stream).blocks(READ_SAMPLES):
        if block.shape[0] != tree.channels:
            block = np.broadcast_to(block.mean(axis=0), (tree.channels, block.shape[1]))
        held = np.concatenate([held, block.T])
        while left and len(held) >= min(size, left):
            count = min(size, left)
            yield held[:count]
            held, left = held[count:], left - count
    while left:
        count = min(size, left)
        padded = np.zeros((count, tree.channels))
        padded[: min(len(held), count)] = held[:count]
        yield padded
        held, left = held[count:], left - count


def _check_rates(tree: PageTree, files: list[AudioFile]) -> None:
    for file in files:
        rate = open_source(file.path, file.stream).sample_rate
        if rate != tree.sample_rate:
            raise AudioError(
                f"the true stem '{file}' has a sample rate of {rate} Hz and the estimates {tree.sample_rate} Hz: "
                "resample it"
            )


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


def _identity(reference: Reference) -> dict[str, Any]:
    stems = {
        path: [[str(file), os.stat(file.path).st_size, os.stat(file.path).st_mtime_ns] for file in files]
        for path, files in reference.files.items()
    }
    return {"stems": stems}


def _same(file: Path, identity: dict[str, Any]) -> bool:
    try:
        return bool(json.loads(file.read_text("utf-8")) == identity)
    except (OSError, ValueError):
        return False


def _replace(partial: Path, folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)
