"""MPEG audio, layers I to III (ISO 11172-3, ISO 13818-3), frame by frame, and what a Xing or VBRI header announces."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from stemtree.audio.containers.extent import Extent, cut_off
from stemtree.audio.containers.view import ByteView, after_id3

_BITRATES = {  # in kbit/s, by version 1 or not, and layer
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44100, 48000, 32000)
_XING = (b"Xing", b"Info")
_MIDDLE_TAGS = (b"APETAGEX", b"LYRICS", b"TAG")
"""Tags at a file's end, which stand in the middle where files were joined."""

_DECODER_DELAY = 529
"""Samples by which every decoder of layer III is late (LAME's technical FAQ)."""


@dataclass(frozen=True, slots=True)
class FrameKind:
    """What all frames of one stream have in common.

    Parameters
    ----------
    layer : int
        1 to 3.
    sample_rate : int
        In Hz.
    channels : int
        1 or 2.
    num_samples : int
        In a frame, per channel.
    """

    layer: int
    sample_rate: int
    channels: int
    num_samples: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame: where it lies, what it is, and how many bytes before it are neither audio nor a tag."""

    start: int
    size: int
    kind: FrameKind
    strange_bytes: int


@dataclass(frozen=True, slots=True)
class MpegStream:
    """What the frames of a file add up to.

    Parameters
    ----------
    kind : FrameKind
        Of the first frame.
    starts_with_header : bool
        Whether the first frame is a Xing or VBRI header instead of audio.
    announced_frames : int or None
        Frames of audio that such a header announces.
    delay, padding : int
        Samples at the beginning and the end that the encoder added, by such a header, and the decoder's own delay.
    num_frames, num_whole_frames : int
        Frames of audio; and those of them that do not go beyond the end of the file.
    strange_at : int or None
        Frame before which there are bytes that are neither audio nor a tag.
    change : tuple of (int, FrameKind) or None
        The first frame of another rate, layer or number of channels.
    """

    kind: FrameKind
    starts_with_header: bool
    announced_frames: int | None
    delay: int
    padding: int
    num_frames: int
    num_whole_frames: int
    strange_at: int | None
    change: tuple[int, FrameKind] | None

    @property
    def num_samples(self) -> int:
        """Samples per channel; without the padding if the header tells where the end is."""
        length = max(0, self.num_frames * self.kind.num_samples - self.delay)
        return length - self.padding if self.announced_frames == self.num_frames and self.padding < length else length


def mpeg_extent(stream: MpegStream) -> Extent:
    """The extent of an MPEG audio file: libsndfile finds its end if the header announces just the frames there are."""
    announced, whole = stream.announced_frames, stream.num_whole_frames
    if stream.change is None and announced is not None:
        if announced == stream.num_frames == whole:
            return Extent()
        may_count_itself = stream.num_frames == whole  # the header is a frame too; but a file cut off ends within one
        if announced > whole + may_count_itself and stream.strange_at is None:
            size, around = stream.kind.num_samples, stream.delay + stream.padding
            samples = announced * size - around, max(0, whole * size - stream.delay)
            return Extent(cut_off=cut_off(*samples, "samples"), num_samples=stream.num_samples)
    return Extent(is_certain=False, num_samples=stream.num_samples)


def mpeg_stream(view: ByteView, start: int = 0) -> MpegStream | None:
    """Go through all frames; None if there are none, or if their size cannot be told (free format)."""
    frames = mpeg_frames(view, start)
    first = next(frames, None)
    if first is None:
        return None
    header = view.read(first.start, first.size)
    announced, has_header = _announced_frames(header, first.kind)
    count, last = 0 if has_header else 1, first
    strange_at, change = None, None
    for frame in frames:
        if frame.strange_bytes and strange_at is None and count:
            strange_at = count
        if frame.kind is not first.kind and frame.kind != first.kind and change is None:
            change = count, frame.kind
        count, last = count + 1, frame
    whole = count - (last.start + last.size > view.size)
    return MpegStream(
        first.kind, has_header, announced, *_padding(header, has_header), count, whole, strange_at, change
    )


def mpeg_frames(view: ByteView, start: int = 0) -> Iterator[Frame]:
    """Yield all frames, skipping tags; the last may go beyond the end of the file."""
    position, strange_from = after_id3(view, start), -1
    begin, previous = position, None
    while position < view.size:
        kind, size = _parse(view.read(position, 4))
        is_next = kind == previous and strange_from < 0
        if kind and position == begin:
            is_next = _announced_frames(view.read(position, size), kind)[1]
        if kind and (is_next or _leads_on(view, position + size, kind, kind == previous or position == begin)):
            strange = position - strange_from if strange_from >= 0 and previous else 0
            if strange and _is_harmless(view, strange_from, strange):
                strange = 0
            yield Frame(position, size, kind, strange)
            previous, strange_from = kind, -1
            position += size
        elif (after := _after_tag(view, position)) > position:
            position = after
        else:
            strange_from = position if strange_from < 0 else strange_from
            position = view.find(b"\xff", position + 1)
            if position < 0:
                return


def _leads_on(view: ByteView, position: int, kind: FrameKind, may_be_last: bool) -> bool:
    """Whether a frame is followed by two like it or a tag; the end of the file will do where it may be the last."""
    for _ in range(2):
        if position >= view.size:
            return may_be_last
        if _after_tag(view, position) > position:
            return True
        following, size = _parse(view.read(position, 4))
        if following is None or (following.layer, following.sample_rate) != (kind.layer, kind.sample_rate):
            return False
        position += size
    return True


def _after_tag(view: ByteView, position: int) -> int:
    """The position after the tag at a byte; the byte itself if there is no tag whose size can be told."""
    head = view.read(position, 32)
    if head[:3] == b"ID3":
        return after_id3(view, position)
    if head[:3] == b"TAG":
        return position + 128
    if head[:8] == b"APETAGEX" and len(head) == 32:
        has_items_after_it = bool(head[23] & 32)
        return position + 32 + (int.from_bytes(head[12:16], "little") if has_items_after_it else 0)
    return position


def _is_harmless(view: ByteView, start: int, count: int) -> bool:
    """Whether bytes between frames are padding or one of the tags that tell their size at their end."""
    content = view.read(start, count)
    return not content.strip(b"\0") or any(tag in content for tag in _MIDDLE_TAGS)


@lru_cache(maxsize=1024)
def _parse(header: bytes) -> tuple[FrameKind | None, int]:
    """What the four bytes at the beginning of a frame say, and its size in bytes; None where they are no header."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None, 0
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bitrate_code, rate_code, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or bitrate_code in (0, 15) or rate_code == 3:
        return None, 0
    is_version_1 = version == 3
    sample_rate = _RATES[rate_code] >> (0 if is_version_1 else 1 if version == 2 else 2)
    bits_per_second = 1000 * _BITRATES[is_version_1, layer][bitrate_code - 1]
    num_samples = 384 if layer == 1 else 1152 if layer == 2 or is_version_1 else 576
    if layer == 1:
        size = (12 * bits_per_second // sample_rate + padding) * 4
    else:
        size = num_samples // 8 * bits_per_second // sample_rate + padding
    return FrameKind(layer, sample_rate, 1 if header[3] >> 6 == 3 else 2, num_samples), size


def _xing_position(header: bytes) -> int:
    """Where a Xing header begins: after the side information, and after the checksum or not."""
    is_version_1, is_mono, has_checksum = header[1] >> 3 & 3 == 3, header[3] >> 6 == 3, header[1] & 1 == 0
    position = 4 + ((17 if is_mono else 32) if is_version_1 else (9 if is_mono else 17))
    return position + 2 if has_checksum and header[position + 2 : position + 6] in _XING else position


def _announced_frames(header: bytes, kind: FrameKind) -> tuple[int | None, bool]:
    """Frames that the first frame announces (None: it does not say), and whether it is such a header at all."""
    if kind.layer != 3:
        return None, False
    at = _xing_position(header)
    if header[at : at + 4] in _XING:
        has_count = len(header) >= at + 12 and header[at + 7] & 1
        return (int.from_bytes(header[at + 8 : at + 12], "big") or None if has_count else None), True
    if header[36:40] == b"VBRI" and len(header) >= 54:
        return int.from_bytes(header[50:54], "big") or None, True
    return None, False


def _padding(header: bytes, is_header: bool) -> tuple[int, int]:
    """Samples before and after the audio, by LAME's extension of the header, which FFmpeg writes too."""
    if not is_header:
        return 0, 0
    at = _xing_position(header)
    flags = header[at + 7] if len(header) > at + 7 else 0
    at += 8 + 4 * (flags & 1) + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
    if header[at : at + 4] not in (b"LAME", b"Lavf", b"Lavc") or len(header) < at + 24:
        return 0, 0
    both = int.from_bytes(header[at + 21 : at + 24], "big")
    return (both >> 12) + _DECODER_DELAY, max(0, (both & 4095) - _DECODER_DELAY)
