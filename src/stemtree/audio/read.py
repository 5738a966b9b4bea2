"""Audio in: files of any container and arrays, as blocks of exact samples."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from fractions import Fraction
from pathlib import Path as FilePath
from typing import Any, Protocol

import numpy as np
import soundfile

from stemtree.audio.formats import RATES, Width
from stemtree.errors import AudioError
from stemtree.types import ExactSamples

_LOUDEST = 1e6
"""Full scale is 1; what is this far beyond it is not audio and would overflow."""


class Source(Protocol):
    """One song to read from, once or again from the start.

    Attributes
    ----------
    name : str
        What messages call it.
    sample_rate : int
        In Hz.
    channels : int
        1 or 2.
    frames : int or None
        Length in samples, to within a codec's padding; None where the container does not tell.
    width : {"pcm16", "pcm24", "float"}
        What stems are written as by default: 16 bits for lossy codecs, 24 for integers of more than 16.
    """

    name: str
    sample_rate: int
    channels: int
    frames: int | None
    width: Width

    def blocks(self, size: int, start: int = 0) -> Iterator[ExactSamples]:
        """Yield ``(channel, sample)`` blocks of at most `size` samples from sample `start` to the end."""
        ...


class ArraySource:
    """Samples in memory.

    Parameters
    ----------
    samples : array_like
        ``(sample,)`` or ``(channel, sample)``: floats in [-1, 1], int16 or int32.
    sample_rate : int
        In Hz.
    name : str
        What messages call it.

    Raises
    ------
    AudioError
        If it has more than two channels, no sample, an unusable rate, or a value that is not finite.
    """

    def __init__(self, samples: Any, sample_rate: int, name: str = "the array") -> None:
        if hasattr(samples, "detach"):  # a torch tensor, on whatever device and of whatever precision
            samples = samples.detach().cpu()
            samples = (samples.float() if samples.is_floating_point() else samples).numpy()
        array = np.asarray(samples)
        if array.ndim == 1:
            array = array[None]
        if array.ndim != 2 or (array.shape[0] > 2 >= array.shape[1]):
            raise AudioError(f"{name} has the shape {array.shape}: give it as (channel, sample)")
        self.width: Width = "float"
        if array.dtype in (np.int16, np.int32):
            self.width = "pcm16" if array.dtype == np.int16 else "pcm24"
            array = array / 2.0 ** (8 * array.dtype.itemsize - 1)
        elif not np.issubdtype(array.dtype, np.floating):
            raise AudioError(f"{name} holds {array.dtype}: give floats in [-1, 1], int16 or int32")
        if not isinstance(sample_rate, int | np.integer):
            raise AudioError(f"{name} has a sample rate of {sample_rate!r}: give a whole number of Hz")
        self.name, self.sample_rate = name, int(sample_rate)
        self.channels, self.frames = array.shape
        self._samples = array
        _check_shape(self)

    def blocks(self, size: int, start: int = 0) -> Iterator[ExactSamples]:
        """See `Source.blocks`."""
        for begin in range(start, self._samples.shape[1], size):
            yield _finite(self._samples[:, begin : begin + size].astype(np.float64), begin, self)


class SoundFileSource:
    """A file that libsndfile reads: WAV, FLAC, OGG, MP3, AIFF and many more."""

    def __init__(self, path: FilePath) -> None:
        self.name = str(path)
        with _quiet(), soundfile.SoundFile(path) as file:
            self.sample_rate, self.channels, self.frames = file.samplerate, file.channels, file.frames
            self.width: Width = _soundfile_width(file.subtype)
            self.is_mpeg = file.format == "MP3"
            _check_header(self, file.extra_info)
        _check_shape(self)

    def blocks(self, size: int, start: int = 0) -> Iterator[ExactSamples]:
        """See `Source.blocks`."""
        position = start
        try:
            with _quiet():
                file = soundfile.SoundFile(self.name)
            with file:
                if start:  # some codecs, such as GSM in WAV, cannot seek at all
                    file.seek(min(start, self.frames))
                while len(block := self._read(file, size)):
                    yield _finite(block.T, position, self)
                    position += len(block)
        except soundfile.LibsndfileError as error:
            reason = error.error_string.removeprefix("Error : ").strip(" .")
            raise AudioError(
                f"'{self.name}' is damaged after {position} samples ({reason}): get a whole copy"
            ) from None
        if position < self.frames:
            raise _cut_off(self, self.frames, position)

    def _read(self, file: soundfile.SoundFile, size: int) -> ExactSamples:
        with _quiet() if self.is_mpeg else nullcontext():
            block: ExactSamples = file.read(size, dtype="float64", always_2d=True)
        return block


class AvSource:
    """A file that FFmpeg's libraries read; of several audio streams one."""

    def __init__(self, path: FilePath, stream: int = 0) -> None:
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
                self.frames = self._announced(container, audio)
        except av.FFmpegError:
            raise AudioError(
                f"'{self.name}' cannot be read as audio (cut off, damaged, or in a format not known here): check that "
                "it plays, or convert it to WAV or FLAC"
            ) from None
        _check_shape(self)

    def _announced(self, container: Any, stream: Any) -> int | None:
        """Samples that the header announces; None in formats where FFmpeg only guesses."""
        if container.format.name.startswith("mov") and stream.duration:
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
            for piece in self._decoded():
                pieces.append(piece[:, max(0, start - position) :])
                position += piece.shape[1]
                held += pieces[-1].shape[1]
                while held >= size:
                    whole = np.concatenate(pieces, axis=1)
                    yield _finite(whole[:, :size], position - held, self)
                    pieces, held = [whole[:, size:]], held - size
        except (av.FFmpegError, ValueError) as error:  # ValueError: the stream changes its rate or layout
            reason = getattr(error, "strerror", error)
            raise AudioError(
                f"'{self.name}' is damaged after {position} samples ({reason}): get a whole copy"
            ) from None
        # Containers announce whole codec frames and may be off by the encoder's padding, hence the half second.
        if self.frames is not None and position < self.frames - self.sample_rate // 2:
            raise _cut_off(self, self.frames, position)
        if position == 0:
            raise AudioError(f"'{self.name}' holds no samples: give audio of at least one sample")
        if held:
            yield _finite(np.concatenate(pieces, axis=1), position - held, self)

    def _decoded(self) -> Iterator[ExactSamples]:
        import av

        with av.open(self.name) as container:
            resampler = av.AudioResampler(format="dblp", layout="mono" if self.channels == 1 else "stereo")
            for frame in container.decode(container.streams.audio[self._stream]):
                for piece in resampler.resample(frame):
                    yield piece.to_ndarray().astype(np.float64, copy=False)
            for piece in resampler.resample(None):
                yield piece.to_ndarray().astype(np.float64, copy=False)


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
    file = FilePath(path)
    try:
        if file.is_dir():
            raise AudioError(f"'{file}' is a folder: give an audio file")
        if file.stat().st_size == 0:
            raise AudioError(f"'{file}' is an empty file: get a whole copy")
        with file.open("rb") as content:
            is_ogg = content.read(4) == b"OggS"
        if is_ogg and not _ogg_is_whole(file):
            raise AudioError(f"'{file}' is cut off before its last Ogg page: get a whole copy")
    except OSError as error:
        raise AudioError(f"cannot read '{file}': {error.strerror}; check the path and its permissions") from None
    if stream:
        return AvSource(file, stream)
    try:
        source = SoundFileSource(file)
    except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: a .raw file, which has no header
        if getattr(error, "code", None) == _MALFORMED:
            raise AudioError(f"'{file}' has a damaged header: get a whole copy or re-save it") from None
        return AvSource(file)
    # Where a file does not tell its length, libsndfile extrapolates it (MPEG) and stops there, or cannot end (FLAC).
    tells_length = _mpeg_tells_its_length(file) if source.is_mpeg else source.frames < 1 << 62
    return source if tells_length else AvSource(file)


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


