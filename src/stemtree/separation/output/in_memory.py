"""Stems of a song that was separated in memory, on disk."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from stemtree.audio import OutputFormat, StemWriter
from stemtree.audio.samples import ExactSamples, Samples
from stemtree.errors import AudioError, OptionError
from stemtree.hierarchy import Hierarchy, NodePath
from stemtree.separation.output.integer_sums import NodeSums
from stemtree.separation.output.layout import Stem
from stemtree.separation.trunk import Trunk
from stemtree.staging import staging, write_failure

_STRETCH = 1 << 15
"""Samples to write at a time."""


def save_samples(
    folder: Path,
    tree: Hierarchy,
    files: Mapping[Stem, str],
    sample_rate: int,
    mixture: ExactSamples,
    rows: Mapping[NodePath, Samples],
    output: OutputFormat,
    overwrite: bool,
) -> list[Path]:
    """Write stems to files in a folder; see `TreeResult.save`.

    Parameters
    ----------
    folder : pathlib.Path
        Where they go.
    tree : Hierarchy
        What was separated.
    files : mapping of Stem to str
        The stems to write and their files, relative to the folder.
    sample_rate : int
        In Hz.
    mixture : ExactSamples
        ``(channel, sample)``.
    rows : mapping of NodePath to Samples
        ``(channel, sample)`` of each of `Trunk.rows`.
    output : OutputFormat
        Complete: see `OutputFormat.for_source`.
    overwrite : bool
        Replace files that are there.

    Raises
    ------
    OptionError
        If one of the files is there.
    AudioError
        If they cannot be written.
    """
    there = [folder / file for file in files.values() if (folder / file).exists()]
    if there and not overwrite:
        raise OptionError(f"'{there[0]}' is there already: give overwrite=True or another folder")
    try:
        with staging(folder) as staged:
            _write(staged, tree, files, sample_rate, mixture, rows, output)
            for file in files.values():
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                os.replace(staged / file, folder / file)
    except OSError as error:
        raise AudioError(write_failure(folder, error)) from None
    return [folder / file for file in files.values()]


def _write(
    folder: Path,
    tree: Hierarchy,
    files: Mapping[Stem, str],
    sample_rate: int,
    mixture: ExactSamples,
    rows: Mapping[NodePath, Samples],
    output: OutputFormat,
) -> None:
    trunk, sums = Trunk(tree), NodeSums(tree, output.bits)
    stacked = [rows[row] for row in trunk.rows]
    num_leaves = len(stacked) - len(trunk.continued)
    with ExitStack() as stack:
        writers: dict[Stem, StemWriter] = {}
        for stem, file in files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            writers[stem] = stack.enter_context(StemWriter(folder / file, output, sample_rate, len(mixture)))
        for start in range(0, mixture.shape[-1], _STRETCH):
            part = np.stack([row[:, start : start + _STRETCH] for row in stacked])
            whole = mixture[:, start : start + _STRETCH]
            samples = sums.sum_leaves(whole, part[:num_leaves], part[num_leaves:])
            for stem, writer in writers.items():
                writer.write(sums.of_stem(whole, samples, stem)[0])
