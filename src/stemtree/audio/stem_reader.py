"""Reading stems that were written as integers, as exactly these integers."""

from pathlib import Path
from types import TracebackType

import numpy as np
import soundfile

from stemtree.audio.samples import PcmSamples
from stemtree.audio.write import file_name
from stemtree.errors import AudioError


class StemReader:
    """Reads a WAV or FLAC stem of `StemWriter` from its beginning on; use it in a ``with`` statement.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    bits : int
        Width of its integers, 16 or 24.

    Raises
    ------
    AudioError
        If the file cannot be read.
    """

    def __init__(self, path: Path, bits: int) -> None:
        self.path, self._shift = path, 32 - bits
        try:
            self._file = soundfile.SoundFile(file_name(path))
        except (soundfile.LibsndfileError, OSError):
            raise self._failure() from None

    def read(self, count: int) -> PcmSamples:
        """The next samples, ``(channel, sample)``; raises AudioError if there are fewer than `count`."""
        try:
            samples = self._file.read(count, dtype="int32", always_2d=True)
        except (soundfile.LibsndfileError, OSError):
            raise self._failure() from None
        if len(samples) < count:
            raise self._failure()
        return np.ascontiguousarray(samples.T) >> self._shift

    def __enter__(self) -> "StemReader":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def _failure(self) -> AudioError:
        return AudioError(f"the stem '{self.path}' can no longer be read: delete it, or give another folder")
