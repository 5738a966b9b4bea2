"""MP4 files, read without the code under test."""

import struct
from pathlib import Path

import av
import numpy as np


def decoded(file: Path, stream: int = 0) -> np.ndarray:
    """``(channel, sample)`` as FFmpeg decodes it."""
    with av.open(str(file)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(container.streams.audio[stream])]
    joined = np.concatenate(frames, axis=1)
    return joined / np.iinfo(joined.dtype).max if np.issubdtype(joined.dtype, np.integer) else joined


def find(content: bytes, *path: bytes) -> bytes:
    """The content of a box in boxes, read without the code under test."""
    start, end = 0, len(content)
    for kind in path:
        while True:
            size, found = struct.unpack_from(">I4s", content, start)
            if found == kind:
                start, end = start + 8, start + size
                break
            start += size
            assert start < end, f"no box {kind!r}"
    return content[start:end]
