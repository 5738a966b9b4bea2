"""Excerpts of WAV files of 16 bits, straight from where they lie in the file: what training reads most of."""

from dataclasses import dataclass
from functools import lru_cache
from io import FileIO
from pathlib import Path

import numpy as np

from stemtree.audio.containers.chunks import RIFF, chunks
from stemtree.audio.containers.view import ByteView
from stemtree.audio.libsndfile import open_soundfile
from stemtree.audio.samples import Samples
from stemtree.errors import AudioError

_BYTES = 2
_SCALE = np.float32(2**-15)


@dataclass(frozen=True, slots=True)
class PlainLayout:
    """Where the samples of a WAV file lie: first byte, channels, samples per channel."""

    offset: int
    channels: int
    num_samples: int


class PlainWav:
    """An open WAV file of 16-bit integers.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    layout : PlainLayout
        What `plain_layout` found.
    """

    def __init__(self, path: Path, layout: PlainLayout) -> None:
        self.path, self.channels, self._layout = path, layout.channels, layout
        self._file = FileIO(path)

    def __enter__(self) -> "PlainWav":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, start: int, count: int) -> Samples:
        """``(channel, sample)`` float32, at most `count` samples from sample `start`; the same as libsndfile reads.

        Raises
        ------
        AudioError
            If the file became shorter than it was, or cannot be read.
        """
        layout = self._layout
        wanted = max(0, min(count, layout.num_samples - start))
        integers = np.empty((wanted, layout.channels), "<i2")
        try:
            self._file.seek(layout.offset + start * layout.channels * _BYTES)
            held = self._file.readinto(integers.data) if wanted else 0
        except OSError as error:
            raise AudioError(f"cannot read the stem '{self.path}' ({error.strerror}): check the corpus") from None
        if held < integers.nbytes:
            raise AudioError(f"cannot read the stem '{self.path}' (it became shorter): check the corpus")
        scaled: Samples = np.multiply(integers.T, _SCALE, dtype=np.float32)
        return scaled


def plain_layout(path: Path) -> PlainLayout | None:
    """Where a file's samples lie; None unless it is a whole WAV file of 16-bit integers."""
    try:
        status = path.stat()
    except OSError:
        return None
    return _layout(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=16384)
def _layout(path: Path, size: int, modified: int) -> PlainLayout | None:
    file = open_soundfile(path)
    if file is None:
        return None
    with file:
        if file.format not in ("WAV", "WAVEX") or file.subtype != "PCM_16":
            return None
        channels, num_samples = file.channels, file.frames
    with path.open("rb") as content:
        view = ByteView(content, size)
        if view.read(0, 4) != b"RIFF":  # RIFX holds its numbers the other way round
            return None
        data = next((chunk for chunk in chunks(view, 12, RIFF) if chunk.name == b"data"), None)
        if data is None or data.held(view) < num_samples * channels * _BYTES:
            return None
    return PlainLayout(data.start, channels, num_samples)
