"""The files that the page loads: what it draws, and the chunks that it plays.

A page opened from the file system may load scripts and documents, and fetch nothing. What is known of a song is a
script. All else comes in packets: documents that the page opens in hidden frames, and that hand it their bytes. Scripts
would do too, but browsers keep the text of every script that was loaded, and so in the end all of the song.
"""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from stemtree.page import codecs
from stemtree.page.pictures import BANDS, FLOOR_DB, PEAKS_A_COLUMN, Grid, Summary, summarise, to_bytes
from stemtree.page.stems import Steps, Width
from stemtree.page.tree import PageTree

Codec = Literal["flac", "opus"]

_CHUNK_SECONDS = 8.0
_CHUNK_BYTES = 28e6
"""What the decoded chunks of all leaves may take together, as floats; the page holds three of them."""

_TILE = 600
"""Columns in a tile: a minute."""

_OVERVIEW_PEAKS, _OVERVIEW_COLUMNS = 2000, 800

Progress = Callable[[int, int | None], None]
"""Told after each chunk how many samples are done, and of how many."""

_Result = TypeVar("_Result")


class Leaves(Protocol):
    """What a data set is made from: the leaves of a tree, block by block.

    Attributes
    ----------
    tree : PageTree
        Whose leaves they are.
    widths : tuple of Width
        Of every leaf.
    """

    tree: PageTree
    widths: tuple[Width, ...]

    def blocks(self, size: int) -> Iterator[list[Steps]]:
        """Yield ``(sample, channel)`` integers of every leaf, `size` samples at a time."""
        ...


@dataclass(frozen=True, slots=True)
class Written:
    """What is known of a data set once its files are there.

    Parameters
    ----------
    description : dict
        Of its time grid, chunks and tiles, and the pictures of the whole song: a part of the page's ``song.js``.
    energies : (node,) float64
        Of every node, as a mean square.
    """

    description: dict[str, Any]
    energies: NDArray[np.float64]


def chunk_samples(tree: PageTree, codec: Codec) -> int:
    """Length of the native stretches that a song is cut into, a multiple of `Grid.column`.

    About 8 s, and less where so many leaves, or such a sample rate, would fill the browser's memory.
    """
    grid = Grid(tree.sample_rate)
    rate = codecs.OPUS_RATE if codec == "opus" else tree.sample_rate
    a_second = 4.0 * tree.channels * len(tree.leaves) * rate
    seconds = min(_CHUNK_SECONDS, max(1.0, _CHUNK_BYTES / a_second))
    return max(1, int(seconds * tree.sample_rate / grid.column)) * grid.column


