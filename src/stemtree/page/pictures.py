"""What the page draws of a block of audio: peaks, levels and spectrograms of all nodes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemtree.page.stems import Steps, Width
from stemtree.page.tree import PageTree

PEAKS_A_COLUMN = 10

BANDS = 96
"""Rows of a spectrogram, evenly spaced on the mel scale up to `_HIGHEST` or half the sample rate."""

_HIGHEST = 20000.0

FLOOR_DB = -96.0
"""What the smallest byte stands for; the largest is 0 dB."""

_EVERY = 8
"""Every so many columns are heard for loudness, in both channels."""


@dataclass(frozen=True)
class Grid:
    """How time is divided for drawing.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    """

    sample_rate: int

    @property
    def peak(self) -> int:
        """Samples to a peak: a hundredth of a second."""
        return max(1, round(self.sample_rate / 100))

    @property
    def column(self) -> int:
        """Samples to a column of a spectrogram and a level: a tenth of a second."""
        return PEAKS_A_COLUMN * self.peak

    @property
    def window(self) -> int:
        """Samples that a column looks at, from its start: the greatest power of two that is at most 0.7 of it."""
        return int(2 ** math.floor(math.log2(self.column * 0.7)))

    @cached_property
    def edges(self) -> NDArray[np.int64]:
        """First bins of the bands, and the end of the last."""
        highest = min(_HIGHEST, self.sample_rate / 2)
        mel = np.linspace(0, 2595 * np.log10(1 + highest / 700), BANDS + 1)
        return np.rint(700 * (10 ** (mel / 2595) - 1) * self.window / self.sample_rate).astype(np.int64)

    @cached_property
    def taper(self) -> NDArray[np.float32]:
        """A Hann window that gives a sine of full scale the power 1."""
        hann = np.hanning(self.window + 1)[:-1]
        taper: NDArray[np.float32] = (2 * hann / hann.sum()).astype(np.float32)
        return taper

    @cached_property
    def weighting(self) -> NDArray[np.float32]:
        """Gain of every bin under the K-weighting of ITU-R BS.1770-4; 0 above 24 kHz, where that has none."""
        shelf = ([1.53512485958697, -2.69169618940638, 1.19839281085285], [1.0, -1.69065929318241, 0.73248077421585])
        high = ([1.0, -2.0, 1.0], [1.0, -1.99004745483398, 0.99007225036621])
        hertz = np.arange(self.window // 2 + 1) * self.sample_rate / self.window
        turn = np.exp(-2j * np.pi * hertz / 48000)
        gain = np.ones(len(hertz))
        for top, bottom in (shelf, high):
            gain *= np.abs(np.polyval(top[::-1], turn) / np.polyval(bottom[::-1], turn))
        weights: NDArray[np.float32] = np.where(hertz < 24000, gain, 0).astype(np.float32)
        return weights


@dataclass(frozen=True, slots=True)
class Summary:
    """What is drawn of a block, for every node.

    Parameters
    ----------
    peaks : (node, peak) uint8
        Largest absolute sample, as `to_bytes` has it.
    power : (node, column) float32
        Mean square over channels and samples.
    bands : (node, column, band) float32
        Power of the mean of the channels in each band; a sine of full scale has 1.
    loudness : (channel, leaf, leaf) float32
        Mean products of the K-weighted leaves: with gains ``g`` the mix has the energy ``g @ loudness @ g``.
    """

    peaks: NDArray[np.uint8]
    power: NDArray[np.float32]
    bands: NDArray[np.float32]
    loudness: NDArray[np.float32]


def summarise(tree: PageTree, grid: Grid, widths: Sequence[Width], block: Sequence[Steps]) -> Summary:
    """Draw one block, which begins at a column's first sample.

    Parameters
    ----------
    tree : PageTree
        Which leaves make up which node.
    grid : Grid
        How time is divided.
    widths : sequence of Width
        Of every leaf.
    block : sequence of Steps
        ``(sample, channel)`` of every leaf.
    """
    columns = -(-len(block[0]) // grid.column)
    leaves = [_padded(leaf, columns * grid.column) for leaf in block]
    peaks = np.empty((len(tree.nodes), columns * PEAKS_A_COLUMN), np.uint8)
    power = np.empty((len(tree.nodes), columns), np.float32)
    bands = np.empty((len(tree.nodes), columns, BANDS), np.float32)
    nodes, step = _nodes(tree, widths, leaves)
    for number, node in enumerate(nodes):
        peaks[number] = _peaks(node, peaks.shape[1], step)
        windows = _windows(node, grid, columns).astype(np.float32)
        rows = windows.reshape(columns, -1)
        power[number] = np.einsum("cs,cs->c", rows, rows) * (step**2 / rows.shape[1])
        bands[number] = _bands(_rfft(_mean(windows) * (grid.taper * np.float32(step))), grid)
    windows_of = [_windows(leaf, grid, columns)[::_EVERY] for leaf in leaves]
    return Summary(peaks, power, bands, _loudness(grid, widths, windows_of))


def to_bytes(power: NDArray[Any]) -> NDArray[np.uint8]:
    """Powers as bytes: 0 for `FLOOR_DB` and below, 255 for 0 dB and above."""
    decibels = 10 * np.log10(np.maximum(power, np.float32(10 ** (FLOOR_DB / 10))))
    scaled: NDArray[np.uint8] = np.clip(255 * (1 - decibels / FLOOR_DB) + 0.5, 0, 255).astype(np.uint8)
    return scaled


def _padded(leaf: Steps, length: int) -> Steps:
    if len(leaf) == length:
        return leaf
    padded = np.zeros((length, leaf.shape[1]), leaf.dtype)
    padded[: len(leaf)] = leaf
    return padded


def _windows(leaf: NDArray[Any], grid: Grid, columns: int) -> NDArray[Any]:
    """Cut ``(sample, channel)`` into the ``(column, sample, channel)`` that columns look at."""
    return leaf.reshape(columns, grid.column, -1)[:, : grid.window]


def _mean(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over channels."""
    if windows.shape[-1] == 1:
        return windows[..., 0]
    mean: NDArray[np.float32] = (windows[..., 0] + windows[..., 1]) * np.float32(0.5)
    return mean


