"""Sources of audio: the protocol, samples in memory, and the checks that all sources share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from stemtree.audio.formats import RATES, Width
from stemtree.audio.samples import ExactSamples, Samples
from stemtree.errors import AudioError, TruncatedError, counted

AnySamples = TypeVar("AnySamples", Samples, ExactSamples)

READ_SAMPLES = 1 << 16
"""Samples to read at a time, where nothing else decides."""

_CHANNELS = {1: "mono", 2: "stereo"}

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


@runtime_checkable
class FileSource(AudioSource, Protocol):
    """A song in a file.

    Attributes
    ----------
    path : pathlib.Path
        A regular file with its bytes; `name` is what the user named, which may be a pipe.
    stream : int
        Number of the audio stream in the file.
    notes : list of str
        What a user should know of how it was read, complete once all of it was.
    """

    path: Path
    stream: int
    notes: list[str]

    def excerpt(self, start: int, count: int) -> ExactSamples:
        """Read at most `count` samples, ``(channel, sample)``, from sample `start`."""
        ...


class ArraySource:
    """Samples in memory.

    Parameters
    ----------
    samples : array_like
        ``(sample,)`` or ``(channel, sample)``: floats in [-1, 1], int16 or int32, in any byte order.
        ``(sample, channel)``, as soundfile reads it, is taken as well where it cannot be mistaken: with one or two
        channels of more than two samples.
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
        if array.ndim != 2:
            raise AudioError(f"{name} has the shape {array.shape}: give it as (channel, sample)")
        if array.shape[0] > 2 >= array.shape[1] > 0:
            array = array.T
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
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


def truncation_error(name: str, announced: int, held: int) -> TruncatedError:
    """The error for a file that ends before the length that its header announces, in samples."""
    return truncated(name, f"it announces {counted(announced, 'sample')} and holds {held}")


def truncated(name: str, what: str) -> TruncatedError:
    """The error for a file that is cut off, with what it announces and holds."""
    return TruncatedError(f"'{name}' is cut off: {what}; get a whole copy, or re-save it to keep what is there")


def note_truncation(source: FileSource, announced: int, held: int) -> None:
    """Note on a source that less was read of it than it announces, in samples."""
    if not any("cut off" in note for note in source.notes):
        source.notes.append(cut_off_note(source.name, f"it announces {counted(announced, 'sample')} and holds {held}"))


def cut_off_note(name: str, what: str) -> str:
    """The note on a file that is cut off and was read all the same."""
    return f"'{name}' is cut off: {what}; what is there was read"


def damage_error(name: str, position: int, reason: str) -> AudioError:
    """The error for a file that cannot be decoded further than a sample."""
    return AudioError(f"'{name}' is damaged after {counted(position, 'sample')} ({reason}): get a whole copy")


def change_error(source: AudioSource, position: int, sample_rate: int, channels: int) -> AudioError:
    """The error for a file whose rate or number of channels changes at a sample."""
    before, after = (
        f"{rate} Hz {_CHANNELS.get(count, f'with {count} channels')}"
        for rate, count in ((source.sample_rate, source.channels), (sample_rate, channels))
    )
    return AudioError(
        f"'{source.name}' changes from {before} to {after} after {position / source.sample_rate:.2f} s: cut it there, "
        "or re-save it with one rate and number of channels"
    )


def check_finite(block: AnySamples, position: int, name: str) -> AnySamples:
    """Return a block that begins at sample `position`; raise AudioError if it holds NaN, infinity or absurd values."""
    if not np.isfinite(block).all():
        sample = position + int(np.flatnonzero(~np.isfinite(block).all(axis=0))[0])
        raise AudioError(f"'{name}' holds NaN or infinity at sample {sample}: repair it or export it again")
    if (largest := np.abs(block).max(initial=0)) > _LARGEST_AMPLITUDE:
        raise AudioError(f"'{name}' holds a sample of {largest:.0e}, where full scale is 1: scale it down")
    return block
