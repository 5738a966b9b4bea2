"""Sample rates and lengths of a song's files, and whether they agree."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stemtree.audio import open_source
from stemtree.corpora.track import AudioFile, Problem
from stemtree.errors import AudioError, counted

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Header:
    """The sample rate in Hz and the length of a file."""

    file: AudioFile
    sample_rate: int
    num_samples: int


def read_header(file: AudioFile) -> Header:
    """Read sample rate and length from a file's header; decode the file where the header does not state the length.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    AudioError
        If it cannot be read as audio.
    """
    if not file.path.exists():
        raise FileNotFoundError
    check_is_no_pipe(file.path)
    source = open_source(file.path, file.stream, thorough=False)
    num_samples = source.num_samples or sum(block.shape[1] for block in source.blocks(_BLOCK))
    return Header(file, source.sample_rate, num_samples)


def check_is_no_pipe(file: Path) -> None:
    """Raise AudioError for a pipe or device, which may never end; a song may be one, a corpus's file may not."""
    if not (file.is_file() or file.is_dir()):
        raise AudioError(f"'{file}' is a pipe or a device: put an audio file in its place")


def differences(song: str, header: Header, reference: Header, *, compare_lengths: bool = True) -> Iterator[Problem]:
    """Yield a problem if two files of a song have different sample rates or else, if wanted, different lengths."""
    if header.sample_rate != reference.sample_rate:
        message = (
            f"'{header.file}' has {header.sample_rate} Hz and '{reference.file}' {reference.sample_rate} Hz: resample "
            "one of them"
        )
        yield Problem(song, "sample rate", message)
    elif compare_lengths and header.num_samples != reference.num_samples:
        message = (
            f"'{header.file}' has {counted(header.num_samples, 'sample')} and '{reference.file}' "
            f"{reference.num_samples}: pad or copy it again"
        )
        yield Problem(song, "length", message)
