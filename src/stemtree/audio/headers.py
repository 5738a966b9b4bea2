"""Whether a file is whole: what its header claims against what is there."""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stemtree.audio.source import Source
from stemtree.errors import AudioError

MALFORMED = 3
"""libsndfile's code for a header it knows and cannot follow; FFmpeg would read what is left and say nothing."""


_LOCK = threading.Lock()
_inside, _stderr = 0, -1  # of the whole process, as stderr is


@contextmanager
def quiet() -> Iterator[None]:
    """Keep libraries, such as libmpg123 deep inside libsndfile, from writing warnings to the process's stderr.

    Of several threads the first in redirects it and the last out restores it.
    """
    global _inside, _stderr
    with _LOCK:
        if not _inside:
            _stderr = os.dup(2)
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), 2)
        _inside += 1
    try:
        yield
    finally:
        with _LOCK:
            _inside -= 1
            if not _inside:
                os.dup2(_stderr, 2)
                os.close(_stderr)


_LIE = re.compile(r"^\s*(?P<chunk>\w+)(?: size)?\s*: (?P<said>\d+) \(should be (?P<real>\d+)\)", re.MULTILINE | re.I)


def check_header(source: Source, log: str) -> None:
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


def cut_off(source: Source, announced: int, position: int) -> AudioError:
    """What to raise where a file ends before it said it would."""
    return AudioError(
        f"'{source.name}' is cut off: it announces {announced} samples and holds {position}; get a whole "
        "copy, or re-save it to keep what is there"
    )


def ogg_is_whole(path: Path) -> bool:
    """Whether the last Ogg page is marked as the stream's last (RFC 3533, header type 0x04)."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - (1 << 16)))
        tail = file.read()
    last = tail.rfind(b"OggS")
    return last >= 0 and bool(tail[last + 5] & 4)


def mpeg_tells_its_length(path: Path) -> bool:
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
