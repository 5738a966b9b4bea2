"""Audio files of any container, as blocks of exact samples."""

import os
from collections.abc import Iterator
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from stemtree.audio.formats import Width
from stemtree.audio.headers import MALFORMED, check_header, cut_off, mpeg_tells_its_length, ogg_is_whole, quiet
from stemtree.audio.samples import ExactSamples
from stemtree.audio.source import Source, check_shape, finite
from stemtree.errors import AudioError

_WARM_UP = 8192
"""Samples decoded before an excerpt, which AAC's overlapping frames need."""


class SoundFileSource:
    """A file that libsndfile reads: WAV, FLAC, OGG, MP3, AIFF and many more."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        with quiet(), soundfile.SoundFile(path) as file:
            self.sample_rate, self.channels, self.frames = file.samplerate, file.channels, file.frames
            self.width: Width = _soundfile_width(file.subtype)
            self.is_mpeg = file.format == "MP3"
            check_header(self, file.extra_info)
        check_shape(self)

    def blocks(self, size: int, start: int = 0) -> Iterator[ExactSamples]:
        """See `Source.blocks`."""
        position = start
        try:
            with quiet():
                file = soundfile.SoundFile(self.name)
            with file:
                if start:  # some codecs, such as GSM in WAV, cannot seek at all
                    file.seek(min(start, self.frames))
                while len(block := self._read(file, size)):
                    yield finite(block.T, position, self.name)
                    position += len(block)
        except soundfile.LibsndfileError as error:
            reason = error.error_string.removeprefix("Error : ").strip(" .")
            raise AudioError(
                f"'{self.name}' is damaged after {position} samples ({reason}): get a whole copy"
            ) from None
        if position < self.frames:
            raise cut_off(self, self.frames, position)

    def _read(self, file: soundfile.SoundFile, size: int) -> ExactSamples:
        with quiet() if self.is_mpeg else nullcontext():
            block: ExactSamples = file.read(size, dtype="float64", always_2d=True)
        return block


class AvSource:
    """A file that FFmpeg's libraries read; of several audio streams one."""

    def __init__(self, path: Path, stream: int = 0) -> None:
        import av

        self.name, self._stream = str(path), stream
        try:
            with av.open(self.name) as container:
                if len(container.streams.audio) <= stream:
                    held = len(container.streams.audio) or "no"
                    raise AudioError(f"'{self.name}' holds {held} audio streams: give a file with {stream + 1} or more")
                audio = container.streams.audio[stream]
                if audio.codec_context is None or not audio.rate or not audio.channels:
                    raise AudioError(f"'{self.name}' cannot be decoded (unknown codec, or cut off): convert it to WAV")
                self.sample_rate, self.channels = audio.rate, audio.channels
                self.width: Width = _av_width(audio.codec_context)
                self._has_index = container.format.name.startswith("mov")
                self.frames = self._announced(container, audio)
        except av.FFmpegError:
            raise AudioError(
                f"'{self.name}' cannot be read as audio (cut off, damaged, or in a format not known here): check that "
                "it plays, or convert it to WAV or FLAC"
            ) from None
        check_shape(self)

    def _announced(self, container: Any, stream: Any) -> int | None:
        """Samples that the header announces; None in formats where FFmpeg only guesses."""
        if self._has_index and stream.duration:
            return int(stream.duration * stream.time_base * self.sample_rate)
        # Matroska tells how long the longest stream lasts: the audio, if there is nothing else and it starts at once.
        if container.format.name.startswith("matroska") and len(container.streams) == 1 and not container.start_time:
            return int(Fraction(container.duration or 0, 1_000_000) * self.sample_rate) or None
        return None

    def blocks(self, size: int, start: int = 0) -> Iterator[ExactSamples]:
        """See `Source.blocks`; decodes what lies before `start` as well, since codecs do not seek exactly."""
        import av

        position, held = 0, 0
        pieces: list[ExactSamples] = []
        try:
            for first, piece in self._decoded():
                pieces.append(piece[:, max(0, start - first) :])
                position = first + piece.shape[1]
                held += pieces[-1].shape[1]
                while held >= size:
                    whole = np.concatenate(pieces, axis=1)
                    yield finite(whole[:, :size], position - held, self.name)
                    pieces, held = [whole[:, size:]], held - size
        except (av.FFmpegError, ValueError) as error:  # ValueError: the stream changes its rate or layout
            reason = getattr(error, "strerror", error)
            raise AudioError(
                f"'{self.name}' is damaged after {position} samples ({reason}): get a whole copy"
            ) from None
        # Containers announce whole codec frames and may be off by the encoder's padding, hence the half second.
        if self.frames is not None and position < self.frames - self.sample_rate // 2:
            raise cut_off(self, self.frames, position)
        if position == 0:
            raise AudioError(f"'{self.name}' holds no samples: give audio of at least one sample")
        if held:
            yield finite(np.concatenate(pieces, axis=1), position - held, self.name)

    def excerpt(self, start: int, count: int) -> ExactSamples:
        """``(channel, sample)``: at most `count` samples from sample `start`, found by the container's index (MP4).

        Unlike `blocks`, not the same to the last bit each time: where AAC keeps only the level of a noise, the noise
        depends on where decoding began.

        Raises
        ------
        AudioError
            If the file is damaged there, or ends well before it said it would.
        """
        import av

        seek_to = max(0, start - _WARM_UP) if self._has_index else 0
        announced = 0 if self.frames is None else self.frames - self.sample_rate // 2  # as for `blocks`
        pieces: list[ExactSamples] = []
        held = 0
        try:
            for first, piece in self._decoded(seek_to):
                pieces.append(piece[:, max(0, start - first) :])
                held += pieces[-1].shape[1]
                if held >= count:
                    break
        except (av.FFmpegError, ValueError) as error:
            reason = getattr(error, "strerror", error)
            raise AudioError(f"'{self.name}' is damaged near sample {start} ({reason}): get a whole copy") from None
        if held < count and start + held < min(start + count, announced):
            raise AudioError(
                f"'{self.name}' is cut off: it announces {self.frames} samples and has none from {start + held} on; "
                "get a whole copy, or re-save it to keep what is there"
            )
        whole = np.concatenate(pieces, axis=1) if pieces else np.empty((self.channels, 0))
        return finite(whole[:, :count], start, self.name)

    def _decoded(self, seek_to: int = 0) -> Iterator[tuple[int, ExactSamples]]:
        """Pieces and their first samples, from about `seek_to` on."""
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


