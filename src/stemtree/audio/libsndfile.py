"""Audio files read by libsndfile."""

import io
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import soundfile

from stemtree.audio.containers import Extent, measure
from stemtree.audio.formats import Width
from stemtree.audio.regular_file import RegularFile, regular_file
from stemtree.audio.samples import ExactSamples
from stemtree.audio.source import (
    change_error,
    check_finite,
    check_supported,
    damage_error,
    note_truncation,
    truncation_error,
)
from stemtree.audio.stderr import silence_stderr

LONGEST = 1 << 62
"""A number of samples from which on libsndfile means that it does not know."""


def open_soundfile(path: Path) -> soundfile.SoundFile | None:
    """The handle of a file that libsndfile is certain to read whole; None where `open_source` must decide."""
    try:
        extent, mpeg = measure(path, thorough=False)
        if not extent.is_certain or extent.cut_off or extent.wrong_header or extent.links:
            return None
        file = soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, TypeError, OSError, UnicodeError):  # `open_source` says why, or reads it
        return None
    if extent.num_samples in (None, file.frames) and file.frames < LONGEST and (mpeg or file.format != "MP3"):
        return file
    file.close()
    return None


class SoundFileSource:
    """An audio file, or several that were joined, read by libsndfile: WAV, FLAC, OGG, MP3, AIFF and others.

    Parameters
    ----------
    file : RegularFile or pathlib.Path
        The file.
    extent : Extent
        What is known of it; `Extent.links` are read one after the other.
    accept_truncated : bool
        Whether to stop without an error where the audio ends early.

    Raises
    ------
    AudioError
        If rate or channels are not supported, or differ from link to link.
    soundfile.LibsndfileError, TypeError
        If libsndfile does not read it.
    """

    def __init__(
        self,
        file: RegularFile | Path,
        extent: Extent = Extent(),  # noqa: B008 - immutable
        accept_truncated: bool = False,
    ) -> None:
        self.file = file if isinstance(file, RegularFile) else regular_file(file)
        self.path, self.stream, self.name = self.file.path, 0, self.file.name
        self.accept_truncated = accept_truncated
        self.notes = [f"'{self.name}': {extent.remark}"] if extent.remark else []
        self._links = extent.links or ((0, self.path.stat().st_size),)
        self._lengths: list[int] = []
        for link in self._links:
            self._add(link)
        self.num_samples: int | None = sum(self._lengths)
        check_supported(self)

    def _add(self, link: tuple[int, int]) -> None:
        """Read a link's header."""
        with silence_stderr(), self._open(link) as part:
            if not self._lengths:
                self.sample_rate: int = part.samplerate
                self.channels: int = part.channels
                self.width: Width = _width(part.subtype)
                self.is_mpeg = part.format == "MP3"
            if (self.sample_rate, self.channels) != (part.samplerate, part.channels):
                raise change_error(self, sum(self._lengths), part.samplerate, part.channels)
            self._lengths.append(part.frames)

    def blocks(self, size: int, start: int = 0) -> Iterator[ExactSamples]:
        """See `AudioSource.blocks`."""
        position = 0
        for number, (link, length) in enumerate(zip(self._links, self._lengths, strict=True)):
            skipped = min(max(0, start - position), length)
            position += skipped
            end = position - skipped + length
            if skipped < length or number == len(self._links) - 1:
                for block in self._blocks_of_link(link, size, skipped, position):
                    position += block.shape[1]
                    yield block
            if position < end:
                self._end_early(position)
                return

    def excerpt(self, start: int, count: int) -> ExactSamples:
        """Read at most `count` samples, ``(channel, sample)``, from sample `start`."""
        pieces, missing = [], count
        for block in self.blocks(count, start):
            pieces.append(block[:, :missing])
            if (missing := missing - block.shape[1]) <= 0:
                break
        return np.concatenate(pieces, axis=1) if pieces else np.empty((self.channels, 0))

    def _end_early(self, position: int) -> None:
        announced = sum(self._lengths)
        if not self.accept_truncated:
            raise truncation_error(self.name, announced, position)
        note_truncation(self, announced, position)

    def _blocks_of_link(self, link: tuple[int, int], size: int, start: int, position: int) -> Iterator[ExactSamples]:
        """Yield a link's blocks from its sample `start` on, which is sample `position` of the whole."""
        try:
            with silence_stderr():
                part = self._open(link)
            with part:
                if start:  # some codecs, such as GSM in WAV, cannot seek at all
                    part.seek(start)
                while len(block := self._read(part, size)):
                    yield check_finite(block.T, position, self.name)
                    position += len(block)
        except soundfile.LibsndfileError as error:
            if not self.accept_truncated:
                reason = error.error_string.removeprefix("Error : ").strip(" .")
                raise damage_error(self.name, position, reason) from None

    def _open(self, link: tuple[int, int]) -> soundfile.SoundFile:
        if len(self._links) > 1:
            return soundfile.SoundFile(_Part(self.path, *link))
        # soundfile encodes a name strictly, which fails for one that is not UTF-8.
        return soundfile.SoundFile(self.path if os.name == "nt" else os.fsencode(self.path))

    def _read(self, part: soundfile.SoundFile, size: int) -> ExactSamples:
        with silence_stderr() if self.is_mpeg else nullcontext():
            block: ExactSamples = part.read(size, dtype="float64", always_2d=True)
        return block


class _Part(io.RawIOBase):
    """Bytes `begin` to `end` of a file, as a file."""

    def __init__(self, path: Path, begin: int, end: int) -> None:
        self._file, self._begin, self._size, self._position = path.open("rb"), begin, end - begin, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        self._file.seek(self._begin + self._position)
        content = self._file.read(max(0, min(len(buffer), self._size - self._position)))
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)

    def close(self) -> None:
        self._file.close()
        super().close()


def _width(subtype: str) -> Width:
    if subtype in ("FLOAT", "DOUBLE"):
        return "float"
    return "pcm24" if subtype in ("PCM_24", "PCM_32", "ALAC_20", "ALAC_24", "ALAC_32") else "pcm16"