def write_dataset(
    folder: Path,
    leaves: Leaves,
    codec: Codec = "flac",
    progress: Progress | None = None,
) -> Written:
    """Write the chunks and tiles of one set of leaves.

    Parameters
    ----------
    folder : pathlib.Path
        Where they go.
    leaves : Leaves
        What it is made from.
    codec : {"flac", "opus"}
        Of the chunks.
    progress : callable, optional
        See `Progress`.
    """
    tree, widths = leaves.tree, leaves.widths
    grid, size = Grid(tree.sample_rate), chunk_samples(tree, codec)
    for part in ("audio", "tiles"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    pictures = _Pictures(tree, grid, folder)

    def work(number: int, block: list[Steps]) -> Summary:
        if codec == "flac":
            content = [codecs.flac(part, width, tree.sample_rate) for part, width in zip(block, widths, strict=True)]
            write_packet(folder / "audio" / f"{number}.html", "../../", content)
        return summarise(tree, grid, widths, block)

    done = 0
    for summary in _in_threads(work, enumerate(leaves.blocks(size))):
        pictures.add(summary)
        done = min(done + size, tree.num_samples)
        if progress:
            progress(done, tree.num_samples)
    audio: dict[str, Any] = {
        "codec": codec,
        "rate": tree.sample_rate,
        "samples": tree.num_samples,
        "chunk": size,
        "lead": 0,
    }
    if codec == "opus":
        audio |= _write_opus(folder, leaves, size)
    return pictures.finish(audio | {"chunks": -(-audio["samples"] // audio["chunk"])})


def script(call: str, *values: object) -> str:
    """A script that calls one of the page's functions; whatever the values hold, it is nothing but that call."""
    texts = (json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False) for value in values)
    return f"stemtree.{call}({','.join(texts).replace('<', chr(92) + 'u003c')});\n"


def base64_of(content: bytes) -> str:
    """Bytes as text."""
    return base64.b64encode(content).decode("ascii")


def write_packet(file: Path, up: str, parts: Iterable[bytes]) -> None:
    """Write bytes in parts, which the page takes over.

    Parameters
    ----------
    file : pathlib.Path
        Ends in ``.html``.
    up : str
        The way from it to the page's own folder, such as ``../``.
    parts : iterable of bytes
        In base 64 they need no escapes.
    """
    with file.open("wb") as packet:
        packet.write(b'<!doctype html><meta charset="utf-8"><title>data</title><script type="text/plain" id="packet">')
        packet.write(b"|".join(map(base64.b64encode, parts)))
        packet.write(f'</script><script src="{up}packet.js"></script>\n'.encode())


def _write_opus(folder: Path, leaves: Leaves, size: int) -> dict[str, Any]:
    tree = leaves.tree
    grid = codecs.opus_grid(tree.sample_rate)
    chunk = max(1, round(size * codecs.OPUS_RATE / tree.sample_rate / grid)) * grid

    def work(number: int, signals: list[NDArray[np.float32]]) -> None:
        write_packet(folder / "audio" / f"{number}.html", "../../", map(codecs.opus, signals))

    chunks = codecs.opus_chunks(leaves.blocks(size), leaves.widths, tree.sample_rate, chunk)
    for _ in _in_threads(work, enumerate(chunks)):
        pass
    samples = codecs.opus_samples(tree.num_samples, tree.sample_rate)
    return {"rate": codecs.OPUS_RATE, "samples": samples, "chunk": chunk, "lead": codecs.OPUS_LEAD}


def _in_threads(work: Callable[..., _Result], jobs: Iterable[tuple[Any, ...]]) -> Iterator[_Result]:
    """Results in order; encoders and transforms leave the interpreter to others while they run."""
    threads = min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    waiting: deque[Future[_Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for job in jobs:
            waiting.append(pool.submit(work, *job))
            while len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class _Pictures:
    """Gathers summaries: a tile whenever a minute is full, and the overview of the whole song."""

    def __init__(self, tree: PageTree, grid: Grid, folder: Path) -> None:
        self._tree, self._grid, self._folder = tree, grid, folder
        self._columns = -(-tree.num_samples // grid.column)
        self._peaks_each = -(-self._columns * PEAKS_A_COLUMN // _OVERVIEW_PEAKS)
        self._columns_each = -(-self._columns // _OVERVIEW_COLUMNS)
        nodes = len(tree.nodes)
        self._peaks = np.zeros((nodes, self._columns * PEAKS_A_COLUMN), np.uint8)
        self._power = np.zeros((nodes, self._columns), np.float32)
        self._bands = np.zeros((nodes, -(-self._columns // self._columns_each), BANDS), np.float32)
        self._loudness: list[NDArray[np.float32]] = []
        self._waiting = np.zeros((nodes, 0, BANDS), np.uint8)
        self._done, self._tiles = 0, 0

    def add(self, summary: Summary) -> None:
        """Take in the next chunk's."""
        count = summary.power.shape[1]
        columns = slice(self._done, self._done + count)
        self._power[:, columns] = summary.power
        self._peaks[:, columns.start * PEAKS_A_COLUMN : columns.stop * PEAKS_A_COLUMN] = summary.peaks
        for offset in range(count):
            whole = self._bands[:, (self._done + offset) // self._columns_each]
            np.maximum(whole, summary.bands[:, offset], out=whole)
        self._loudness.append(summary.loudness)
        self._done += count
        self._waiting = np.concatenate([self._waiting, to_bytes(summary.bands)], axis=1)
        while self._waiting.shape[1] >= _TILE or (self._done == self._columns and self._waiting.shape[1]):
            self._write_tile(self._waiting[:, :_TILE])
            self._waiting = self._waiting[:, _TILE:]

    def finish(self, audio: dict[str, Any]) -> Written:
        """What describes the set."""
        write_packet(self._folder / "overview.html", "../", [_deflated(to_bytes(self._bands))])
        power = np.add.reduceat(self._power, range(0, self._columns, self._columns_each), axis=1) / self._columns_each
        peaks = np.maximum.reduceat(self._peaks, range(0, self._peaks.shape[1], self._peaks_each), axis=1)
        loudness = np.stack(self._loudness).astype("<f4")
        rows, columns = np.tril_indices(len(self._tree.leaves))
        description = {
            "audio": audio,
            "grid": {
                "rate": self._tree.sample_rate,
                "peak": self._grid.peak,
                "column": self._grid.column,
                "columns": self._columns,
                "bands": BANDS,
                "floor": FLOOR_DB,
                "highest": float(self._grid.edges[-1] * self._tree.sample_rate / self._grid.window),
                "tile": _TILE,
                "tiles": self._tiles,
            },
            "overview": {
                "peaksEach": self._peaks_each,
                "columnsEach": self._columns_each,
                "peaks": base64_of(_deflated(peaks)),
                "levels": base64_of(_deflated(to_bytes(power))),
            },
            "loudness": base64_of(np.ascontiguousarray(loudness[:, :, rows, columns]).tobytes()),
        }
        return Written(description, self._power.astype(np.float64).mean(axis=1))

    def _write_tile(self, bands: NDArray[np.uint8]) -> None:
        first = self._tiles * _TILE
        last = first + bands.shape[1]
        peaks = self._peaks[:, first * PEAKS_A_COLUMN : last * PEAKS_A_COLUMN]
        levels = to_bytes(self._power[:, first:last])
        write_packet(self._folder / "tiles" / f"{self._tiles}.html", "../../", map(_deflated, (bands, peaks, levels)))
        self._tiles += 1


def _deflated(values: NDArray[np.uint8]) -> bytes:
    return zlib.compress(np.ascontiguousarray(values).tobytes(), 1)
