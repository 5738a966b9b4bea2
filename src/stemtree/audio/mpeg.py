"""MPEG audio decoded frame by frame, where its header does not tell how many frames there are."""

from collections.abc import Iterator
from typing import Any

from stemtree.audio.containers import ByteView, MpegStream, mpeg_frames
from stemtree.audio.decoded import DecodedSource
from stemtree.audio.formats import Width
from stemtree.audio.regular_file import RegularFile
from stemtree.audio.samples import ExactSamples
from stemtree.audio.source import change_error, check_supported, damage_error

_DECODERS = {1: "mp1", 2: "mp2", 3: "mp3float"}
"""FFmpeg's default decoders of the layers."""


class MpegSource(DecodedSource):
    """All frames of MPEG audio, whatever its header announces and whatever tags stand between them.

    Parameters
    ----------
    file : RegularFile
        The file.
    stream : MpegStream
        Its frames.
    accept_truncated : bool
        See `DecodedSource`.

    Raises
    ------
    AudioError
        If rate or channels are not supported or change on the way, or if something that is no audio stands between
        frames.
    """

    width: Width = "pcm16"

    def __init__(self, file: RegularFile, stream: MpegStream, accept_truncated: bool = False) -> None:
        super().__init__(file, accept_truncated)
        self._stream, kind = stream, stream.kind
        self.sample_rate, self.channels = kind.sample_rate, kind.channels
        self.num_samples = self._length = stream.num_samples
        if stream.change:
            number, after = stream.change
            raise change_error(self, number * kind.num_samples, after.sample_rate, after.channels)
        if stream.strange_at is not None:
            position = stream.strange_at * kind.num_samples
            raise damage_error(self.name, position, "bytes that are no MPEG audio")
        check_supported(self)

    def _least_samples(self) -> int:
        return 0  # the frames were counted

    def _decoded(self, seek_to: int = 0) -> Iterator[tuple[int, ExactSamples]]:
        import av

        decoder: Any = av.CodecContext.create(_DECODERS[self._stream.kind.layer], "r")
        position = -self._stream.delay
        with self.path.open("rb") as file:
            view = ByteView(file, self.path.stat().st_size)
            for number, frame in enumerate(mpeg_frames(view)):
                if number == 0 and self._stream.starts_with_header:
                    continue
                try:
                    decoded = decoder.decode(av.Packet(view.read(frame.start, frame.size)))
                except av.FFmpegError as error:
                    if frame.start + frame.size <= view.size:
                        self._fail(position, error)
                    return
                for piece in decoded:
                    samples = self._samples(piece, position)
                    yield max(0, position), samples[:, max(0, -position) : max(0, self._length - position)]
                    position += samples.shape[1]
