"""What sources that FFmpeg's decoders read have in common: frames of audio in, blocks of samples out."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np

from stemtree.audio.formats import Width
from stemtree.audio.regular_file import RegularFile
from stemtree.audio.samples import ExactSamples
from stemtree.audio.source import change_error, check_finite, damage_error, note_truncation, truncation_error
from stemtree.errors import AudioError, counted

_FULL_SCALE = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31}
"""What integers are divided by."""


class DecodedSource(ABC):
    """A file whose audio comes as decoded frames.

    Parameters
    ----------
    file : RegularFile
        The file.
    accept_truncated : bool
        Whether to stop without an error where the audio ends early.
    """

    stream = 0
    sample_rate: int
    channels: int
    num_samples: int | None
    width: Width

    def __init__(self, file: RegularFile, accept_truncated: bool) -> None:
        self.file, self.path, self.name = file, file.path, file.name
        self.accept_truncated = accept_truncated
        self.notes: list[str] = []

    @abstractmethod
    def _decoded(self, seek_to: int = 0) -> Iterator[tuple[int, ExactSamples]]:
        """Yield the position of each decoded piece's first sample and the piece, from about sample `seek_to` on.

        Raises
        ------
        AudioError
            If the file is damaged or changes its rate or channels.
        """

    def _least_samples(self) -> int:
        """How many samples must be there for the file to be whole."""
        return self.num_samples or 0

    def _first_needed(self, start: int) -> int:
        """The sample from which decoding must begin to be exact at sample `start`."""
        return 0

    def blocks(self, size: int, start: int = 0) -> Iterator[ExactSamples]:
        """See `AudioSource.blocks`; decodes the file from its beginning, since codecs do not seek exactly."""
        position, waiting = 0, 0  # sample after the last decoded one; samples that wait in `pieces`
        pieces: list[ExactSamples] = []
        for first, piece in self._decoded():
            pieces.append(piece[:, max(0, start - first) :])
            position = first + piece.shape[1]
            waiting += pieces[-1].shape[1]
            while waiting >= size:
                whole = np.concatenate(pieces, axis=1)
                yield check_finite(whole[:, :size], position - waiting, self.name)
                pieces, waiting = [whole[:, size:]], waiting - size
        if position < self._least_samples():
            self._end_early(position)
        if position == 0:
            raise AudioError(f"'{self.name}' holds no samples: give audio of at least one sample")
        if waiting:
            yield check_finite(np.concatenate(pieces, axis=1), position - waiting, self.name)

    def excerpt(self, start: int, count: int) -> ExactSamples:
        """Read at most `count` samples, ``(channel, sample)``, from sample `start`; MP4's index makes this quick.

        Unlike with `blocks`, the samples depend slightly on where decoding begins: AAC codes noise by its power alone
        and draws it anew.

        Raises
        ------
        AudioError
            If the file is damaged there, or ends well before the length that its header announces.
        """
        pieces: list[ExactSamples] = []
        found = 0
        for first, piece in self._decoded(self._first_needed(start)):
            pieces.append(piece[:, max(0, start - first) :])
            found += pieces[-1].shape[1]
            if found >= count:
                break
        is_short = found < count and start + found < min(start + count, self._least_samples())
        if is_short and not self.accept_truncated:
            raise truncation_error(self.name, self.num_samples or 0, start + found)
        whole = np.concatenate(pieces, axis=1) if pieces else np.empty((self.channels, 0))
        return check_finite(whole[:, :count], start, self.name)

    def _samples(self, frame: Any, position: int) -> ExactSamples:
        """The samples of a decoded frame that begins at a sample.

        Raises
        ------
        AudioError
            If its rate or number of channels is not that of the file.
        """
        channels = frame.layout.nb_channels
        if (frame.sample_rate, channels) != (self.sample_rate, self.channels):
            raise change_error(self, position, frame.sample_rate, channels)
        samples = frame.to_ndarray()
        if not frame.format.is_planar:
            samples = samples.reshape(-1, channels).T
        with np.errstate(invalid="ignore"):  # NaN, which is reported with its place
            exact: ExactSamples = samples.astype(np.float64)
        kind = frame.format.name.removesuffix("p")
        if kind == "u8":
            exact -= 128
        if kind in _FULL_SCALE:
            exact /= _FULL_SCALE[kind]
        return exact

    def _end_early(self, position: int) -> None:
        """Raise AudioError for a file that ends at a sample, unless that is accepted."""
        if not self.accept_truncated:
            raise truncation_error(self.name, self.num_samples or 0, position)
        note_truncation(self, self.num_samples or 0, position)

    def _fail(self, position: int, error: Exception) -> None:
        """Raise AudioError for what cannot be decoded from a sample on, unless it is accepted that it is missing."""
        reason = str(getattr(error, "strerror", None) or error)
        if not self.accept_truncated:
            raise damage_error(self.name, position, reason) from None
        self.notes.append(
            f"'{self.name}' is damaged after {counted(position, 'sample')} ({reason}): only what is before was read"
        )
