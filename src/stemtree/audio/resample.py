"""Resampling with soxr at its high quality, whole or block by block."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from stemtree.audio.samples import ExactSamples, Samples
from stemtree.extras import library


def resample(samples: Samples, sample_rate: int, new_rate: int) -> Samples:
    """Resample ``(channel, sample)`` audio in memory; at its own rate it is returned as it is.

    Raises
    ------
    OptionError
        If soxr is needed and not installed.
    """
    if sample_rate == new_rate:
        return samples
    resampled: Samples = _soxr().resample(np.ascontiguousarray(samples.T), sample_rate, new_rate).T
    return resampled


def resample_blocks(
    blocks: Iterable[ExactSamples], channels: int, sample_rate: int, new_rate: int, block_size: int
) -> Iterator[ExactSamples]:
    """Resample a signal block by block; the blocks' limits do not change it.

    Parameters
    ----------
    blocks : iterable of ExactSamples
        ``(channel, sample)``, of any sizes.
    channels : int
        Of the signal.
    sample_rate, new_rate : int
        In Hz.
    block_size : int
        Samples in each block of the result.

    Yields
    ------
    ExactSamples
        ``(channel, sample)``; only the last block may be shorter than `block_size`.

    Raises
    ------
    OptionError
        If soxr is not installed.
    """
    resampler = _soxr().ResampleStream(sample_rate, new_rate, channels, dtype="float64")
    buffered = np.zeros((0, channels))
    for block in blocks:
        buffered = np.concatenate([buffered, resampler.resample_chunk(np.ascontiguousarray(block.T))])
        while len(buffered) >= block_size:
            yield buffered[:block_size].T
            buffered = buffered[block_size:]
    buffered = np.concatenate([buffered, resampler.resample_chunk(np.zeros((0, channels)), last=True)])
    for start in range(0, len(buffered), block_size):
        yield buffered[start : start + block_size].T


def _soxr() -> Any:
    return library("soxr", "curation", "resampling needs")
