"""Raw tracks as blocks of one rate and length, placed between left and right, and their sums."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stemtree.audio import open_source
from stemtree.audio.samples import ExactSamples
from stemtree.curation.sessions.panning import Placement, gains
from stemtree.curation.sessions.sessions import RawTrack
from stemtree.errors import OptionError

BLOCK = 1 << 16
"""Samples a block: a megabyte for each open stereo track."""


@dataclass(frozen=True, slots=True)
class PlacedTrack:
    """A track on its way into a stem.

    Parameters
    ----------
    track : RawTrack
        What is heard.
    channels, sample_rate : int
        Of the file.
    placement : Placement
        Where it stands.
    """

    track: RawTrack
    channels: int
    sample_rate: int
    placement: Placement


def mixed(
    parts: Sequence[PlacedTrack], factors: Sequence[float], sample_rate: int, stereo: bool, size: int = BLOCK
) -> Iterator[ExactSamples]:
    """Sum tracks after a factor each; all begin together, and those that end early are padded with zeros.

    Yields
    ------
    ExactSamples
        ``(channel, sample)``, `size` samples but for the last.

    Raises
    ------
    AudioError
        If a track cannot be read.
    """
    streams = [
        _placed(part, factor, sample_rate, stereo, size) for part, factor in zip(parts, factors, strict=True) if factor
    ]
    while blocks := [block for stream in streams if (block := next(stream, None)) is not None]:
        total = max(blocks, key=lambda block: block.shape[1])
        for block in blocks:
            if block is not total:
                total[:, : block.shape[1]] += block
        yield total


def resampled(part: PlacedTrack, sample_rate: int, size: int) -> Iterator[ExactSamples]:
    """A track's own channels at another rate, in blocks of `size` samples but for the last."""
    source = open_source(part.track.path)
    if part.sample_rate == sample_rate:
        yield from source.blocks(size)
        return
    try:
        import soxr
    except ImportError:
        raise OptionError("resampling needs soxr: `pip install 'stemtree[curation]'`") from None
    resampler = soxr.ResampleStream(part.sample_rate, sample_rate, part.channels, dtype="float64")
    held = np.zeros((0, part.channels))
    for block in source.blocks(size):
        held = np.concatenate([held, resampler.resample_chunk(np.ascontiguousarray(block.T))])
        while len(held) >= size:
            yield held[:size].T
            held = held[size:]
    held = np.concatenate([held, resampler.resample_chunk(np.zeros((0, part.channels)), last=True)])
    for start in range(0, len(held), size):
        yield held[start : start + size].T


def _placed(part: PlacedTrack, factor: float, sample_rate: int, stereo: bool, size: int) -> Iterator[ExactSamples]:
    matrix = np.array(gains(part.placement, part.channels, stereo)) * factor
    for block in resampled(part, sample_rate, size):
        yield block * factor if matrix.shape == (2, 2) else matrix @ block  # a stereo track keeps its own image


class Spool:
    """A signal on disk between two passes, as 32-bit floats.

    Parameters
    ----------
    path : pathlib.Path
        Where.
    channels : int
        How many.
    """

    def __init__(self, path: Path, channels: int) -> None:
        self._path, self._channels, self.samples = path, channels, 0

    def fill(self, blocks: Iterable[ExactSamples]) -> Iterator[ExactSamples]:
        """Write blocks, and hand them on."""
        with self._path.open("wb") as file:
            for block in blocks:
                file.write(block.T.astype(np.float32).tobytes())
                self.samples += block.shape[1]
                yield block

    def blocks(self, samples: int, size: int = BLOCK) -> Iterator[ExactSamples]:
        """Read it again, padded with zeros to a length."""
        with self._path.open("rb") as file:
            for start in range(0, samples, size):
                count = min(size, samples - start)
                block = np.zeros((self._channels, count))
                read = np.frombuffer(file.read(4 * count * self._channels), np.float32).reshape(-1, self._channels).T
                block[:, : read.shape[1]] = read
                yield block

    def remove(self) -> None:
        """Make room."""
        self._path.unlink(missing_ok=True)


def side_by_side(spools: Sequence[Spool], samples: int, size: int = BLOCK) -> Iterator[list[ExactSamples]]:
    """Read several spools at the same pace, all padded to one length."""
    with ExitStack() as stack:
        streams = [spool.blocks(samples, size) for spool in spools]
        for stream in streams:
            stack.callback(stream.close)  # type: ignore[attr-defined]
        yield from map(list, zip(*streams, strict=True))
