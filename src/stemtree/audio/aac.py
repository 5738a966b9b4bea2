"""Writing AAC in MP4 files with FFmpeg's encoder."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemtree.errors import AudioError

_FRAME = 1024
_MOST_BITS_A_SECOND = 128_000
_BITS_A_SAMPLE = 3
"""At low sample rates; the codec holds no more than six."""

_ENCODER = {"aac_pns": "0"}
"""No noise that the decoder draws anew: stems add up less well with it."""


class AacFile:
    """An M4A file to write, with the methods of `soundfile.SoundFile` that this takes.

    An edit list tells players where the audio begins after the encoder's delay, and how many samples it has.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    sample_rate, channels : int
        Of the audio.

    Raises
    ------
    AudioError
        If it cannot be encoded; also of its methods.
    OSError
        If the file cannot be written; also of its methods.
    """

    def __init__(self, path: Path, sample_rate: int, channels: int) -> None:
        import av

        self._path, self._rate, self._layout = path, sample_rate, "mono" if channels == 1 else "stereo"
        self._rest, self._position = np.zeros((channels, 0), np.float32), 0
        self._target = path.open("wb")
        with self._failures():
            # The edit list counts in ticks of the whole file, a millisecond each unless told otherwise.
            ticks = {"movie_timescale": str(sample_rate)}
            self._container = av.open(self._target, "w", format="ipod", options=ticks)
            self._stream = self._container.add_stream("aac", rate=sample_rate, layout=self._layout, options=_ENCODER)
            self._stream.bit_rate = channels * min(_MOST_BITS_A_SECOND, _BITS_A_SAMPLE * sample_rate)

    def write(self, samples: NDArray[Any]) -> None:
        """Append ``(sample, channel)`` floats."""
        block = np.concatenate([self._rest, samples.T.astype(np.float32)], axis=1)
        whole = block.shape[1] // _FRAME * _FRAME
        self._rest = block[:, whole:]
        for start in range(0, whole, _FRAME):
            self._encode(block[:, start : start + _FRAME])

    def close(self) -> None:
        """Write what is left and the index; the file is closed in any case."""
        try:
            if self._rest.shape[1]:
                self._encode(self._rest)
            with self._failures():
                if self._position:
                    self._container.mux(self._stream.encode(None))
        finally:
            with self._target, self._failures():
                self._container.close()

    def _encode(self, samples: NDArray[np.float32]) -> None:
        import av

        with self._failures():
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", self._layout)
            frame.sample_rate, frame.pts, frame.time_base = self._rate, self._position, Fraction(1, self._rate)
            self._position += samples.shape[1]
            self._container.mux(self._stream.encode(frame))

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """The library's errors as a sentence; those of the file itself as they are."""
        import av

        try:
            yield
        except av.FFmpegError as error:
            raise AudioError(f"cannot write '{self._path}' ({error.strerror}): choose another format") from None


def aac_length(path: Path) -> int:
    """The number of samples that an M4A file holds by its index; raises AudioError if it has none."""
    import av

    try:
        with path.open("rb") as file, av.open(file) as container:
            stream = container.streams.audio[0]
            return round((stream.duration or 0) * (stream.time_base or 0) * stream.rate)
    except (av.FFmpegError, IndexError):
        raise AudioError(f"'{path}' could not be written whole: make room or choose another folder") from None
