"""The signal of a node: the sum of the stems whose leaf lies at or below it."""

from collections.abc import Sequence

import numpy as np

from stemtree.audio.samples import Samples
from stemtree.corpora.audio import open_stems
from stemtree.corpora.track import Track
from stemtree.hierarchy import NodePath, is_within


def node_signals(track: Track, nodes: Sequence[NodePath], start: int, num_samples: int, *, mono: bool) -> list[Samples]:
    """Read the signals of nodes in a stretch of a song; each stem is read once.

    Parameters
    ----------
    track : Track
        The song.
    nodes : sequence of NodePath
        The nodes.
    start, num_samples : int
        First sample and number of samples; samples past the song's end are zero.
    mono : bool
        Average the channels.

    Returns
    -------
    list of ndarray
        ``(channel, sample)`` float32 for each node.

    Raises
    ------
    AudioError
        If a stem cannot be read.
    """
    stems = [stem for stem in track.stems if any(is_within(stem.leaf, node) for node in nodes)]
    with open_stems(stems) as files:
        audio = files.read(start, num_samples)
    if mono:
        audio = [samples.mean(axis=0, keepdims=True) if len(samples) > 1 else samples for samples in audio]
    return sum_to_nodes([(stem.leaf, samples) for stem, samples in zip(stems, audio, strict=True)], nodes, num_samples)


def sum_to_nodes(
    leaf_signals: Sequence[tuple[NodePath, Samples]], nodes: Sequence[NodePath], num_samples: int
) -> list[Samples]:
    """Sum the ``(channel, sample)`` signals of leaves to nodes: each leaf is added to every node at or above it.

    Returns
    -------
    list of ndarray
        ``(channel, num_samples)`` float32 for each node; zero for a node without leaves.
    """
    channels = max((len(audio) for _, audio in leaf_signals), default=1)
    totals = [np.zeros((channels, num_samples), np.float32) for _ in nodes]
    for leaf, audio in leaf_signals:
        for node, total in zip(nodes, totals, strict=True):
            if is_within(leaf, node):
                total[:, : audio.shape[1]] += audio
    return totals


def is_salient(signal: Samples, threshold: float) -> bool:
    """Whether the RMS of ``(channel, sample)`` audio is above a threshold in dBFS."""
    return bool(np.mean(np.square(signal)) > 10 ** (threshold / 10))
