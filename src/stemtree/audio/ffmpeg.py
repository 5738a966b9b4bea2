"""Audio files read by FFmpeg's libraries."""

import os
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

from stemtree.audio.containers import Extent
from stemtree.audio.decoded import DecodedSource
from stemtree.audio.formats import Width
from stemtree.audio.regular_file import RegularFile, regular_file
from stemtree.audio.samples import ExactSamples
from stemtree.audio.source import check_supported, truncation_error
from stemtree.errors import AudioError, counted

_PRE_ROLL = 8192
"""Samples decoded before an excerpt, which the overlapping frames of AAC need."""

_NAMES = """
aa aac ac3 ac4 act adx aea aiff amr amrnb amrwb ape apm asf ast au avi avr bonk caf dsf dss dts dtshd eac3 flac flv
gsm iff ilbc ircam loas matroska mlp mov mp3 mpc mpc8 mpeg mpegts mxf nistsphere nut oga ogg oma osq paf pvf qcp qoa
rm sbc sds shn siff sln sox svag tak tta truehd voc vqf w64 wav wavarc webm wsd wtv wv xa xwma
"""
_CONTAINERS = ",".join(_NAMES.split())
"""FFmpeg's demuxers of files that hold audio themselves. Others read text that names further files (``concat``,
``hls``, ``dash``, ``sdp``), generate audio (``lavfi``) or record it (``alsa``)."""

_RAW = frozenset(("aac", "ac3", "eac3", "dts", "loas", "mpeg", "mpegts", "amr", "mp3"))
"""Formats without a header for the whole: rate and channels are those of the first frame."""

_EXACT = frozenset(("wv", "tta", "ape", "tak", "flac", "wav", "w64"))
"""Formats whose header states the number of samples exactly, if at all."""

_COUNTED = frozenset(("wv", "tta", "ape", "tak", "flac", "mov,mp4,m4a,3gp,3g2,mj2"))
"""Formats whose packets state their length exactly, and all of which must be there."""

_ESTIMATED = frozenset(("flac", "wav", "w64"))
"""Those of them whose length FFmpeg estimates where the header does not state it."""

_MOST_TRAILING_ERRORS = 2
"""Packets that may fail at the end of a file that does not state its length exactly: tags and padding taken for audio,
or a last short frame."""


def open_container(path: Path, options: dict[str, str] | None = None) -> Any:
    """Open a file with FFmpeg's demuxers: only local files, only containers that hold the audio themselves.

    The path is absolute and marked as one, because FFmpeg takes a name with a colon for a protocol.
    """
    import av

    allowed = {"protocol_whitelist": "file", "format_whitelist": _CONTAINERS}
    return av.open(f"file:{os.path.abspath(path)}", metadata_errors="replace", options=allowed | (options or {}))


