"""Fast versions of what is simple to state; the tests compare them with their plain twins.

Nothing here changes what a run learns, but for rounding.
"""

from dataclasses import replace

from torch import Tensor

from stemtree.masks.partition import Partition
from stemtree.memory import keep_freed_memory
from stemtree.spectral import Stft
from stemtree.training.settings import TrainSettings
from stemtree.types import Spectrogram


def node_spectrograms(signals: Tensor, partition: Partition, stft: Stft, every: int) -> Spectrogram:
    """Spectrograms of the nodes of examples; see `node_spectrograms_plain`.

    Where every node is the sum of leaves, only the leaves that are not silent are transformed, and the transform being
    linear, their spectrograms are summed.
    """
    if partition.residuals:
        return node_spectrograms_plain(signals, stft, every)
    leaves = signals[:, [partition.nodes.index(leaf) for leaf in partition.leaves]]
    sounds = (leaves != 0).any(dim=-1)
    transformed = _every(stft, every).transform(leaves[sounds])
    frames_first = transformed.new_zeros(*sounds.shape, *transformed.shape[:0:-1])  # as the transform lays them out
    frames_first[sounds] = transformed.mT
    return partition.sum_parts(frames_first, dim=1).mT


def node_spectrograms_plain(signals: Tensor, stft: Stft, every: int) -> Spectrogram:
    """Spectrograms of the nodes of examples.

    Parameters
    ----------
    signals : Tensor
        ``(batch, node, channel, sample)``.
    stft : Stft
        The transform.
    every : int
        Only every so many frames are computed.

    Returns
    -------
    Spectrogram
        ``(batch, node, channel, bin, frame)``.
    """
    return _every(stft, every).transform(signals)


def _every(stft: Stft, every: int) -> Stft:
    return replace(stft, hop=stft.hop * every)


def tune_memory(settings: TrainSettings) -> None:
    """Keep freed memory in this process for networks that train faster so; call it before the first tensor is made.

    The others gain nothing, and would hold 1 GB more.
    """
    if settings.network.reuses_freed_memory:
        keep_freed_memory()


def start_reader(number: int) -> None:
    """Keep freed memory in a process that reads examples; `number` is the process's."""
    keep_freed_memory()