_MALFORMED = 3
"""libsndfile's code for a header it knows and cannot follow; FFmpeg would read what is left and say nothing."""


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep libmpg123, deep inside libsndfile, from writing warnings to the process's stderr."""
    with open(os.devnull, "wb") as nowhere:
        stderr = os.dup(2)
        try:
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


_LIE = re.compile(r"^\s*(?P<chunk>\w+)(?: size)?\s*: (?P<said>\d+) \(should be (?P<real>\d+)\)", re.MULTILINE | re.I)


def _check_header(source: SoundFileSource, log: str) -> None:
    """Compare what the header says with what libsndfile found, which it tells only in its log."""
    for lie in _LIE.finditer(log):
        said, real = int(lie["said"]), int(lie["real"])
        # Many writers count the outermost chunk's own header too: harmless there, never in the audio's own chunk.
        if said > real + (64 if lie["chunk"].upper() in ("RIFF", "FORM", "RF64") else 0):
            raise AudioError(
                f"'{source.name}' is cut off or its header is wrong: it announces {said} bytes and holds "
                f"{real}; get a whole copy, or re-save it to keep what is there"
            )
    if "Unknown chunk marker" in log and "Exiting parser" in log:
        raise AudioError(
            f"'{source.name}' has a wrong header: it announces {source.frames} samples, but more data "
            "follows; get a whole copy or re-save it"
        )


