"""FLAC files of 16 bits, decoded once and held in memory: training reads the same files again and again."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from stemtree.audio.libsndfile import open_soundfile
from stemtree.audio.samples import Samples

_SCALE = np.float32(2**-15)


@dataclass(frozen=True, slots=True, eq=False)
class HeldFile:
    """The samples of a file, ``(sample, channel)`` int16."""

    integers: NDArray[np.int16]

    @property
    def channels(self) -> int:
        """1 or 2."""
        return int(self.integers.shape[1])

    def read(self, start: int, count: int) -> Samples:
        """``(channel, sample)`` float32, at most `count` samples from sample `start`; the same as libsndfile reads."""
        scaled: Samples = np.multiply(self.integers[start : start + count].T, _SCALE, dtype=np.float32)
        return scaled


class HeldFiles:
    """Decoded files, as many as fit into a limit.

    The first that are read are held and stay: examples are drawn at random, so that no file is likelier to be read
    again than another, and one that made room for the next would be decoded whole for a single excerpt.

    Parameters
    ----------
    limit : int
        Bytes.
    """

    def __init__(self, limit: int) -> None:
        self._room = self._limit = limit
        self._files: dict[tuple[Path, int, int], HeldFile | None] = {}

    def __reduce__(self) -> tuple[type["HeldFiles"], tuple[int]]:
        return HeldFiles, (self._limit,)  # another process decodes for itself

    def open(self, path: Path) -> HeldFile | None:
        """A file's samples; None where it is no whole FLAC file of 16 bits, or there is no room."""
        try:
            status = path.stat()
        except OSError:
            return None
        key = (path, status.st_size, status.st_mtime_ns)
        if key not in self._files:
            self._files[key] = self._decode(path)
        return self._files[key]

    def _decode(self, path: Path) -> HeldFile | None:
        file = open_soundfile(path)
        if file is None:
            return None
        with file:
            size = 2 * file.channels * file.frames
            if file.format != "FLAC" or file.subtype != "PCM_16" or size > self._room:
                return None
            try:
                integers = file.read(dtype="int16", always_2d=True)
            except soundfile.LibsndfileError:  # damaged somewhere: excerpts before that place can be read
                return None
            if len(integers) < file.frames:
                return None
        self._room -= size
        return HeldFile(integers)
