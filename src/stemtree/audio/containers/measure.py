"""Which container a file is, and how far its audio goes."""

from functools import lru_cache
from pathlib import Path

from stemtree.audio.containers.chunks import asf_extent, au_extent, avi_extent, caf_extent, mp4_extent
from stemtree.audio.containers.extent import Extent
from stemtree.audio.containers.flac import flac_extent
from stemtree.audio.containers.matroska import matroska_extent
from stemtree.audio.containers.mpeg import MpegStream, mpeg_extent, mpeg_stream
from stemtree.audio.containers.ogg import ogg_extent
from stemtree.audio.containers.view import ByteView, after_id3
from stemtree.audio.containers.wav import aiff_extent, w64_extent, wav_extent

_W64 = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


def measure(path: Path, thorough: bool = True) -> tuple[Extent, MpegStream | None]:
    """Find out how far the audio in a file goes.

    Parameters
    ----------
    path : pathlib.Path
        A regular file.
    thorough : bool
        Whether to read FLAC files whole in search of other ones joined to them.

    Returns
    -------
    extent : Extent
        Empty for containers that are not known here.
    stream : MpegStream or None
        The frames of MPEG audio.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    status = path.stat()
    return _measure(path, status.st_size, status.st_mtime_ns, thorough)


@lru_cache(maxsize=4096)
def _measure(path: Path, size: int, modified: int, thorough: bool) -> tuple[Extent, MpegStream | None]:
    with path.open("rb") as file:
        view = ByteView(file, size)
        start = after_id3(view)
        head = view.read(start, 16).ljust(16, b"\0")
        if head[:4] == b"fLaC":
            return flac_extent(view, start, thorough), None
        if start == 0 and (extent := _chunked_extent(view, head)) is not None:
            return extent, None
        is_adts = head[:1] == b"\xff" and head[1] & 6 == 0  # AAC
        if (start or head[:1] == b"\xff") and not is_adts and head[:4] not in (b"OggS", b"RIFF"):
            stream = mpeg_stream(view, start)
            return (mpeg_extent(stream) if stream else Extent(is_certain=False)), stream
    return Extent(), None


def measure_mpeg(path: Path) -> MpegStream | None:
    """The frames of a file that is known to be MPEG audio, whatever stands before them; None if there are none."""
    with path.open("rb") as file:
        return mpeg_stream(ByteView(file, path.stat().st_size))


def _chunked_extent(view: ByteView, head: bytes) -> Extent | None:
    """The extent of a container that begins with a name; None if it is not one of those."""
    name, form = head[:4], head[8:12]
    if name in (b"RIFF", b"RIFX", b"RF64", b"BW64") and form == b"WAVE":
        return wav_extent(view)
    if name == b"FORM" and form in (b"AIFF", b"AIFC"):
        return aiff_extent(view)
    if head[4:8] in _MP4_BOXES:
        return mp4_extent(view)
    if name == b"RIFF" and form == b"AVI ":
        return avi_extent(view)
    readers = {b"OggS": ogg_extent, b"caff": caf_extent, b".snd": au_extent, b"\x1aE\xdf\xa3": matroska_extent}
    readers |= {_W64[:4]: w64_extent} if head == _W64 else {}
    readers |= {_ASF[:4]: asf_extent} if head == _ASF else {}
    return readers[name](view) if name in readers else None
