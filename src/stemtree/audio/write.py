"""Writing audio files block by block."""

import math
import os
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import soundfile

from stemtree.audio.aac import AacFile, aac_length
from stemtree.audio.formats import OutputFormat
from stemtree.audio.samples import PcmSamples, Samples
from stemtree.errors import AudioError, DiskError
from stemtree.staging import unwritable

_MAX_WAV_BYTES = 2**32 - 4096

_SYSTEM_ERROR = 2
"""libsndfile's error code for a failed system call; on the way, it hardly happens but on a full disk."""


class StemWriter:
    """Writes one stem; use it in a ``with`` statement.

    Parameters
    ----------
    path : pathlib.Path
        The file to write. Its folder must exist.
    output : OutputFormat
        Completed by `OutputFormat.for_source`.
    sample_rate, channels : int
        Of the stem.

    Raises
    ------
    AudioError
        If the file cannot be written, or is not complete after it was closed.
    """

    def __init__(self, path: Path, output: OutputFormat, sample_rate: int, channels: int) -> None:
        self.path, self.num_samples, self._bits = path, 0, output.bits
        max_bytes = _MAX_WAV_BYTES if output.container == "wav" else math.inf
        self._max_samples = max_bytes / (channels * (output.bits or 32) / 8)
        try:
            path.touch()  # for the system's own error, which libsndfile does not pass on
            if output.container == "m4a":
                self._file, self._length = AacFile(path, sample_rate, channels), aac_length
            else:
                self._file, self._length = _sound_file(path, output, sample_rate, channels), _length
        except (soundfile.LibsndfileError, OSError) as error:
            raise self._failure(error) from None

    def write(self, samples: PcmSamples | Samples) -> None:
        """Append a ``(channel, sample)`` block: integers of the format's width in integer formats, else floats."""
        if self.num_samples + samples.shape[1] > self._max_samples:
            raise AudioError(f"'{self.path}' would be larger than the 4 GB that WAV can hold: choose the format flac")
        try:
            self._file.write(self._interleaved(samples))
        except (soundfile.LibsndfileError, OSError, AssertionError) as error:  # soundfile asserts that all was written
            raise self._failure(error) from None
        self.num_samples += samples.shape[1]

    def _interleaved(self, samples: PcmSamples | Samples) -> np.ndarray[Any, Any]:
        """``(sample, channel)``; integers, since libsndfile scales floats by 2^15 - 1, which would break the sums."""
        if self._bits is not None and self._bits != 16:
            samples = samples.astype(np.int32) << (32 - self._bits)
        interleaved = np.empty(samples.shape[::-1], np.int16 if self._bits == 16 else samples.dtype)
        for channel, row in enumerate(samples):  # four times as fast as copying `samples.T`
            interleaved[:, channel] = row
        return interleaved

    def __enter__(self) -> "StemWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._file.close()
            if kind is None and self._length(self.path) != self.num_samples:
                raise DiskError(f"'{self.path}' could not be written whole: make room or choose another folder")
        except (soundfile.LibsndfileError, OSError, AudioError) as failure:
            if kind is None:
                raise self._failure(failure) from None

    def _failure(self, error: Exception) -> AudioError:
        if isinstance(error, AudioError):
            return error
        if isinstance(error, soundfile.LibsndfileError) and error.code != _SYSTEM_ERROR:
            return AudioError(f"cannot write '{self.path}' ({error.error_string.strip(' .')}): choose another format")
        return unwritable(self.path, error if isinstance(error, OSError) else OSError())


def _sound_file(path: Path, output: OutputFormat, sample_rate: int, channels: int) -> Any:
    level = output.compression_level(sample_rate)
    return soundfile.SoundFile(
        file_name(path),
        "w",
        sample_rate,
        channels,
        output.soundfile_subtype,
        format=output.container.upper(),
        compression_level=level,
        bitrate_mode=None if level is None else "CONSTANT",
    )


def _length(path: Path) -> int:
    return int(soundfile.info(file_name(path)).frames)


def file_name(path: Path) -> Path | bytes:
    """A path as soundfile takes it, which does not encode names that are not UTF-8."""
    return os.fsencode(path) if os.name == "posix" else path
