"""Raw tracks as blocks of one sample rate, panned, and their sums, in bounded memory."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stemtree.audio import open_source
from stemtree.audio.resample import resample_blocks
from stemtree.audio.samples import ExactSamples
from stemtree.curation.sessions.panning import Placement, panning_matrix
from stemtree.curation.sessions.sessions import RawTrack

BLOCK_SIZE = 1 << 16
"""Samples in a block: a megabyte for each open stereo track."""


@dataclass(frozen=True, slots=True)
class PlacedTrack:
    """A raw track, and its place between left and right.

    Parameters
    ----------
    track : RawTrack
        The file.
    channels, sample_rate : int
        Of the file.
    placement : Placement
        Its panning.
    """

    track: RawTrack
    channels: int
    sample_rate: int
    placement: Placement


def mix_tracks(
    tracks: Sequence[PlacedTrack],
    gains: Sequence[float],
    sample_rate: int,
    stereo: bool,
    block_size: int = BLOCK_SIZE,
) -> Iterator[ExactSamples]:
    """Sum tracks, each multiplied by its gain; all begin together, and shorter ones are padded with zeros.

    Parameters
    ----------
    tracks : sequence of PlacedTrack
        At any sample rate, with one channel or two.
    gains : sequence of float
        One for each track; tracks with a gain of 0 are not read.
    sample_rate : int
        Of the sum, in Hz.
    stereo : bool
        Whether the sum has two channels or one.
    block_size : int
        Samples in each block.

    Yields
    ------
    ExactSamples
        ``(channel, sample)``; only the last block may be shorter than `block_size`.

    Raises
    ------
    AudioError
        If a track cannot be read.
    """
    streams = [
        _panned(track, gain, sample_rate, stereo, block_size) for track, gain in zip(tracks, gains, strict=True) if gain
    ]
    while blocks := [block for stream in streams if (block := next(stream, None)) is not None]:
        total = max(blocks, key=lambda block: block.shape[1])
        for block in blocks:
            if block is not total:
                total[:, : block.shape[1]] += block
        yield total


def _panned(track: PlacedTrack, gain: float, sample_rate: int, stereo: bool, block_size: int) -> Iterator[ExactSamples]:
    """One track in the channels of the sum, ``(channel, sample)``."""
    matrix = np.array(panning_matrix(track.placement, track.channels, stereo)) * gain
    for block in _resampled(track, sample_rate, block_size):
        yield block * gain if matrix.shape == (2, 2) else matrix @ block  # a stereo track keeps its own image


def _resampled(track: PlacedTrack, sample_rate: int, block_size: int) -> Iterator[ExactSamples]:
    """One track in its own channels at another sample rate, ``(channel, sample)``."""
    source = open_source(track.track.path)
    if track.sample_rate == sample_rate:
        yield from _full_blocks(source.blocks(block_size), block_size)
        return
    blocks = source.blocks(block_size)
    yield from resample_blocks(blocks, track.channels, track.sample_rate, sample_rate, block_size)


def _full_blocks(blocks: Iterable[ExactSamples], size: int) -> Iterator[ExactSamples]:
    """The same samples in blocks of which only the last is short; those of joined files are short in between."""
    held: list[ExactSamples] = []
    for block in blocks:
        if not held and block.shape[1] == size:
            yield block
            continue
        whole = np.concatenate([*held, block], axis=1)
        while whole.shape[1] >= size:
            yield whole[:, :size].copy()
            whole = whole[:, size:]
        held = [whole] if whole.shape[1] else []
    yield from held


class Spool:
    """A signal in a temporary file between two passes, as 32-bit floats.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    channels : int
        Of the signal.
    """

    def __init__(self, path: Path, channels: int) -> None:
        self._path, self._channels, self.num_samples = path, channels, 0

    def fill(self, blocks: Iterable[ExactSamples]) -> Iterator[ExactSamples]:
        """Write blocks, ``(channel, sample)``, and yield them again."""
        with self._path.open("wb") as file:
            for block in blocks:
                file.write(block.T.astype(np.float32).tobytes())
                self.num_samples += block.shape[1]
                yield block

    def blocks(self, num_samples: int, block_size: int = BLOCK_SIZE) -> Iterator[ExactSamples]:
        """Read the signal, ``(channel, sample)``, padded with zeros to `num_samples`."""
        with self._path.open("rb") as file:
            for start in range(0, num_samples, block_size):
                count = min(block_size, num_samples - start)
                block = np.zeros((self._channels, count))
                values = np.frombuffer(file.read(4 * count * self._channels), np.float32)
                stored = values.reshape(-1, self._channels).T
                block[:, : stored.shape[1]] = stored
                yield block


def read_spools(
    spools: Sequence[Spool], num_samples: int, block_size: int = BLOCK_SIZE
) -> Iterator[list[ExactSamples]]:
    """Read several spools block by block, all padded with zeros to one length; a list has one block of each."""
    with ExitStack() as stack:
        streams = [spool.blocks(num_samples, block_size) for spool in spools]
        for stream in streams:
            stack.callback(stream.close)  # type: ignore[attr-defined]
        yield from map(list, zip(*streams, strict=True))
