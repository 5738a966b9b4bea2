"""Checks of a file's header against its content, which tell whether the file is complete."""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stemtree.audio.source import AudioSource
from stemtree.errors import AudioError

MALFORMED = 3
"""libsndfile's error code for a damaged header of a known format. FFmpeg would read such a file without an error."""


_LOCK = threading.Lock()
_users, _saved_stderr = 0, -1  # global, because stderr belongs to the whole process


@contextmanager
def silence_stderr() -> Iterator[None]:
    """Discard what C libraries write to the process's stderr, such as the warnings of libmpg123 inside libsndfile.

    Several threads may be inside at once: the first one redirects stderr and the last one restores it.
    """
    global _users, _saved_stderr
    with _LOCK:
        if not _users:
            _saved_stderr = os.dup(2)
            with open(os.devnull, "wb") as null:
                os.dup2(null.fileno(), 2)
        _users += 1
    try:
        yield
    finally:
        with _LOCK:
            _users -= 1
            if not _users:
                os.dup2(_saved_stderr, 2)
                os.close(_saved_stderr)


_SIZE_MISMATCH = re.compile(
    r"^\s*(?P<chunk>\w+)(?: size)?\s*: (?P<announced>\d+) \(should be (?P<actual>\d+)\)", re.MULTILINE | re.I
)


def check_header(source: AudioSource, log: str) -> None:
    """Raise AudioError if libsndfile's log of a file reports sizes that contradict the header."""
    for mismatch in _SIZE_MISMATCH.finditer(log):
        announced, actual = int(mismatch["announced"]), int(mismatch["actual"])
        # Many writers count the outermost chunk's own header too: harmless there, but not in the audio's own chunk.
        tolerance = 64 if mismatch["chunk"].upper() in ("RIFF", "FORM", "RF64") else 0
        if announced > actual + tolerance:
            raise AudioError(
                f"'{source.name}' is cut off or its header is wrong: it announces {announced} bytes and holds "
                f"{actual}; get a whole copy, or re-save it to keep what is there"
            )
    if "Unknown chunk marker" in log and "Exiting parser" in log:
        raise AudioError(
            f"'{source.name}' has a wrong header: it announces {source.num_samples} samples, but more data "
            "follows; get a whole copy or re-save it"
        )


def truncation_error(source: AudioSource, announced: int, position: int) -> AudioError:
    """The error for a file that ends before the length that its header announces."""
    return AudioError(
        f"'{source.name}' is cut off: it announces {announced} samples and holds {position}; get a whole "
        "copy, or re-save it to keep what is there"
    )


def ogg_is_complete(path: Path) -> bool:
    """Whether the last Ogg page carries the end-of-stream flag (RFC 3533, header type 0x04)."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - (1 << 16)))
        tail = file.read()
    last = tail.rfind(b"OggS")
    return last >= 0 and bool(tail[last + 5] & 4)


def mpeg_states_length(path: Path) -> bool:
    """Whether the first MPEG frame is a Xing or LAME header, which states the length; an ID3 tag is skipped."""
    with path.open("rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3":  # its size: four bytes of seven bits each
            size = sum((byte & 127) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
            file.seek(10 + size)
        else:
            file.seek(0)
        first = file.read(4096)
    return b"Xing" in first or b"Info" in first
