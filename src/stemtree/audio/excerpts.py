"""Excerpts of many files, as training reads them, without decoding the rest."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

import numpy as np
import soundfile

from stemtree.audio.held import HeldFile, HeldFiles
from stemtree.audio.libsndfile import open_soundfile
from stemtree.audio.plain_wav import PlainWav, plain_layout
from stemtree.audio.read import open_source
from stemtree.audio.samples import Samples
from stemtree.audio.source import FileSource, check_finite
from stemtree.errors import AudioError

_Opened: TypeAlias = PlainWav | HeldFile | soundfile.SoundFile | FileSource


class Excerpts:
    """The files of a song, opened together for reading excerpts; use it in a ``with`` statement.

    Headers are not checked again: that was done when the corpus was loaded.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        Any that `open_source` reads. Files that libsndfile reads stay open.
    streams : sequence of int
        Number of the audio stream in each file.
    ends : sequence of int or None, optional
        For each file the sample that it ends before, where less than all of it is used.
    held : HeldFiles, optional
        Holds FLAC files in memory, for those who read the same files often.

    Raises
    ------
    AudioError
        If a file cannot be opened or read, is cut off, or holds NaN or infinity.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        streams: Sequence[int],
        ends: Sequence[int | None] | None = None,
        held: HeldFiles | None = None,
    ) -> None:
        self._paths, self._streams, self._held = paths, streams, held
        self._ends = ends or [None] * len(paths)

    def __enter__(self) -> "Excerpts":
        self._stack = ExitStack()
        self._files = [self._open(path, stream) for path, stream in zip(self._paths, self._streams, strict=True)]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def read(self, start: int, count: int) -> list[Samples]:
        """``(channel, sample)`` float32 of every file, at most `count` samples from sample `start`."""
        excerpts = []
        for file, path, end in zip(self._files, self._paths, self._ends, strict=True):
            wanted = count if end is None else min(count, end - start)
            audio = self._read(file, path, start, wanted) if wanted > 0 else np.empty((file.channels, 0), np.float32)
            excerpts.append(audio)
        return excerpts

    def _open(self, path: Path, stream: int) -> _Opened:
        if not stream and (layout := plain_layout(path)):
            return self._stack.enter_context(PlainWav(path, layout))
        if not stream and self._held and (whole := self._held.open(path)):
            return whole
        if not stream and (file := open_soundfile(path)):
            return self._stack.enter_context(file)
        return open_source(path, stream, thorough=False)

    def _read(self, file: _Opened, path: Path, start: int, count: int) -> Samples:
        if isinstance(file, PlainWav | HeldFile):
            return file.read(start, count)
        if not isinstance(file, soundfile.SoundFile):
            return file.excerpt(start, count).astype(np.float32)
        try:
            if file.tell() != start:
                file.seek(start)
            if file.subtype == "PCM_16":  # numpy converts to float five times as fast as libsndfile
                integers = file.read(count, dtype="int16", always_2d=True).T
                scaled: Samples = np.multiply(integers, np.float32(2**-15), dtype=np.float32)
                return scaled
            block: Samples = file.read(count, dtype="float32", always_2d=True).T
        except soundfile.LibsndfileError as error:
            raise AudioError(f"cannot read the stem '{path}' ({error.error_string}): check the corpus") from None
        return check_finite(block, start, str(path))
