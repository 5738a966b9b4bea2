"""Reading audio files of any container, in blocks of float64 samples."""

import os
from collections.abc import Iterator
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from stemtree.audio.formats import Width
from stemtree.audio.headers import (
    MALFORMED,
    check_header,
    mpeg_states_length,
    ogg_is_complete,
    silence_stderr,
    truncation_error,
)
from stemtree.audio.samples import ExactSamples
from stemtree.audio.source import ArraySource, AudioSource, check_finite, check_supported
from stemtree.errors import AudioError, OptionError

_PRE_ROLL = 8192
"""Samples decoded before an excerpt, which the overlapping frames of AAC need."""

_BLOCK = 1 << 16
"""Samples read at a time."""


class SoundFileSource:
    """An audio file read by libsndfile: WAV, FLAC, OGG, MP3, AIFF and others."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        with silence_stderr(), soundfile.SoundFile(path) as file:
            self.sample_rate, self.channels, self.num_samples = file.samplerate, file.channels, file.frames
            self.width: Width = _soundfile_width(file.subtype)
            self.is_mpeg = file.format == "MP3"
            check_header(self, file.extra_info)
        check_supported(self)

    def blocks(self, size: int, start: int = 0) -> Iterator[ExactSamples]:
        """See `AudioSource.blocks`."""
        position = start
        try:
            with silence_stderr():
                file = soundfile.SoundFile(self.name)
            with file:
                if start:  # some codecs, such as GSM in WAV, cannot seek at all
                    file.seek(min(start, self.num_samples))
                while len(block := self._read(file, size)):
                    yield check_finite(block.T, position, self.name)
                    position += len(block)
        except soundfile.LibsndfileError as error:
            reason = error.error_string.removeprefix("Error : ").strip(" .")
            raise AudioError(
                f"'{self.name}' is damaged after {position} samples ({reason}): get a whole copy"
            ) from None
        if position < self.num_samples:
            raise truncation_error(self, self.num_samples, position)

    def _read(self, file: soundfile.SoundFile, size: int) -> ExactSamples:
        with silence_stderr() if self.is_mpeg else nullcontext():
            block: ExactSamples = file.read(size, dtype="float64", always_2d=True)
        return block


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
                self.width: Width = _av_width(audio.codec_context)
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


def open_source(path: str | os.PathLike[str], stream: int = 0) -> AudioSource:
    """Open an audio file with libsndfile, or with FFmpeg's libraries if it cannot read the file.

    Parameters
    ----------
    path : path-like
        A file in any container that either library reads, mono or stereo, 8 to 192 kHz.
    stream : int
        Number of the audio stream in the file.

    Raises
    ------
    AudioError
        If the file is missing, empty, not audio, cut off, contradicts its own header, or is outside those limits.
        Damage and NaN further in are reported by `AudioSource.blocks`.
    """
    file = Path(path)
    try:
        if file.is_dir():
            raise AudioError(f"'{file}' is a folder: give an audio file")
        if file.stat().st_size == 0:
            raise AudioError(f"'{file}' is an empty file: get a whole copy")
        with file.open("rb") as content:
            is_ogg = content.read(4) == b"OggS"
        if is_ogg and not ogg_is_complete(file):
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
    return source if states_length(file, source.is_mpeg, source.num_samples) else AvSource(file)


def to_source(song: Any, sample_rate: int | None = None) -> AudioSource:
    """Open a song that is given as a path, as samples, or as a source already.

    Parameters
    ----------
    song : path-like, AudioSource or array_like
        A file, or ``(channel, sample)`` or ``(sample,)`` samples in [-1, 1].
    sample_rate : int, optional
        Of an array, in Hz.

    Raises
    ------
    AudioError
        If the song cannot be read.
    OptionError
        If an array comes without its sample rate, or a file with one.
    """
    if isinstance(song, str | os.PathLike):
        if sample_rate is not None:
            raise OptionError(f"'{song}' tells its own sample rate: leave out sample_rate={sample_rate}")
        return open_source(song)
    if isinstance(song, AudioSource):
        return song
    if sample_rate is None:
        raise OptionError("an array does not tell its sample rate: give sample_rate in Hz")
    return ArraySource(song, sample_rate)


def states_length(path: Path, is_mpeg: bool, num_samples: int) -> bool:
    """Whether libsndfile finds a file's end; without a stated length it guesses one (MPEG) or never ends (FLAC)."""
    return mpeg_states_length(path) if is_mpeg else num_samples < 1 << 62


def read(
    path: str | os.PathLike[str], start: int = 0, count: int | None = None, stream: int = 0
) -> tuple[ExactSamples, int]:
    """Read a file, or an excerpt of it, into memory.

    Parameters
    ----------
    path : path-like
        As for `open_source`.
    start, count : int
        First sample and number of samples; fewer are returned where the file ends.
    stream : int
        Number of the audio stream in the file.

    Returns
    -------
    samples : (channel, sample) float64
    sample_rate : int
    """
    source = open_source(path, stream)
    blocks: list[ExactSamples] = []
    missing = count
    for block in source.blocks(_BLOCK if count is None else max(1, min(count, _BLOCK)), start):
        blocks.append(block if missing is None else block[:, :missing])
        if missing is not None and (missing := missing - block.shape[1]) <= 0:
            break
    samples = np.concatenate(blocks, axis=1) if blocks else np.empty((source.channels, 0))
    return samples, source.sample_rate


def _soundfile_width(subtype: str) -> Width:
    if subtype in ("FLOAT", "DOUBLE"):
        return "float"
    return "pcm24" if subtype in ("PCM_24", "PCM_32", "ALAC_20", "ALAC_24", "ALAC_32") else "pcm16"


def _av_width(codec: Any) -> Width:
    if codec.name.startswith(("pcm_f", "wavpack")) and codec.format.name.startswith(("flt", "dbl")):
        return "float"
    return "pcm24" if codec.format.name.startswith("s32") else "pcm16"
