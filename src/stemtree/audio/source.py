"""Sources of audio: the protocol, samples in memory, and the checks that all sources share."""

from collections.abc import Iterator
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from stemtree.audio.formats import RATES, Width
from stemtree.audio.samples import ExactSamples, Samples
from stemtree.errors import AudioError

AnySamples = TypeVar("AnySamples", Samples, ExactSamples)

_LARGEST_AMPLITUDE = 1e6
"""Full scale is 1. Values far beyond it are not audio and would overflow."""


@runtime_checkable
class AudioSource(Protocol):
    """One song, which can be read several times.

    Attributes
    ----------
    name : str
        A file's path, or another name for messages.
    sample_rate : int
        In Hz.
    channels : int
        1 or 2.
    num_samples : int or None
        Length in samples per channel, up to a codec's padding; None where the container does not state it.
    width : {"pcm16", "pcm24", "float"}
        Default width of the stems: ``pcm16`` for lossy codecs, ``pcm24`` for integers of more than 16 bits.
    """

    name: str
    sample_rate: int
    channels: int
    num_samples: int | None
    width: Width

    def blocks(self, size: int, start: int = 0) -> Iterator[ExactSamples]:
        """Yield ``(channel, sample)`` blocks of at most `size` samples from sample `start` to the end."""
        ...


class ArraySource:
    """Samples in memory.

    Parameters
    ----------
    samples : array_like
        ``(sample,)`` or ``(channel, sample)``: floats in [-1, 1], int16 or int32.
    sample_rate : int
        In Hz.
    name : str
        Name for messages.

    Raises
    ------
    AudioError
        If there are more than two channels or no samples, or if the data type or the sample rate is not supported.
        Values that are not finite are reported by `blocks`.
    """

    def __init__(self, samples: Any, sample_rate: int, name: str = "the array") -> None:
        if hasattr(samples, "detach"):  # a torch tensor, on any device and of any precision
            samples = samples.detach().cpu()
            samples = (samples.float() if samples.is_floating_point() else samples).numpy()
        array = np.asarray(samples)
        if array.ndim == 1:
            array = array[None]
        if array.ndim != 2 or (array.shape[0] > 2 >= array.shape[1]):
            raise AudioError(f"{name} has the shape {array.shape}: give it as (channel, sample)")
        self.width: Width = "float"
        if array.dtype in (np.int16, np.int32):
            self.width = "pcm16" if array.dtype == np.int16 else "pcm24"
            array = array / 2.0 ** (8 * array.dtype.itemsize - 1)
        elif not np.issubdtype(array.dtype, np.floating):
            raise AudioError(f"{name} holds {array.dtype}: give floats in [-1, 1], int16 or int32")
        if not isinstance(sample_rate, int | np.integer):
            raise AudioError(f"{name} has a sample rate of {sample_rate!r}: give a whole number of Hz")
        self.name, self.sample_rate = name, int(sample_rate)
        self.channels, self.num_samples = array.shape
        self._samples = array
        check_supported(self)

    def blocks(self, size: int, start: int = 0) -> Iterator[ExactSamples]:
        """See `AudioSource.blocks`."""
        for begin in range(start, self._samples.shape[1], size):
            yield check_finite(self._samples[:, begin : begin + size].astype(np.float64), begin, self.name)


def check_supported(source: AudioSource) -> None:
    """Raise AudioError unless the number of channels, the sample rate and the length are supported."""
    if source.channels not in (1, 2):
        raise AudioError(f"'{source.name}' has {source.channels} channels: mix it down to mono or stereo first")
    if not RATES[0] <= source.sample_rate <= RATES[1]:
        raise AudioError(
            f"'{source.name}' has a sample rate of {source.sample_rate} Hz: resample it to between "
            f"{RATES[0]} and {RATES[1]} Hz"
        )
    if source.num_samples == 0:
        raise AudioError(f"'{source.name}' holds no samples: give audio of at least one sample")


def check_finite(block: AnySamples, position: int, name: str) -> AnySamples:
    """Return a block that begins at sample `position`; raise AudioError if it holds NaN, infinity or absurd values."""
    if not np.isfinite(block).all():
        sample = position + int(np.flatnonzero(~np.isfinite(block).all(axis=0))[0])
        raise AudioError(f"'{name}' holds NaN or infinity at sample {sample}: repair it or export it again")
    if (largest := np.abs(block).max(initial=0)) > _LARGEST_AMPLITUDE:
        raise AudioError(f"'{name}' holds a sample of {largest:.0e}, where full scale is 1: scale it down")
    return block
