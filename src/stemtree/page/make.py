"""Making the page: one folder beside ``tree.json`` that opens by double click."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from stemtree.errors import OptionError, suggest
from stemtree.hierarchy import REST as RESIDUAL
from stemtree.hierarchy import NodePath, own_name
from stemtree.page.colours import NEUTRAL, Family, families_of, presets_of
from stemtree.page.dataset import Codec, Progress, Written, script, write_dataset
from stemtree.page.old import PAGE, SOURCES
from stemtree.page.stems import LeafReader, is_exact, stem_checksum
from stemtree.page.tree import REST, PageNode, PageTree, read_tree
from stemtree.separation.output.manifest import ACTIVE
from stemtree.staging import staging

CODECS: tuple[Codec, ...] = ("flac", "opus")

_FORMAT = 2
"""Of the page's files; a page of another number is made anew."""

_BUNDLE = resources.files("stemtree.page") / "bundle"
_SHELL = ("index.html", "compare.html", "app.js", "app.css", "packet.js", "LICENSES.txt")


def make_page(
    folder: Path,
    mixture: Path | None = None,
    codec: str = "flac",
    *,
    page: Path | None = None,
    fresh: bool = False,
    accept_truncated: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Make the page of a separated song, in place of one that is there.

    Parameters
    ----------
    folder : pathlib.Path
        The song's own, with its ``tree.json``.
    mixture : pathlib.Path, optional
        The song itself. Where only some nodes were asked for, the rest of it can then be heard too.
    codec : {"flac", "opus"}
        What the page plays: exactly the stems, or a tenth of the size.
    page : pathlib.Path, optional
        Where it goes; by default the folder `PAGE` in `folder`.
    fresh : bool
        Whether the stems were written just now, and need not be compared with ``tree.json``.
    accept_truncated : bool
        Whether the song may be cut off.
    progress : callable, optional
        See `stemtree.page.dataset.Progress`.

    Returns
    -------
    pathlib.Path
        The page's ``index.html``.

    Raises
    ------
    OptionError
        If there is no ``tree.json``, a node is called `PAGE`, or the codec does not exist.
    AudioError
        If stems are missing, have changed since, or cannot be read, or if the page cannot be written.
    """
    plays = next((known for known in CODECS if known == codec), None)
    if plays is None:
        raise OptionError(f"a page cannot play '{codec}'{suggest(codec, CODECS)}")
    tree = read_tree(folder, mixture is not None)
    page = page or folder / PAGE
    check_free(tree, page)
    with staging(page) as partial:
        reader = LeafReader(tree, mixture, fresh, accept_truncated)
        written = write_dataset(partial / "data", reader, plays, progress)
        song = describe(tree, reader, written, codec)
        (partial / "data" / "song.js").write_text(script("song", song), encoding="ascii")
        (partial / SOURCES).write_text(json.dumps(_sources(tree, codec, reader.checksums)), encoding="ascii")
        copy_shell(partial)
        _replace(partial, page)
    return page / "index.html"


def find_page(folder: Path) -> Path | None:
    """The page of a song's folder, if there is one that was made from the stems that are there.

    Raises
    ------
    OptionError
        As `make_page`; also if a stem is not the one that the page was made from.
    """
    tree = read_tree(folder)
    try:
        sources = json.loads((folder / PAGE / SOURCES).read_text("ascii"))
        if sources["format"] != _FORMAT or not sources["nodes"] or not (folder / PAGE / "data" / "song.js").is_file():
            return None
        made_from: dict[str, dict[str, int]] = sources["stems"]
        for file, known in made_from.items():
            if not (folder / file).is_file():
                return None  # a page of other stems
            status = (folder / file).stat()
            if (status.st_size, status.st_mtime_ns) == (known["bytes"], known["mtime_ns"]):
                continue
            if stem_checksum(tree, file) != known["crc32"]:
                raise OptionError(
                    f"the stem '{folder / file}' has changed since its page was made: give --remake to make it anew"
                )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if sources["manifest"] != _identity(tree):
        return None
    return folder / PAGE / "index.html"


def check_free(tree: PageTree, page: Path) -> None:
    """Raise OptionError if something else stands where the page would."""
    if any(node.path.split("/")[0].casefold() == PAGE for node in tree.nodes):
        raise OptionError(f"a node of this tree is called '{PAGE}' as the page's folder would be: rename the node")
    if page.is_symlink() or (page.exists() and not (page / SOURCES).is_file()):
        raise OptionError(f"'{page}' is there and is no page of stemtree's: move it away")


def describe(tree: PageTree, reader: LeafReader, written: Written, codec: str) -> dict[str, Any]:
    """What the page is told of a song."""
    energies = written.energies
    whole = energies[0] if tree.covers and energies[0] else max(energies.max(), 1e-30)
    families = _families(tree)
    nodes = [
        _described_node(tree, node, float(energy), float(energy / whole), families)
        for node, energy in zip(tree.nodes, energies, strict=True)
    ]
    return {
        "format": _FORMAT,
        "title": tree.title,
        "input": str(tree.manifest["input"]["file"]),
        "hierarchy": str(tree.manifest["hierarchy"].get("name", "")),
        "channels": tree.channels,
        "rate": tree.sample_rate,
        "samples": tree.num_samples,
        "subtype": str(tree.manifest["format"]["subtype"] or tree.manifest["format"]["container"]),
        "bits": tree.bits if tree.bits else 16 if tree.is_lossy else 32,
        "exact": codec == "flac" and is_exact(tree),
        "covers": tree.covers,
        "notes": notes_of(tree, codec),
        "nodes": nodes,
        "leaves": [
            {"node": leaf.node, "bits": width.bits, "gain": width.gain}
            for leaf, width in zip(tree.leaves, reader.widths, strict=True)
        ],
        "presets": presets_of([node.path for node in tree.nodes]),
        **written.description,
    }


def _described_node(
    tree: PageTree, node: PageNode, energy: float, share: float, families: Mapping[NodePath, Family]
) -> dict[str, Any]:
    """What the page is told of a node, whose energy counts where the manifest has no row of it."""
    row = tree.row(node.path)
    if not node.path:
        row = tree.manifest.get("mixture", {}) | {"energy_share": 1.0, "active": True}
    if row is None:
        share = round(share, 6)
        rms = round(10 * math.log10(energy), 1) if energy > 0 else None  # of two thirds of the samples
        row = {"energy_share": share, "active": share >= ACTIVE, "rms_dbfs": rms, "peak_dbfs": None}
    family = NEUTRAL if node.name == REST or not node.path else families[node.path]
    return {
        "path": node.path,
        "name": node.name,
        "parent": node.parent,
        "children": list(node.children),
        "leaves": [node.leaves.start, node.leaves.stop],
        "level": row["level"] if isinstance(row.get("level"), int) else None,
        "share": _number(row.get("energy_share"), 0.0),
        "active": bool(row.get("active")),
        "rms": _number(row.get("rms_dbfs")),
        "peak": _number(row.get("peak_dbfs")),
        "family": family.name,
        "colour": [family.light, family.dark],
    }


def _families(tree: PageTree) -> dict[NodePath, Family]:
    """The family of every node; those of a query are named after levels, and are of the family of its example."""
    paths = [node.path for node in tree.nodes]
    if tree.example is None:
        return families_of(paths)
    is_of_song = tree.example == tree.manifest["input"]["file"]  # whose name says nothing of a stretch of it
    name = "" if is_of_song else Path(tree.example).stem
    asked = families_of([name])[name]
    return {path: NEUTRAL if own_name(path) == RESIDUAL else asked for path in paths}


def notes_of(tree: PageTree, codec: str) -> list[str]:
    """What a listener must know of how the leaves add up, a sentence each."""
    notes = [f"Asked for with {tree.example}."] if tree.example is not None else []
    if tree.is_lossy:
        notes.append(
            f"These stems are {str(tree.manifest['format']['container']).upper()}: they add up to the song only nearly."
        )
    elif not tree.bits:
        notes.append("These stems are floating-point numbers: the page rounds them to 24 bits.")
    elif tree.covers and not is_exact(tree):
        notes.append("What is left of a node is rounded to 22 bits.")
    if codec == "opus":
        notes.append("This page plays Opus, which loses a little: for the exact stems make it without --page opus.")
    if not tree.covers:
        notes.append("Only some of the song's nodes are here: together they are not the song.")
    return notes


def copy_shell(page: Path) -> None:
    """Copy the program of the page: what is the same for every song."""
    for name in _SHELL:
        file = _BUNDLE / name
        if not file.is_file():
            raise OptionError(f"the page's program '{name}' is missing from this installation: install stemtree again")
        (page / name).write_bytes(file.read_bytes())


def _sources(tree: PageTree, codec: str, checksums: dict[str, int]) -> dict[str, Any]:
    stems = {}
    for file, checksum in checksums.items():
        status = (tree.folder / file).stat()
        stems[file] = {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns, "crc32": checksum}
    return {"format": _FORMAT, "codec": codec, "nodes": len(tree.nodes), "manifest": _identity(tree), "stems": stems}


def _identity(tree: PageTree) -> list[Any]:
    """What a page depends on beyond the stems themselves."""
    wanted = [row["path"] for row in tree.manifest["nodes"]]
    return [tree.manifest["input"], wanted, tree.sample_rate, tree.num_samples]


def _replace(partial: Path, page: Path) -> None:
    """Put a finished page in its place; for a moment there is none."""
    if page.exists():
        old = page.with_name(f".{PAGE}.{os.getpid()}.old")
        page.rename(old)
        partial.rename(page)
        shutil.rmtree(old, ignore_errors=True)
    else:
        partial.rename(page)


def _number(value: object, otherwise: float | None = None) -> float | None:
    return float(value) if isinstance(value, int | float) else otherwise
