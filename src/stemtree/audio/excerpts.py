"""Short stretches of many files, as training reads them: each once, nothing else."""

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType

import numpy as np
import soundfile

from stemtree.audio.read import AvSource, open_source, tells_length
from stemtree.audio.samples import Samples
from stemtree.audio.source import finite
from stemtree.errors import AudioError


class Excerpts:
    """Files of a song that was checked when its corpus was loaded; use it in a ``with`` statement.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        Any that `open_source` reads; those that libsndfile reads stay open and are sought in.
    streams : sequence of int
        Which audio stream of each.

    Raises
    ------
    AudioError
        If a file cannot be opened or read any more, is cut off, or holds NaN or infinity.
    """

    def __init__(self, paths: Sequence[Path], streams: Sequence[int]) -> None:
        self._paths, self._streams = paths, streams

    def __enter__(self) -> "Excerpts":
        self._stack = ExitStack()
        self._files = [self._open(path, stream) for path, stream in zip(self._paths, self._streams, strict=True)]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def read(self, start: int, count: int) -> list[Samples]:
        """``(channel, sample)`` float32 of every file, at most `count` samples from sample `start`."""
        return [self._read(number, start, count) for number in range(len(self._paths))]

    def _open(self, path: Path, stream: int) -> soundfile.SoundFile | AvSource:
        """With the library that `open_source` takes; what it says of the file's header was heard when it was loaded."""
        with suppress(soundfile.LibsndfileError, TypeError):  # left to FFmpeg, or to a message
            if not stream:
                file = self._stack.enter_context(soundfile.SoundFile(path))
                if tells_length(path, file.format == "MP3", file.frames):
                    return file
        source = open_source(path, stream)
        assert isinstance(source, AvSource)
        return source

    def _read(self, number: int, start: int, count: int) -> Samples:
        file, path = self._files[number], self._paths[number]
        if isinstance(file, AvSource):
            return file.excerpt(start, count).astype(np.float32)
        try:
            if file.tell() != start:
                file.seek(start)
            if file.subtype == "PCM_16":  # numpy scales it five times as fast as libsndfile
                whole_steps = file.read(count, dtype="int16", always_2d=True).T
                scaled: Samples = np.multiply(whole_steps, np.float32(2**-15), dtype=np.float32)
                return scaled
            block: Samples = file.read(count, dtype="float32", always_2d=True).T
        except soundfile.LibsndfileError as error:
            raise AudioError(f"cannot read the stem '{path}' ({error.error_string}): check the corpus") from None
        return finite(block, start, str(path))