class AvSource(DecodedSource):
    """One audio stream of a file read by FFmpeg's libraries.

    Parameters
    ----------
    file : RegularFile or pathlib.Path
        The file.
    stream : int or None
        Number of the audio stream in the file; None is the first, and `notes` tells if there are others.
    extent : Extent
        What is known of the file.
    accept_truncated : bool
        See `DecodedSource`.
    thorough : bool
        Whether to read the file through, without decoding, to see if packets are missing.

    Raises
    ------
    AudioError
        If there is no such stream, if it cannot be decoded or is cut off, or if rate or channels are not supported.
    """

    def __init__(
        self,
        file: RegularFile | Path,
        stream: int | None = 0,
        extent: Extent = Extent(),  # noqa: B008 - immutable
        accept_truncated: bool = False,
        thorough: bool = False,
    ) -> None:
        import av

        super().__init__(file if isinstance(file, RegularFile) else regular_file(file), accept_truncated)
        self.stream, self._options = stream or 0, {} if extent.is_certain else {"ignore_length": "1"}
        try:
            with open_container(self.path, self._options) as container:
                audio = self._find_stream(container)
                self.sample_rate, self.channels = audio.rate, audio.channels
                self.width: Width = _width(audio.codec_context)
                self.format: str = container.format.name
                self._has_index = self.format.startswith("mov")
                if stream is None and (count := len(container.streams.audio)) > 1:
                    self.notes.append(
                        f"'{self.name}' holds {count} audio streams: the first was read, --stream chooses another"
                    )
                self.num_samples = extent.num_samples or self._announced_samples(container, audio)
                if self.format in _RAW and (frame := next(container.decode(audio), None)):
                    self.sample_rate, self.channels = frame.sample_rate, frame.layout.nb_channels
        except (av.FFmpegError, ValueError):  # ValueError: no decoder
            raise AudioError(
                f"'{self.name}' cannot be read as audio (cut off, damaged, or in a format not known here): check that "
                "it plays, or convert it to WAV or FLAC"
            ) from None
        check_supported(self)
        if thorough and not accept_truncated:
            self._check_length()

    def _find_stream(self, container: Any) -> Any:
        if len(container.streams.audio) <= self.stream:
            count = len(container.streams.audio)
            available = counted(count, "audio stream") if count else "no audio streams"
            raise AudioError(f"'{self.name}' holds {available}: give a file with {self.stream + 1} or more")
        audio = container.streams.audio[self.stream]
        if audio.codec_context is None or not audio.rate or not audio.channels:
            raise AudioError(f"'{self.name}' cannot be decoded (unknown codec, or cut off): convert it to WAV")
        return audio

    def _announced_samples(self, container: Any, stream: Any) -> int | None:
        """Number of samples that the header announces; None in formats where FFmpeg only estimates it."""
        if (self._has_index or self.format in _EXACT - _ESTIMATED) and stream.duration:
            return int(stream.duration * stream.time_base * self.sample_rate)
        # Matroska states the end of the longest stream: of the audio, if that is the only stream and starts at 0.
        if self.format.startswith("matroska") and len(container.streams) == 1 and not container.start_time:
            return int(Fraction(container.duration or 0, 1_000_000) * self.sample_rate) or None
        return None

    def _check_length(self) -> None:
        """Compare the length of all packets with what the header announces, without decoding.

        Raises
        ------
        TruncatedError
            If packets are missing.
        """
        import av

        if self.format not in _COUNTED or self.num_samples is None:
            return
        ticks = 0
        with open_container(self.path, self._options) as container:
            stream = container.streams.audio[self.stream]
            with suppress(av.FFmpegError):  # tags after the audio, or damage, which decoding will meet
                for packet in container.demux(stream):
                    ticks += 0 if packet.is_corrupt else packet.duration or 0  # corrupt: not all of it is there
            held = round(ticks * stream.time_base * self.sample_rate)
        if held < self._least_samples():
            raise truncation_error(self.name, self.num_samples, held)

    def _least_samples(self) -> int:
        """See `DecodedSource`: most containers announce whole codec frames and may be off by the encoder's padding."""
        announced = self.num_samples or 0
        return announced if self._is_exact() else announced - self.sample_rate // 2

    def _is_exact(self) -> bool:
        """Whether the number of samples is known exactly."""
        return self.num_samples is not None and self.format in _EXACT

    def _first_needed(self, start: int) -> int:
        return max(0, start - _PRE_ROLL) if self._has_index else 0

    def _decoded(self, seek_to: int = 0) -> Iterator[tuple[int, ExactSamples]]:
        failures: list[tuple[int, Exception]] = []
        position, is_sought = 0, bool(seek_to)
        with open_container(self.path, self._options) as container:
            stream = container.streams.audio[self.stream]
            tick = stream.time_base or Fraction(1, self.sample_rate)
            if is_sought:
                container.seek(int(seek_to / self.sample_rate / tick), stream=stream)
            for decoded in _decode(container, stream):
                if isinstance(decoded, Exception):
                    failures.append((position, decoded))
                    continue
                if failures and (position or self.num_samples is not None):  # and yet the audio goes on
                    self._fail(*failures[0])
                    return
                failures.clear()  # a recording of a broadcast begins within a frame
                if is_sought:
                    elapsed = (decoded.pts or 0) - (stream.start_time or 0)
                    position, is_sought = round(elapsed * tick * self.sample_rate), False
                samples = self._samples(decoded, position)
                yield position, samples
                position += samples.shape[1]
        if failures:
            self._judge_end(position, failures)

    def _judge_end(self, position: int, failures: list[tuple[int, Exception]]) -> None:
        """Decide whether what could not be decoded after the last sample was audio."""
        if self._is_exact():
            if position < (self.num_samples or 0):
                self._fail(*failures[0])
        elif len(failures) > _MOST_TRAILING_ERRORS or self._has_index or not position:
            self._fail(*failures[0])
        else:
            self.notes.append(f"'{self.name}': what follows sample {position} cannot be decoded and was left out")


def _decode(container: Any, stream: Any) -> Iterator[Any]:
    """Yield decoded frames, and the errors of packets that cannot be decoded or found."""
    import av

    try:
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
            except (av.FFmpegError, ValueError) as error:
                yield error
    except (av.FFmpegError, IndexError) as error:  # IndexError: a packet of a stream that begins on the way
        yield error


def _width(codec: Any) -> Width:
    kind = codec.format.name if codec.format else ""
    if codec.name.startswith(("pcm_f", "wavpack")) and kind.startswith(("flt", "dbl")):
        return "float"
    return "pcm24" if kind.startswith("s32") else "pcm16"
