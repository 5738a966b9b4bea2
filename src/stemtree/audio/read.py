"""Reading audio files of any container, in blocks of float64 samples."""

import os
from os import PathLike
from typing import Any

import numpy as np
import soundfile

from stemtree.audio.containers import Extent, MpegStream, measure, measure_mpeg
from stemtree.audio.ffmpeg import AvSource
from stemtree.audio.libsndfile import LONGEST, SoundFileSource
from stemtree.audio.mpeg import MpegSource
from stemtree.audio.regular_file import RegularFile, regular_file
from stemtree.audio.samples import ExactSamples
from stemtree.audio.source import READ_SAMPLES, ArraySource, AudioSource, FileSource, cut_off_note, truncated
from stemtree.errors import AudioError, OptionError, whole_number

_MALFORMED = 3
"""libsndfile's error code for a damaged header of a known format. FFmpeg would read such a file without an error."""


def open_source(
    song: Any, stream: int | None = 0, *, accept_truncated: bool = False, thorough: bool = True
) -> FileSource:
    """Open an audio file with the library that reads all of it: libsndfile, or FFmpeg's libraries where it does not.

    What can be decoded decides how long the audio is, not what the header announces. Where the header announces more,
    the file is cut off.

    Parameters
    ----------
    song : path-like or binary file object
        A file in any container that either library reads, mono or stereo, 8 to 192 kHz; a pipe is read to its end.
    stream : int or None
        Number of the audio stream in the file; None is the first, and `FileSource.notes` tells if there are others.
    accept_truncated : bool
        Whether to read a file that is cut off as far as it goes, which is noted in `FileSource.notes`.
    thorough : bool
        Whether to read files through, without decoding, for what their headers do not tell: other FLAC files joined to
        the first, packets that are missing. Without this, `AudioSource.blocks` notices missing packets at their place.

    Raises
    ------
    TruncatedError
        If the file is cut off.
    AudioError
        If the file is missing, empty, not audio, contradicts its own header, or is outside those limits. Damage and NaN
        further in are reported by `AudioSource.blocks`.
    """
    stream = None if stream is None else whole_number(stream, "the number of a stream", 0)
    file = regular_file(song)
    try:
        extent, mpeg = measure(file.path, thorough)
    except OSError as error:
        raise AudioError(f"cannot read '{file.name}': {error.strerror}; check the path and its permissions") from None
    if extent.wrong_header:
        raise AudioError(f"'{file.name}' has a wrong header: {extent.wrong_header}; get a whole copy or re-save it")
    if extent.cut_off and not accept_truncated:
        raise truncated(file.name, extent.cut_off)
    if stream:
        return AvSource(file, stream, extent, accept_truncated, thorough)
    source: FileSource
    if with_libsndfile := _open_with_libsndfile(file, extent, mpeg, accept_truncated):
        source = with_libsndfile
    elif mpeg:
        source = MpegSource(file, mpeg, accept_truncated)
    else:
        source = with_ffmpeg = AvSource(file, stream, extent, accept_truncated, thorough)
        if with_ffmpeg.format == "mp3" and (mpeg := measure_mpeg(file.path)):  # something else stands before it
            source = MpegSource(file, mpeg, accept_truncated)
    if extent.cut_off:
        source.notes.insert(0, cut_off_note(file.name, extent.cut_off))
    return source


def _open_with_libsndfile(
    file: RegularFile, extent: Extent, mpeg: MpegStream | None, accept_truncated: bool
) -> SoundFileSource | None:
    """A source read by libsndfile, if that is certain to read all of the file."""
    if not extent.is_certain:
        return None
    try:
        source = SoundFileSource(file, extent, accept_truncated)
    except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: a .raw file, which has no header
        if getattr(error, "code", None) == _MALFORMED and not accept_truncated:
            raise AudioError(f"'{file.name}' has a damaged header: get a whole copy or re-save it") from None
        return None
    num_samples = source.num_samples or 0
    is_certain = extent.num_samples in (None, num_samples) and num_samples < LONGEST
    return source if is_certain and (mpeg or not source.is_mpeg) else None


def to_source(song: Any, sample_rate: int | None = None, **options: Any) -> AudioSource:
    """Open a song that is given as a path, a file object, as samples, or as a source already.

    Parameters
    ----------
    song : path-like, binary file object, AudioSource, array_like or tuple
        A file, ``(channel, sample)`` or ``(sample,)`` samples in [-1, 1] (see `ArraySource`), or a pair of samples and
        sample rate in either order, as `soundfile.read` and `scipy.io.wavfile.read` return it.
    sample_rate : int, optional
        Of an array, in Hz.
    **options
        Of `open_source`, for files.

    Raises
    ------
    AudioError
        If the song cannot be read.
    OptionError
        If an array comes without its sample rate or with a stream, or a file with a rate.
    """
    if isinstance(song, AudioSource):
        return song
    if isinstance(song, str | bytes | PathLike) or hasattr(song, "read"):
        if sample_rate is not None:
            raise OptionError(f"'{song}' tells its own sample rate: leave out sample_rate={sample_rate}")
        return open_source(os.fsdecode(song) if isinstance(song, bytes) else song, **options)
    if isinstance(song, tuple) and len(song) == 2 and np.isscalar(song[0]) != np.isscalar(song[1]):
        if sample_rate is not None:
            raise OptionError(f"the pair of samples and rate tells its rate: leave out sample_rate={sample_rate}")
        song, sample_rate = song if np.isscalar(song[1]) else song[::-1]
    if options.get("stream") is not None:
        raise OptionError(f"an array has no streams: leave out stream={options['stream']!r}")
    if sample_rate is None:
        raise OptionError("an array does not tell its sample rate: give sample_rate in Hz")
    return ArraySource(song, sample_rate)


def read(song: Any, start: int = 0, count: int | None = None, stream: int = 0) -> tuple[ExactSamples, int]:
    """Read a file, or an excerpt of it, into memory.

    Parameters
    ----------
    song : path-like or binary file object
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
    source = open_source(song, stream, thorough=count is None)
    return read_samples(source, start, count), source.sample_rate


def read_samples(source: AudioSource, start: int = 0, count: int | None = None) -> ExactSamples:
    """Read ``(channel, sample)`` samples of a source, see `read`."""
    blocks: list[ExactSamples] = []
    missing = count
    for block in source.blocks(READ_SAMPLES if count is None else max(1, min(count, READ_SAMPLES)), start):
        blocks.append(block if missing is None else block[:, :missing])
        if missing is not None and (missing := missing - block.shape[1]) <= 0:
            break
    return np.concatenate(blocks, axis=1) if blocks else np.empty((source.channels, 0))
