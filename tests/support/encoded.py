"""Small audio files of any container as bytes, and how they are spoilt."""

import io
import struct
import zlib
from fractions import Fraction

import av
import numpy as np
import soundfile


def tone(seconds: float = 0.5, rate: int = 44100, channels: int = 2, frequency: float = 440) -> np.ndarray:
    """``(channel, sample)`` float32: a tone with a little noise, so that no frame is like another."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(round(frequency)).standard_normal((channels, len(time))) * 0.01
    return (0.3 * np.sin(2 * np.pi * frequency * time) + noise).astype(np.float32)


def with_soundfile(container: str, audio: np.ndarray, rate: int = 44100, subtype: str | None = None) -> bytes:
    """The file that libsndfile writes."""
    file = io.BytesIO()
    soundfile.write(file, audio.T, rate, subtype, format=container)
    return file.getvalue()


def with_ffmpeg(
    container: str,
    codec: str,
    audio: np.ndarray,
    rate: int = 44100,
    *,
    layout: str | None = None,
    options: dict[str, str] | None = None,
    streams: int = 1,
    video_seconds: int = 0,
    metadata: dict[str, str] | None = None,
) -> bytes:
    """The file that FFmpeg writes: the same audio in each stream, and a black film of some seconds beside it."""
    file = io.BytesIO()
    layout = layout or ("mono" if len(audio) == 1 else "stereo")
    with av.open(file, "w", format=container, options=options or {}) as output:
        output.metadata.update(metadata or {})
        tracks = [output.add_stream(codec, rate=rate, layout=layout) for _ in range(streams)]
        for track in tracks:
            track.bit_rate = 128000
            if track.codec_context.format.name in ("u8", "u8p"):  # the first of those that the encoder takes
                track.codec_context.format = track.codec_context.format.name.replace("u8", "s16")
        film = output.add_stream("mpeg4", rate=5, width=16, height=16) if video_seconds else None
        for track in tracks:
            size = track.codec_context.frame_size or 1024
            kind = track.codec_context.format.name
            for start in range(0, audio.shape[1], size):
                frame = _frame(audio[:, start : start + size], kind, layout)
                frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
                output.mux(track.encode(frame))
            output.mux(track.encode(None))
        for number in range(5 * video_seconds):
            picture = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), "rgb24")
            picture.pts = number
            output.mux(film.encode(picture))
        if film:
            output.mux(film.encode(None))
    return file.getvalue()


def _frame(block: np.ndarray, kind: str, layout: str) -> av.AudioFrame:
    number_type, scale = {"s16": (np.int16, 32767), "s32": (np.int32, 2**31 - 1), "flt": (np.float32, 1)}[
        kind.removesuffix("p")
    ]
    values = (np.rint(block.astype(np.float64) * scale) if scale > 1 else block).astype(number_type)
    packed = np.ascontiguousarray(values if kind.endswith("p") else values.T.reshape(1, -1))
    return av.AudioFrame.from_ndarray(packed, kind, layout)


def id3v2(text: str = "Info and Xing") -> bytes:
    """An ID3v2.3 tag with a title."""
    content = b"\0" + text.encode("latin-1")
    frame = b"TIT2" + struct.pack(">I", len(content)) + bytes(2) + content
    size = len(frame)
    return b"ID3\x03\0\0" + bytes((size >> shift) & 127 for shift in (21, 14, 7, 0)) + frame


def id3v1() -> bytes:
    """An ID3v1 tag."""
    return b"TAG" + b"title".ljust(125, b"\0")


def apev2() -> bytes:
    """An APEv2 tag with header and footer."""
    item = struct.pack("<II", 3, 0) + b"Title\0Inf"
    ends = (
        b"APETAGEX" + struct.pack("<4I", 2000, len(item) + 32, 1, flags) + bytes(8) for flags in (0xA << 28, 8 << 28)
    )
    return item.join(ends)


def png(size: int = 40) -> bytes:
    """A picture of noise, of some kB."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    noise = np.random.default_rng(0).integers(0, 256, (size, 1 + 3 * size), dtype=np.uint8)
    noise[:, 0] = 0
    header = size.to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(noise.tobytes())) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


AFTER_AUDIO = {
    "nothing": b"",
    "zeros": bytes(3000),
    "ID3v1": id3v1(),
    "APEv2": apev2(),
    "junk": np.random.default_rng(0).bytes(3000),
}
"""What stands behind the audio of whole files."""
