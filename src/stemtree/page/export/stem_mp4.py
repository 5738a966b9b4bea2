"""Native Instruments' stem file: the song and four parts as streams of one MP4 file, with their names and colours."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from stemtree.audio.boxes import add_to_user_data
from stemtree.errors import FULL, AudioError
from stemtree.page.colours import NEUTRAL, families_of
from stemtree.page.export.common import Export
from stemtree.page.export.parts import MOST
from stemtree.page.tree import PageTree
from stemtree.staging import unwritable

_RATES = (44100, 48000)
"""Sample rates that players of these files take."""

_AAC_BIT_RATE = 256_000

_MASTERING: dict[str, Any] = {
    "compressor": {
        "enabled": False, "ratio": 3, "output_gain": 0.5, "release": 0.3, "attack": 0.003, "input_gain": 0.5,
        "threshold": 0, "hp_cutoff": 300, "dry_wet": 50,
    },
    "limiter": {"enabled": False, "release": 0.05, "threshold": 0, "ceiling": -0.35},
}  # fmt: skip
"""Processing that a player would apply to the sum of the parts: none, since the sum is the song."""


def write_stem_mp4(export: Export, file: Path) -> None:
    """Write the song and its parts; mono becomes stereo, and rates other than 44.1 and 48 kHz are resampled."""
    tree = export.tree
    rate = tree.sample_rate if tree.sample_rate in _RATES else 48000 if tree.sample_rate % 48000 == 0 else 44100
    nodes: list[int | None] = [0, *export.parts, *[None] * (MOST - len(export.parts))]
    try:
        with av.open(str(file), "w", format="mp4") as container:
            sample_format = "fltp" if export.codec == "aac" else "s16p" if tree.bits == 16 else "s32p"
            streams = [_Stream(container, export.codec, sample_format, tree.sample_rate, rate) for _ in nodes]
            container.metadata["title"] = tree.title
            for block in export.blocks():
                silent = np.zeros((len(block[0]), tree.channels))
                for stream, node in zip(streams, nodes, strict=True):
                    stream.write(silent if node is None else export.signals(block, node))
            for stream in streams:
                stream.finish()
        add_to_user_data(file, b"stem", json.dumps(stem_metadata(tree, export.parts)).encode("utf-8"))
    except (av.FFmpegError, ValueError) as error:
        if getattr(error, "errno", None) in FULL:
            raise unwritable(Path(file.name), error) from None
        raise AudioError(
            f"cannot write the stem file '{file.name}' ({error}): choose another folder or codec"
        ) from None


def stem_metadata(tree: PageTree, parts: tuple[int, ...]) -> dict[str, Any]:
    """What the ``stem`` box says: name and colour of every part."""
    families = families_of([node.path for node in tree.nodes])
    stems = [
        {
            "name": tree.nodes[node].name.replace("_", " ").capitalize(),
            "color": (families[tree.nodes[node].path] if tree.nodes[node].path else NEUTRAL).light.upper(),
        }
        for node in parts
    ]
    stems += [{"name": "-", "color": NEUTRAL.light.upper()}] * (MOST - len(parts))
    return {"version": 1, "mastering_dsp": _MASTERING, "stems": stems}


class _Stream:
    """One stream of the file: takes blocks of any length."""

    def __init__(self, container: Any, codec: str, sample_format: str, source_rate: int, rate: int) -> None:
        self._container, self._source_rate = container, source_rate
        self._stream = container.add_stream(codec, rate=rate, layout="stereo")
        self._stream.codec_context.format = sample_format
        if codec == "aac":
            self._stream.bit_rate = _AAC_BIT_RATE
        self._resampler = av.AudioResampler(format=sample_format, layout="stereo", rate=rate)
        self._fifo = av.AudioFifo()
        self._written = 0

    def write(self, signal: NDArray[np.float64]) -> None:
        """Take ``(sample, channel)``; what goes beyond full scale is left to the codec."""
        stereo = np.repeat(signal, 2, axis=1) if signal.shape[1] == 1 else signal
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(stereo.T, np.float32), "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = self._source_rate, self._written, Fraction(1, self._source_rate)
        self._written += len(signal)
        for piece in self._resampler.resample(frame):
            self._encode(piece)

    def finish(self) -> None:
        """Take what is left in the resampler and the encoder; a song shorter than one frame gets silence after it."""
        if self._fifo.samples_written < 1024:
            self.write(np.zeros((self._source_rate // 50, 2)))
        for piece in self._resampler.resample(None):
            self._encode(piece)
        if rest := self._fifo.read(0, partial=True):
            self._container.mux(self._stream.encode(rest))
        self._container.mux(self._stream.encode(None))

    def _encode(self, piece: Any) -> None:
        self._fifo.write(piece)
        size = self._stream.codec_context.frame_size or 4096
        for frame in self._fifo.read_many(size):
            self._container.mux(self._stream.encode(frame))
