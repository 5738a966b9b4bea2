"""The signal of a node: the sum of the stems whose leaf lies at or below it."""

from collections.abc import Sequence

import numpy as np

from stemtree.audio import Excerpts
from stemtree.audio.samples import Samples
from stemtree.corpora.track import Track
from stemtree.hierarchy import NodePath, is_within


def node_signals(track: Track, nodes: Sequence[NodePath], start: int, length: int, *, mono: bool) -> list[Samples]:
    """Read a stretch of a song: ``(channel, length)`` of each node, each stem read once.

    What lies past the song's end is silence.

    Raises
    ------
    AudioError
        If a stem cannot be read.
    """
    stems = [stem for stem in track.stems if any(is_within(stem.leaf, node) for node in nodes)]
    with Excerpts([stem.file.path for stem in stems], [stem.file.stream for stem in stems]) as files:
        audio = files.read(start, length)
    if mono:
        audio = [samples.mean(axis=0, keepdims=True) if len(samples) > 1 else samples for samples in audio]
    return add_up([(stem.leaf, samples) for stem, samples in zip(stems, audio, strict=True)], nodes, length)


def add_up(parts: Sequence[tuple[NodePath, Samples]], nodes: Sequence[NodePath], length: int) -> list[Samples]:
    """Add ``(channel, sample)`` audio of leaves to every node that it belongs to."""
    channels = max((len(audio) for _, audio in parts), default=1)
    totals = [np.zeros((channels, length), np.float32) for _ in nodes]
    for leaf, audio in parts:
        for node, total in zip(nodes, totals, strict=True):
            if is_within(leaf, node):
                total[:, : audio.shape[1]] += audio
    return totals


def is_salient(signal: Samples, threshold: float) -> bool:
    """Whether the RMS of ``(channel, sample)`` audio is above a threshold in dBFS."""
    return bool(np.mean(np.square(signal)) > 10 ** (threshold / 10))