def _nodes(tree: PageTree, widths: Sequence[Width], leaves: Sequence[Steps]) -> tuple[list[NDArray[Any]], float]:
    """Every node's samples, and what a step of them is worth."""
    step = widths[0].step
    found: list[NDArray[Any]] = [leaves[0]] * len(tree.nodes)
    parts: Sequence[NDArray[Any]] = leaves
    if any(width != widths[0] for width in widths):  # there is a rest
        parts = [leaf * np.float32(width.step) for leaf, width in zip(leaves, widths, strict=True)]
        step = 1.0
    elif tree.bits != 16 or not tree.covers:
        parts = [leaf.astype(np.int32, copy=False) for leaf in leaves]
    # Else every node is a stem of 16 bits or the song, so that sums that overflow on the way are right in the end.
    for number in reversed(range(len(tree.nodes))):
        node = tree.nodes[number]
        if not node.children:
            found[number] = parts[node.leaves.start]
            continue
        first, *others = (found[child] for child in node.children)
        total = first.copy() if others else first
        for child in others:
            total += child
        found[number] = total
    return found, step


def _peaks(node: NDArray[Any], count: int, step: float) -> NDArray[np.uint8]:
    rows = node.reshape(count, -1)
    highest, lowest = rows.max(axis=1).astype(np.float32), rows.min(axis=1).astype(np.float32)
    return to_bytes(np.square(np.maximum(highest, -lowest) * np.float32(step)))


def _bands(spectrum: NDArray[np.complex64], grid: Grid) -> NDArray[np.float32]:
    """``(column, bin)`` to the loudest bin of every band; bands narrower than a bin share one."""
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    starts = np.minimum(grid.edges[:-1], power.shape[1] - 1)
    inside = power[:, : max(int(grid.edges[-1]), int(starts[-1]) + 1)]
    found: NDArray[np.float32] = np.maximum.reduceat(inside, starts, axis=1)
    return found


def _rfft(rows: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Transform rows of real values; torch's transform is twice as fast as numpy's, and numpy's would be in doubles."""
    import torch  # only where a page is made: it takes a second

    spectra: NDArray[np.complex64] = torch.fft.rfft(torch.from_numpy(np.ascontiguousarray(rows))).numpy()
    return spectra


def _loudness(grid: Grid, widths: Sequence[Width], windows: Sequence[Steps]) -> NDArray[np.float32]:
    channels = windows[0].shape[-1]
    found = np.empty((channels, len(windows), len(windows)), np.float32)
    for channel in range(channels):
        flat = np.stack(
            [
                (_rfft(part[..., channel] * (grid.taper * np.float32(width.step))) * grid.weighting).reshape(-1)
                for part, width in zip(windows, widths, strict=True)
            ]
        )
        found[channel] = (flat.real @ flat.real.T + flat.imag @ flat.imag.T) / len(windows[0])
    return found