def _check_shape(source: Source) -> None:
    if source.channels not in (1, 2):
        raise AudioError(f"'{source.name}' has {source.channels} channels: mix it down to mono or stereo first")
    if not RATES[0] <= source.sample_rate <= RATES[1]:
        raise AudioError(
            f"'{source.name}' has a sample rate of {source.sample_rate} Hz: resample it to between "
            f"{RATES[0]} and {RATES[1]} Hz"
        )
    if source.frames == 0:
        raise AudioError(f"'{source.name}' holds no samples: give audio of at least one sample")


def _cut_off(source: Source, announced: int, position: int) -> AudioError:
    return AudioError(
        f"'{source.name}' is cut off: it announces {announced} samples and holds {position}; get a whole "
        "copy, or re-save it to keep what is there"
    )


def _finite(block: ExactSamples, position: int, source: Source) -> ExactSamples:
    if not np.isfinite(block).all():
        sample = position + int(np.flatnonzero(~np.isfinite(block).all(axis=0))[0])
        raise AudioError(f"'{source.name}' holds NaN or infinity at sample {sample}: repair it or export it again")
    if (loudest := np.abs(block).max(initial=0)) > _LOUDEST:
        raise AudioError(f"'{source.name}' holds a sample of {loudest:.0e}, where full scale is 1: scale it down")
    return block


def _ogg_is_whole(path: FilePath) -> bool:
    """Whether the last Ogg page is marked as the stream's last (RFC 3533, header type 0x04)."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - (1 << 16)))
        tail = file.read()
    last = tail.rfind(b"OggS")
    return last >= 0 and bool(tail[last + 5] & 4)


def _mpeg_tells_its_length(path: FilePath) -> bool:
    """Whether the first MPEG frame, after an ID3 tag, is one of LAME's or Xing's with the number of frames."""
    with path.open("rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3":  # its size: four bytes of seven bits each
            size = sum((byte & 127) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
            file.seek(10 + size)
        else:
            file.seek(0)
        first = file.read(4096)
    return b"Xing" in first or b"Info" in first


def _soundfile_width(subtype: str) -> Width:
    if subtype in ("FLOAT", "DOUBLE"):
        return "float"
    return "pcm24" if subtype in ("PCM_24", "PCM_32", "ALAC_20", "ALAC_24", "ALAC_32") else "pcm16"


def _av_width(codec: Any) -> Width:
    if codec.name.startswith(("pcm_f", "wavpack")) and codec.format.name.startswith(("flt", "dbl")):
        return "float"
    return "pcm24" if codec.format.name.startswith("s32") else "pcm16"
