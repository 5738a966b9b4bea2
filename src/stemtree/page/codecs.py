"""Chunks of audio as the browser decodes them: FLAC, exact, or Opus, small."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Sequence

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from stemtree.page.stems import Steps, Width

OPUS_RATE = 48000
"""Sample rate of Opus, to which songs of other rates are resampled."""

OPUS_LEAD = 3840
"""Samples of Opus before and after each chunk, which the page cuts off: 80 ms, in which the codec finds its state."""

_FASTEST = 0.0
_OPUS_LEVEL = 0.8  # about 64 kbit/s a channel, less where there is little to hear
_SUBTYPES = {16: "PCM_16", 24: "PCM_24"}


def flac(steps: Steps, width: Width, sample_rate: int) -> bytes:
    """Encode ``(sample, channel)`` integers without loss; nothing at all where they are silent."""
    if not steps.any():
        return b""
    file = io.BytesIO()
    content = steps if width.bits == 16 else steps << 8
    soundfile.write(file, content, sample_rate, _SUBTYPES[width.bits], format="FLAC", compression_level=_FASTEST)
    return file.getvalue()


def opus(signal: NDArray[np.float32]) -> bytes:
    """Encode ``(sample, channel)`` floats at `OPUS_RATE`; nothing at all where they are silent."""
    if not signal.any():
        return b""
    file = io.BytesIO()
    soundfile.write(file, signal, OPUS_RATE, "OPUS", format="OGG", compression_level=_OPUS_LEVEL)
    return file.getvalue()


def opus_samples(num_samples: int, sample_rate: int) -> int:
    """Length of a song at `OPUS_RATE`."""
    return -(-num_samples * OPUS_RATE // sample_rate)


def opus_chunks(
    blocks: Iterable[Sequence[Steps]], widths: Sequence[Width], sample_rate: int, chunk: int
) -> Iterator[list[NDArray[np.float32]]]:
    """Resample a song and cut it into chunks with `OPUS_LEAD` on both sides, for every leaf ``(sample, channel)``.

    Each chunk is resampled by itself from a little more of the song than it needs. That is the same as resampling the
    whole song, since chunks begin where a sample of both rates falls.

    Parameters
    ----------
    blocks : iterable of sequence of Steps
        The song in consecutive stretches, of every leaf.
    widths : sequence of Width
        Of every leaf.
    sample_rate : int
        Of the blocks.
    chunk : int
        Length of a chunk at `OPUS_RATE`, a multiple of the `opus_grid`.
    """
    grid = opus_grid(sample_rate)
    margin = -(-OPUS_LEAD // grid) * grid + grid  # more than the filter's reach
    before, size = margin * sample_rate // OPUS_RATE, chunk * sample_rate // OPUS_RATE

    def cut(parts: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        resampled = [_resample(part[: size + 2 * before], sample_rate) for part in parts]
        return [part[margin - OPUS_LEAD :][: chunk + 2 * OPUS_LEAD] for part in resampled]

    held: list[NDArray[np.float32]] = []
    for block in blocks:
        pairs = zip(block, widths, strict=True)
        floats = [part.astype(np.float32) * np.float32(width.step) for part, width in pairs]
        held = held or [np.zeros((before, part.shape[1]), np.float32) for part in floats]
        held = [np.concatenate(pair) for pair in zip(held, floats, strict=True)]
        while len(held[0]) >= size + 2 * before:
            yield cut(held)
            held = [part[size:] for part in held]
    while held and len(held[0]) > before:
        yield cut([np.concatenate([part, np.zeros((size + before, part.shape[1]), np.float32)]) for part in held])
        held = [part[size:] for part in held]


def _resample(signal: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """``(sample, channel)`` to `OPUS_RATE`; the first samples of both stand for one instant."""
    if sample_rate == OPUS_RATE:
        return signal
    layout = "mono" if signal.shape[1] == 1 else "stereo"
    resampler = av.AudioResampler(format="fltp", layout=layout, rate=OPUS_RATE)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(signal.T), "fltp", layout)
    frame.sample_rate = sample_rate
    pieces = [piece.to_ndarray() for given in (frame, None) for piece in resampler.resample(given)]
    return np.concatenate(pieces, axis=1).T.astype(np.float32, copy=False)


def opus_grid(sample_rate: int) -> int:
    """Samples at `OPUS_RATE` from one instant that both rates sample to the next."""
    return OPUS_RATE // math.gcd(sample_rate, OPUS_RATE)
