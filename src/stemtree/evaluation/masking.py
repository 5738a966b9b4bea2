"""Ideal masks of nodes that need not cover the mixture."""

from __future__ import annotations  # the aliases of tensors are names, not classes

import torch

from stemtree.masks.ideal import IDEAL_MASKS
from stemtree.types import Masks, Spectrogram


def ideal_masks(kind: str, nodes: Spectrogram, mixture: Spectrogram) -> Masks:
    """The ideal mask of each node against the rest of the mixture, whatever other nodes there are.

    Of two parts that add up to the mixture, the conservative phase-sensitive mask is the truncated one, Re(S / X) cut
    to [0, 1].

    Parameters
    ----------
    kind : {"irm", "ibm", "psa"}
        A key of `stemtree.masks.ideal.IDEAL_MASKS`.
    nodes : Spectrogram
        ``(node, channel, bin, frame)``.
    mixture : Spectrogram
        ``(channel, bin, frame)``.

    Returns
    -------
    Masks
        ``(node, channel, bin, frame)``; zero for nodes that are silent throughout.
    """
    masks = torch.zeros(nodes.shape)
    heard = torch.view_as_real(nodes).flatten(1).any(dim=1)  # most nodes are silent in most songs
    if heard.any():
        masks[heard] = IDEAL_MASKS[kind](torch.stack([nodes[heard], mixture - nodes[heard]]), mixture)[0]
    return masks
