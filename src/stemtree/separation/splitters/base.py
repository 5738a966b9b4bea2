"""The protocol of a splitter, and the conversion between a song's bins and those that a model sees."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch.nn import functional

from stemtree.hierarchy import Hierarchy, NodePath, Part
from stemtree.spectral import Stft
from stemtree.types import Masks, Spectrogram

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive STFT frames of the node that is to be split.

    Parameters
    ----------
    spectrogram : Spectrogram
        ``(channel, bin, frame)`` of the node, one or two channels.
    start : int
        Index of the first frame in the song. Blocks come in order and the first starts at 0.
    stft : Stft
        The transform of the spectrogram, at the song's own sample rate.
    before, after : Spectrogram or None
        Frames of the mixture on both sides, at most `Splitter.context_frames`: fewer, or None, at the song's ends. None
        beneath the mixture.
    """

    spectrogram: Spectrogram
    start: int
    stft: Stft
    before: Spectrogram | None = None
    after: Spectrogram | None = None

    def to(self, device: torch.device) -> "Block":
        """The block on another device."""
        names = ("spectrogram", "before", "after")
        frames = {name: frames.to(device) for name in names if (frames := getattr(self, name)) is not None}
        return replace(self, **frames)


class Splitter(Protocol):
    """Divides a node among nodes beneath it, its outputs, by one mask for each.

    The outputs need not be the node's children: where they lie further down, the nodes in between are their sums.
    Subclasses inherit the defaults of `context_frames`, `hierarchy`, `needs_stereo`, `residuals`, `device`, `to`,
    `masks_of_blocks`, `parts` and `part_masks`.

    Attributes
    ----------
    stft : Stft
        The transform that the masks are for, at its own sample rate. All splitters of one walk share it.
    block_frames : int
        Frames in a block; only a song's last block has fewer.
    context_frames : int
        Frames of the mixture to see on both sides of a block.
    device : torch.device
        Where it gets blocks and leaves masks.
    """

    stft: Stft
    block_frames: int
    context_frames: int = 0
    device: torch.device = CPU

    @property
    def hierarchy(self) -> Hierarchy | None:
        """The hierarchy that it was made for; None if it serves any that has nodes of the right names."""
        return None

    @property
    def needs_stereo(self) -> bool:
        """Whether it tells its outputs apart by where they lie in the stereo image, of which mono has none."""
        return False

    @property
    def residuals(self) -> tuple[NodePath, ...]:
        """The outputs that are not nodes of any corpus, but what the others leave of their parent."""
        return ()

    def outputs(self, hierarchy: Hierarchy, node: NodePath) -> tuple[NodePath, ...]:
        """The nodes beneath `node` that it makes masks of, together all of `node`; none if it cannot split `node`."""
        ...

    def masks(self, block: Block, node: NodePath, outputs: tuple[NodePath, ...]) -> Masks:
        """Make masks of `outputs` for one block of `node`: ``(output, channel, bin, frame)``, summing to one."""
        ...

    def masks_of_blocks(
        self, blocks: Sequence[Block], node: NodePath, outputs: tuple[NodePath, ...]
    ) -> Sequence[Masks]:
        """Make masks, see `masks`, of several blocks of equal shape; by default one after the other."""
        return [self.masks(block, node, outputs) for block in blocks]

    def to(self, device: torch.device) -> None:
        """Compute on another device from now on; one that only knows the CPU stays there."""

    def parts(self, hierarchy: Hierarchy, node: NodePath) -> tuple[Part, ...]:
        """What it makes masks of where that is not one node each: several nodes together, or a share of one."""
        return tuple((output,) for output in self.outputs(hierarchy, node))

    def part_masks(self, blocks: Sequence[Block], node: NodePath, parts: tuple[Part, ...]) -> Sequence[Masks]:
        """Make masks of `parts`, as `masks_of_blocks` does of outputs."""
        return self.masks_of_blocks(blocks, node, tuple(part[0] for part in parts))

    def provenance(self) -> dict[str, object]:
        """What it is, for the manifest: name, version, checksums of its weights."""
        ...


def to_model_bins(spectrum: torch.Tensor, stft: Stft, model_stft: Stft, bins: int | None = None) -> torch.Tensor:
    """Convert a spectrogram at a song's sample rate to the bins and the scale of a model's transform.

    Parameters
    ----------
    spectrum : torch.Tensor
        ``(channel, bin, frame)``, complex or magnitudes.
    stft, model_stft : Stft
        The transforms of the song and of the model; their windows are equally long in seconds.
    bins : int, optional
        Number of bins that the model sees; by default all of its transform's.

    Returns
    -------
    torch.Tensor
        ``(channel, bins, frame)``, with zeros in bins that the song does not have.
    """
    bins = model_stft.bins if bins is None else bins
    lowest = spectrum[:, :bins]
    if stft.window != model_stft.window:  # magnitudes grow with the number of samples in the window
        lowest = lowest * (model_stft.window / stft.window)
    missing = bins - lowest.shape[1]
    return functional.pad(lowest, (0, 0, 0, missing)) if missing > 0 else lowest


def stack_bins_last(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Stack tensors of ``(..., bin, frame)``, as they lie in memory: the bins of a frame are neighbours."""
    return tensors[0][None] if len(tensors) == 1 else torch.stack([tensor.mT for tensor in tensors]).mT


def to_song_bins(masks: Masks, bins: int) -> Masks:
    """Fit masks to a song's bins: bins above those that the model sees get the mean mask of their frame.

    Parameters
    ----------
    masks : Masks
        ``(..., bin, frame)``, of as many bins as the model sees.
    bins : int
        Number of bins of the song.

    Returns
    -------
    Masks
        ``(..., bins, frame)``; masks that sum to one still do.
    """
    lowest = masks[..., :bins, :]
    above = bins - lowest.shape[-2]
    if above <= 0:
        return lowest
    mean = masks.mean(dim=-2, keepdim=True)
    return torch.cat([lowest, mean.expand(*mean.shape[:-2], above, -1)], dim=-2)
