"""What the page needs to compare: the true sound beside the estimates, and how near each node comes to it."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from stemtree.audio import READ_SAMPLES, open_source
from stemtree.corpora.track import AudioFile
from stemtree.errors import AudioError, OptionError
from stemtree.metrics.si_sdr import si_sdr
from stemtree.page.dataset import Progress, script, write_dataset
from stemtree.page.old import SOURCES
from stemtree.page.stems import LeafReader, Steps, Width
from stemtree.page.tree import PageTree
from stemtree.page.true_stems import Reference
from stemtree.staging import staging

SCORED_SECONDS = 10.0
"""Length of the chunks that are measured."""

_WIDTH = Width(24, 4.0)


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
