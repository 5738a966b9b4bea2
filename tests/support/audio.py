"""What several tests measure with and read."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def si_sdr(estimate: np.ndarray, reference: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux 2019), over all channels at once."""
    estimate, reference = estimate.astype(float).ravel(), reference.astype(float).ravel()
    target = (estimate @ reference) / (reference @ reference) * reference
    return float(10 * np.log10((target @ target) / ((target - estimate) @ (target - estimate))))


def encode(path: Path, codec: str, audio: np.ndarray, options: dict[str, str], video_seconds: int = 0) -> None:
    """Write (2, sample) audio at 44.1 kHz with FFmpeg, beside a film of black where seconds of one are given."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=44100, layout="stereo")
        video = container.add_stream("mpeg4", rate=5, width=16, height=16) if video_seconds else None
        size = stream.codec_context.frame_size or 1152
        layout = "fltp" if codec != "mp2" else "s16"
        for start in range(0, audio.shape[1], size):
            block = np.ascontiguousarray(audio[:, start : start + size])
            if layout == "s16":
                block = np.rint(block.T * 32767).astype(np.int16).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, layout, "stereo")
            frame.sample_rate, frame.pts, frame.time_base = 44100, start, Fraction(1, 44100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for number in range(5 * video_seconds):
            picture = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), "rgb24")
            picture.pts = number
            container.mux(video.encode(picture))
        if video:
            container.mux(video.encode(None))
