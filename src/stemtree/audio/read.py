"""Opening and reading audio files of any container."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from stemtree.audio.ffmpeg import AvSource
from stemtree.audio.headers import MALFORMED, mpeg_states_length, ogg_is_complete
from stemtree.audio.libsndfile import SoundFileSource
from stemtree.audio.samples import ExactSamples
from stemtree.audio.source import ArraySource, AudioSource
from stemtree.errors import AudioError, OptionError

_BLOCK = 1 << 16
"""Samples read at a time."""


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
