"""What the page plays, as integers: the leaves' stems, read in blocks of one length and checked as they pass."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import soundfile
from numpy.typing import NDArray

from stemtree.audio import READ_SAMPLES, AudioSource, open_source
from stemtree.errors import AudioError, counted
from stemtree.page.tree import Leaf, PageTree

Steps: TypeAlias = "NDArray[np.int16] | NDArray[np.int32]"
"""``(sample, channel)``: whole steps of a leaf's width."""

_SLACK = 0.1
"""Seconds by which a lossy codec may lengthen or shorten a stem."""

_FAINT = -110.0
"""dBFS below which rounding to 24 bits changes how loud a stem is."""

_LEVEL_SLACK = 0.05
"""dB by which a stem's RMS may differ from what ``tree.json`` says, which is rounded to 0.01 dB."""


@dataclass(frozen=True, slots=True)
class Width:
    """What one step of a leaf's integers is worth.

    Parameters
    ----------
    bits : {16, 24}
        Of the integers.
    gain : float
        A power of two: the signal that full scale of the integers stands for.
    """

    bits: int
    gain: float = 1.0

    @property
    def step(self) -> float:
        """The signal that one step stands for."""
        return self.gain * 2.0 ** (1 - self.bits)

    def round(self, signal: NDArray[np.float64]) -> Steps:
        """Round a signal to the nearest steps; what lies beyond full scale is held there."""
        most = 2 ** (self.bits - 1)
        steps = np.clip(np.rint(signal * (1 / self.step)), -most, most - 1)
        return steps.astype(np.int16) if self.bits == 16 else steps.astype(np.int32)


def stem_width(tree: PageTree) -> Width:
    """Choose the integers that hold a tree's stems: exactly, where these are integers themselves.

    Floating-point stems get 24 bits, with a full scale beyond 1 where a stem goes there; lossy ones get 16.
    """
    if tree.bits:
        return Width(tree.bits)
    peaks = [row["peak_dbfs"] for row in tree.manifest["nodes"] if row.get("peak_dbfs") is not None]
    loudest = 10 ** (max(peaks, default=0.0) / 20) * 1.001  # rounded to 0.01 dB
    return Width(16 if tree.is_lossy else 24, 2.0 ** max(0, math.ceil(math.log2(loudest))))


def leaf_width(tree: PageTree, leaf: Leaf) -> Width:
    """As `stem_width`; what is left of a stem when others are taken away may be a few times as large as they."""
    width = stem_width(tree)
    return Width(24, 4 * width.gain) if leaf.less else width


def is_exact(tree: PageTree) -> bool:
    """Whether all leaves together are the song, sample by sample: what is left of 24 bits is rounded."""
    return tree.covers and (tree.bits == 16 or (tree.bits == 24 and not any(leaf.less for leaf in tree.leaves)))


class LeafReader:
    """All leaves of a tree side by side, block by block.

    Parameters
    ----------
    tree : PageTree
        What to read.
    mixture : pathlib.Path, optional
        The song itself, where a leaf is the rest of it.
    fresh : bool
        Whether the stems were written just now, and need not be compared with ``tree.json``.
    accept_truncated : bool
        Whether the song may be cut off.

    Attributes
    ----------
    widths : tuple of Width
        Of every leaf.
    checksums : dict
        CRC-32 of the samples of every stem that was read, once all blocks are.
    """

    def __init__(
        self, tree: PageTree, mixture: Path | None = None, fresh: bool = False, accept_truncated: bool = False
    ) -> None:
        self.tree, self.mixture, self._fresh, self._accept_truncated = tree, mixture, fresh, accept_truncated
        self.widths = tuple(leaf_width(tree, leaf) for leaf in tree.leaves)
        self.checksums: dict[str, int] = {}

    def blocks(self, size: int) -> Iterator[list[Steps]]:
        """Yield ``(sample, channel)`` integers of every leaf, `size` samples at a time; the last has what is left.

        Raises
        ------
        AudioError
            If a stem cannot be read, or is not the one that ``tree.json`` describes.
        """
        streams = [self._leaf(leaf, width, size) for leaf, width in zip(self.tree.leaves, self.widths, strict=True)]
        for _ in range(0, self.tree.num_samples, size):
            yield [next(stream) for stream in streams]
        for stream in streams:
            for _ in stream:  # only now do they check what they read
                pass

    def _leaf(self, leaf: Leaf, width: Width, size: int) -> Iterator[Steps]:
        if not leaf.less:
            assert leaf.file is not None
            yield from self._stem(leaf.file, size)
            return
        whole = self._stem(leaf.file, size) if leaf.file else self._song(size)
        parts = [self._stem(file, size) for file in leaf.less]
        for block in whole:
            rest = block.astype(np.float64)
            for part in parts:
                rest -= next(part)
            yield width.round(rest * stem_width(self.tree).step)

    def _song(self, size: int) -> Iterator[Steps]:
        assert self.mixture is not None, "a tree that was read without its mixture has no rest of it"
        return _rounded(self.tree, open_source(self.mixture, accept_truncated=self._accept_truncated), size)

    def _stem(self, file: str, size: int) -> Iterator[Steps]:
        checksum, energy = 0, 0.0
        for block in stem_blocks(self.tree, file, size):
            checksum = zlib.crc32(block.data, checksum)
            energy += 0.0 if self._fresh else _energy(block)
            yield block
        self.checksums[file] = checksum
        if not self._fresh:
            _check_level(self.tree, file, energy * stem_width(self.tree).step ** 2)


