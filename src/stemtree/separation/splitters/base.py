"""What the walk asks of a splitter."""

from dataclasses import dataclass
from typing import Protocol

from stemtree.hierarchy import Hierarchy, NodePath
from stemtree.spectral import Stft
from stemtree.types import Masks, Spectrogram


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive frames of the node that is to be split.

    Parameters
    ----------
    spectrogram : Spectrogram
        ``(channel, bin, frame)`` of the node, one or two channels.
    start : int
        Number of its first frame in the song; blocks come in order and the first starts at 0.
    stft : Stft
        How it was made, at the song's own sample rate.
    before, after : Spectrogram or None
        The mixture's frames next to these, as many as a splitter asked for (`Splitter.context_frames`) and the song
        has; None beneath the mixture.
    """

    spectrogram: Spectrogram
    start: int
    stft: Stft
    before: Spectrogram | None = None
    after: Spectrogram | None = None


class Splitter(Protocol):
    """Says which part of each bin of a node goes to which node beneath it.

    It may answer for the node's children or at once for nodes further down; those in between are sums.

    Attributes
    ----------
    stft : Stft
        The analysis that its masks are for, at its own rate. All splitters of one walk share it.
    block_frames : int
        How many frames it takes at a time; only a song's last block has fewer.
    context_frames : int
        How many more it wants to see on both sides of a block of the mixture.
    """

    stft: Stft
    block_frames: int
    context_frames: int

    def parts(self, hierarchy: Hierarchy, node: NodePath) -> tuple[NodePath, ...]:
        """Name the nodes below `node` that it tells apart, together all of `node`; none if it cannot split it."""
        ...

    def masks(self, block: Block, node: NodePath, parts: tuple[NodePath, ...]) -> Masks:
        """Answer for one block of `node` with ``(part, channel, bin, frame)``, summing to one over parts."""
        ...

    def provenance(self) -> dict[str, object]:
        """Say what it is, for the manifest: name, version, checksums of its weights."""
        ...
