"""Audio files read by FFmpeg's libraries (PyAV)."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from stemtree.audio.formats import Width
from stemtree.audio.headers import truncation_error
from stemtree.audio.samples import ExactSamples
from stemtree.audio.source import check_finite, check_supported
from stemtree.errors import AudioError

_PRE_ROLL = 8192
"""Samples decoded before an excerpt, which the overlapping frames of AAC need."""


class AvSource:
    """One audio stream of a file read by FFmpeg's libraries."""

    def __init__(self, path: Path, stream: int = 0) -> None:
        import av

        self.name, self._stream = str(path), stream
        try:
            with av.open(self.name) as container:
                if len(container.streams.audio) <= stream:
                    available = len(container.streams.audio) or "no"
                    raise AudioError(
                        f"'{self.name}' holds {available} audio streams: give a file with {stream + 1} or more"
                    )
                audio = container.streams.audio[stream]
                if audio.codec_context is None or not audio.rate or not audio.channels:
                    raise AudioError(f"'{self.name}' cannot be decoded (unknown codec, or cut off): convert it to WAV")
                self.sample_rate, self.channels = audio.rate, audio.channels
                self.width: Width = _width(audio.codec_context)
                self._has_index = container.format.name.startswith("mov")
                self.num_samples = self._announced_samples(container, audio)
        except av.FFmpegError:
            raise AudioError(
                f"'{self.name}' cannot be read as audio (cut off, damaged, or in a format not known here): check that "
                "it plays, or convert it to WAV or FLAC"
            ) from None
        check_supported(self)

    def _announced_samples(self, container: Any, stream: Any) -> int | None:
        """Number of samples that the header announces; None in formats where FFmpeg only estimates it."""
        if self._has_index and stream.duration:
            return int(stream.duration * stream.time_base * self.sample_rate)
        # Matroska states the end of the longest stream: of the audio, if that is the only stream and starts at 0.
        if container.format.name.startswith("matroska") and len(container.streams) == 1 and not container.start_time:
            return int(Fraction(container.duration or 0, 1_000_000) * self.sample_rate) or None
        return None

    def blocks(self, size: int, start: int = 0) -> Iterator[ExactSamples]:
        """See `AudioSource.blocks`; decodes the file from its beginning, since codecs do not seek exactly."""
        import av

        position, waiting = 0, 0  # sample after the last decoded one; samples that wait in `pieces`
        pieces: list[ExactSamples] = []
        try:
            for first, piece in self._decoded():
                pieces.append(piece[:, max(0, start - first) :])
                position = first + piece.shape[1]
                waiting += pieces[-1].shape[1]
                while waiting >= size:
                    whole = np.concatenate(pieces, axis=1)
                    yield check_finite(whole[:, :size], position - waiting, self.name)
                    pieces, waiting = [whole[:, size:]], waiting - size
        except (av.FFmpegError, ValueError) as error:  # ValueError: the stream changes its rate or layout
            reason = getattr(error, "strerror", error)
            raise AudioError(
                f"'{self.name}' is damaged after {position} samples ({reason}): get a whole copy"
            ) from None
        # Containers announce whole codec frames and may be off by the encoder's padding, hence the half second.
        if self.num_samples is not None and position < self.num_samples - self.sample_rate // 2:
            raise truncation_error(self, self.num_samples, position)
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
        import av

        seek_to = max(0, start - _PRE_ROLL) if self._has_index else 0
        announced = 0 if self.num_samples is None else self.num_samples - self.sample_rate // 2  # as for `blocks`
        pieces: list[ExactSamples] = []
        found = 0
        try:
            for first, piece in self._decoded(seek_to):
                pieces.append(piece[:, max(0, start - first) :])
                found += pieces[-1].shape[1]
                if found >= count:
                    break
        except (av.FFmpegError, ValueError) as error:
            reason = getattr(error, "strerror", error)
            raise AudioError(f"'{self.name}' is damaged near sample {start} ({reason}): get a whole copy") from None
        if found < count and start + found < min(start + count, announced):
            raise AudioError(
                f"'{self.name}' is cut off: it announces {self.num_samples} samples and has none from {start + found} "
                "on; get a whole copy, or re-save it to keep what is there"
            )
        whole = np.concatenate(pieces, axis=1) if pieces else np.empty((self.channels, 0))
        return check_finite(whole[:, :count], start, self.name)

    def _decoded(self, seek_to: int = 0) -> Iterator[tuple[int, ExactSamples]]:
        """Yield the position of each decoded piece's first sample and the piece, from about sample `seek_to` on."""
        import av

        with av.open(self.name) as container:
            stream = container.streams.audio[self._stream]
            resampler = av.AudioResampler(format="dblp", layout="mono" if self.channels == 1 else "stereo")
            position = 0
            tick = stream.time_base or Fraction(1, self.sample_rate)
            if seek_to:
                container.seek(int(seek_to / self.sample_rate / tick), stream=stream)
            for number, frame in enumerate(container.decode(stream)):
                if seek_to and number == 0:
                    elapsed = (frame.pts or 0) - (stream.start_time or 0)
                    position = round(elapsed * tick * self.sample_rate)
                for piece in resampler.resample(frame):
                    yield position, piece.to_ndarray().astype(np.float64, copy=False)
                    position += piece.samples
            for piece in resampler.resample(None):
                yield position, piece.to_ndarray().astype(np.float64, copy=False)
                position += piece.samples


def _width(codec: Any) -> Width:
    if codec.name.startswith(("pcm_f", "wavpack")) and codec.format.name.startswith(("flt", "dbl")):
        return "float"
    return "pcm24" if codec.format.name.startswith("s32") else "pcm16"