def stem_blocks(tree: PageTree, file: str, size: int) -> Iterator[Steps]:
    """Yield one stem of a tree in steps of `stem_width`, ``(sample, channel)``, `size` samples at a time.

    Raises
    ------
    AudioError
        If it cannot be read, or has another rate, number of channels or length than ``tree.json`` says.
    """
    source = open_source(tree.folder / file)
    slack = _SLACK * tree.sample_rate if tree.is_lossy else 0
    same_length = source.num_samples is None or abs(source.num_samples - tree.num_samples) <= slack
    if (source.sample_rate, source.channels) != (tree.sample_rate, tree.channels) or not same_length:
        raise AudioError(
            f"the stem '{tree.folder / file}' has changed since it was separated ({source.num_samples} samples, "
            f"{source.channels} channels, {source.sample_rate} Hz; tree.json says {tree.num_samples}, {tree.channels}, "
            f"{tree.sample_rate}): separate the song again, with --overwrite"
        )
    return _exact(tree, tree.folder / file, size) if tree.bits else _rounded(tree, source, size)


def stem_checksum(tree: PageTree, file: str) -> int:
    """CRC-32 of a stem's samples, as `LeafReader.checksums` has it."""
    checksum = 0
    for block in stem_blocks(tree, file, READ_SAMPLES):
        checksum = zlib.crc32(block.data, checksum)
    return checksum


def _exact(tree: PageTree, path: Path, size: int) -> Iterator[Steps]:
    """Integers as the file holds them."""
    try:
        with soundfile.SoundFile(path) as file:
            for start in range(0, tree.num_samples, size):
                count = min(size, tree.num_samples - start)
                block = file.read(count, dtype="int16" if tree.bits == 16 else "int32", always_2d=True)
                if len(block) < count:
                    raise AudioError(f"the stem '{path}' is cut off: separate the song again, with --overwrite")
                yield block if tree.bits == 16 else block >> 8
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"cannot read the stem '{path}' ({error.error_string}): separate the song again, with --overwrite"
        ) from None


def _rounded(tree: PageTree, source: AudioSource, size: int) -> Iterator[Steps]:
    """Anything else, rounded; what a codec added at the end is left out, and what it cut off there is silence."""
    width, left = stem_width(tree), tree.num_samples
    held, count = [np.zeros((0, tree.channels))], 0
    for block in source.blocks(READ_SAMPLES):
        held.append(block.T)
        count += block.shape[1]
        while left and count >= min(size, left):
            whole = np.concatenate(held)
            yield width.round(whole[: min(size, left)])
            held, count = [whole[min(size, left) :]], count - min(size, left)
            left -= min(size, left)
    if left - count > _SLACK * tree.sample_rate:
        missing = left - count
        raise AudioError(
            f"'{source.name}' is {counted(missing, 'sample')} too short: separate the song again, with --overwrite"
        )
    rest = np.concatenate([*held, np.zeros((max(0, left - count), tree.channels))])
    for start in range(0, left, size):
        yield width.round(rest[start : min(start + size, left)])


def _check_level(tree: PageTree, file: str, energy: float) -> None:
    """Compare with ``tree.json`` how loud a stem is, unless a lossy codec had a part in that."""
    row = next((row for row in tree.manifest["nodes"] if row["file"] == file), None)
    if row is None or tree.is_lossy or "rms_dbfs" not in row:
        return
    found = 10 * math.log10(energy / (tree.num_samples * tree.channels)) if energy else None
    said = row["rms_dbfs"]
    if not tree.bits:  # `found` is of rounded samples
        found, said = (_FAINT if level is None else max(_FAINT, level) for level in (found, said))
    if (said is None) != (found is None) or (found is not None and abs(found - float(said)) > _LEVEL_SLACK):
        raise AudioError(
            f"the stem '{tree.folder / file}' has changed since it was separated (its RMS is {_db(found)}, tree.json "
            f"says {_db(said)}): separate the song again, with --overwrite"
        )


def _db(level: float | None) -> str:
    return "silence" if level is None else f"{level:.2f} dBFS"


def _energy(block: Steps) -> float:
    """Sum of squares in steps, from sums over pieces that single precision holds well."""
    values = block.reshape(-1).astype(np.float32)
    return sum(float(np.dot(piece, piece)) for piece in np.array_split(values, (len(values) >> 16) + 1))
