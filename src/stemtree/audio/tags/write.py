"""Writing tags into finished MP3, FLAC, Ogg Vorbis and MP4 files."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from stemtree.audio.tags.flac import copy_flac
from stemtree.audio.tags.id3 import id3_tag
from stemtree.audio.tags.mp4 import copy_mp4
from stemtree.audio.tags.ogg import copy_ogg
from stemtree.audio.tags.tags import Tags
from stemtree.staging import whole_file


def _copy_mp3(source: BinaryIO, target: BinaryIO, tags: Tags) -> None:
    target.write(id3_tag(tags))
    shutil.copyfileobj(source, target)


_COPIES: dict[str, Callable[[BinaryIO, BinaryIO, Tags], None]] = {
    "mp3": _copy_mp3,
    "flac": copy_flac,
    "ogg": copy_ogg,
    "m4a": copy_mp4,
}
TAGGED = tuple(_COPIES)
"""The formats whose stems have tags."""


def write_tags(path: Path, container: str, tags: Tags) -> None:
    """Put tags into a finished file that has none; its audio stays byte by byte.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    container : str
        One of `TAGGED`; other files are left as they are.
    tags : Tags
        What to write; without any the file is left as it is.

    Raises
    ------
    OSError
        If the file cannot be read or written; it then is as it was.
    """
    if container not in _COPIES or not tags:
        return
    with whole_file(path) as partial, path.open("rb") as source, partial.open("wb") as target:
        _COPIES[container](source, target, tags)