def open_source(path: str | os.PathLike[str], stream: int = 0) -> Source:
    """Open an audio file with whichever library reads it.

    Parameters
    ----------
    path : path-like
        A file in any container that libsndfile or FFmpeg's libraries read, mono or stereo, 8 to 192 kHz.
    stream : int
        Which of its audio streams.

    Raises
    ------
    AudioError
        If it is missing, empty, not audio, cut off, at odds with its own header, or outside those limits.
        What only shows while reading (damage, NaN) is raised by `Source.blocks`.
    """
    file = Path(path)
    try:
        if file.is_dir():
            raise AudioError(f"'{file}' is a folder: give an audio file")
        if file.stat().st_size == 0:
            raise AudioError(f"'{file}' is an empty file: get a whole copy")
        with file.open("rb") as content:
            is_ogg = content.read(4) == b"OggS"
        if is_ogg and not ogg_is_whole(file):
            raise AudioError(f"'{file}' is cut off before its last Ogg page: get a whole copy")
    except OSError as error:
        raise AudioError(f"cannot read '{file}': {error.strerror}; check the path and its permissions") from None
    if stream:
        return AvSource(file, stream)
    try:
        source = SoundFileSource(file)
    except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: a .raw file, which has no header
        if getattr(error, "code", None) == MALFORMED:
            raise AudioError(f"'{file}' has a damaged header: get a whole copy or re-save it") from None
        return AvSource(file)
    return source if tells_length(file, source.is_mpeg, source.frames) else AvSource(file)


def tells_length(path: Path, is_mpeg: bool, frames: int) -> bool:
    """Whether libsndfile knows where a file ends; else it extrapolates (MPEG) and stops there, or cannot end (FLAC)."""
    return mpeg_tells_its_length(path) if is_mpeg else frames < 1 << 62


def read(
    path: str | os.PathLike[str], start: int = 0, count: int | None = None, stream: int = 0
) -> tuple[ExactSamples, int]:
    """Read a stretch of a file into memory.

    Parameters
    ----------
    path : path-like
        As for `open_source`.
    start, count : int
        First sample and number of samples; fewer come back where the file ends.
    stream : int
        Which of its audio streams.

    Returns
    -------
    samples : (channel, sample) float64
    sample_rate : int
    """
    source = open_source(path, stream)
    got: list[ExactSamples] = []
    missing = count
    for block in source.blocks(1 << 16 if count is None else max(1, min(count, 1 << 16)), start):
        got.append(block if missing is None else block[:, :missing])
        if missing is not None and (missing := missing - block.shape[1]) <= 0:
            break
    return (np.concatenate(got, axis=1) if got else np.empty((source.channels, 0))), source.sample_rate


def _soundfile_width(subtype: str) -> Width:
    if subtype in ("FLOAT", "DOUBLE"):
        return "float"
    return "pcm24" if subtype in ("PCM_24", "PCM_32", "ALAC_20", "ALAC_24", "ALAC_32") else "pcm16"


def _av_width(codec: Any) -> Width:
    if codec.name.startswith(("pcm_f", "wavpack")) and codec.format.name.startswith(("flt", "dbl")):
        return "float"
    return "pcm24" if codec.format.name.startswith("s32") else "pcm16"
