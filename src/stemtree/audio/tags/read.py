"""Reading tags with FFmpeg's libraries, which know those of all containers."""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stemtree.audio.ffmpeg import open_container
from stemtree.audio.stderr import silence_stderr
from stemtree.audio.tags.tags import Picture, Tags, is_kept

_MIME = {"mjpeg": "image/jpeg", "png": "image/png"}
_LARGEST_PICTURE = (1 << 24) - 1024
"""A block of FLAC holds no more."""

_MOST_TEXT = 1 << 20
"""Bytes of all texts: a block of FLAC holds no more than 16 times as many."""

_PACKETS = 64
"""Pictures come before all else that a container holds."""


def read_tags(path: Path, stream: int = 0) -> Tags:
    """Read a song's tags and pictures.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    stream : int
        Number of its audio stream.

    Returns
    -------
    Tags
        None where there are none or they cannot be read: a song is separated whatever its tags are.
    """
    try:
        with silence_stderr(), open_container(path) as container:
            audio = container.streams.audio[stream]
            found = {**container.metadata, **audio.metadata}
            return Tags(dict(_texts(found)), tuple(_pictures(container)))
    except Exception:  # whatever the library raises: the audio has been read, and no tag is worth losing it
        return Tags()


def _texts(found: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What is kept, without what no tag can hold, and without end."""
    left = _MOST_TEXT
    for key, value in found.items():
        text = value.encode("utf-8", "replace").decode("utf-8").replace("\0", "").strip()
        if text and is_kept(key) and (left := left - len(f"{key}={text}".encode())) >= 0:
            yield key.lower(), text


def _pictures(container: Any) -> Iterator[Picture]:
    from av.stream import Disposition

    attached = [stream for stream in container.streams.video if stream.disposition & Disposition.attached_pic]
    known = [stream for stream in attached if stream.codec_context and stream.codec_context.name in _MIME]
    if not known:
        return
    missing = {stream.index for stream in known}
    for packet in itertools.islice(container.demux(known), _PACKETS):
        stream = packet.stream
        if stream.index in missing and 0 < packet.size <= _LARGEST_PICTURE:
            missing.discard(stream.index)
            codec = stream.codec_context
            yield Picture(bytes(packet), _MIME[codec.name], codec.width or 0, codec.height or 0)
        if not missing:
            return
