"""Oracle masks from the true stems: the upper bound of what masking can reach."""

from collections.abc import Callable

import torch

from stemtree.masks.conserve import normalise, project_to_simplex
from stemtree.types import Masks, Spectrogram


def ideal_ratio(stems: Spectrogram, mixture: Spectrogram) -> Masks:
    """The ideal ratio mask (IRM): each stem's magnitude relative to the sum of all magnitudes.

    Parameters
    ----------
    stems : Spectrogram
        ``(node, channel, bin, frame)``, the true children.
    mixture : Spectrogram
        ``(channel, bin, frame)``, what the masks will be applied to; not used here.

    Returns
    -------
    Masks
        ``(node, channel, bin, frame)``, summing to one over nodes.
    """
    return normalise(stems.abs())


def ideal_binary(stems: Spectrogram, mixture: Spectrogram) -> Masks:
    """The ideal binary mask (IBM): every bin to the loudest stem. Parameters and result as for `ideal_ratio`."""
    loudest = stems.abs().argmax(dim=0, keepdim=True)
    return torch.zeros(stems.shape, device=stems.device).scatter_(0, loudest, 1.0)


def phase_sensitive(stems: Spectrogram, mixture: Spectrogram) -> Masks:
    """The phase-sensitive masks Re(S / X) (Erdogan 2015), projected onto the simplex.

    No other conservative masks in [0, 1] have a smaller squared error. Parameters and result as for `ideal_ratio`;
    equal masks where the mixture is silent.
    """
    power = mixture.real.square() + mixture.imag.square()
    in_phase = stems.real * mixture.real + stems.imag * mixture.imag
    return project_to_simplex(torch.where(power > 0, in_phase / power.clamp_min(1e-30), 1 / len(stems)))


IDEAL_MASKS: dict[str, Callable[[Spectrogram, Spectrogram], Masks]] = {
    "irm": ideal_ratio,
    "ibm": ideal_binary,
    "psa": phase_sensitive,
}
"""Ideal masks by name."""


def ideal_masks(kind: str, nodes: Spectrogram, mixture: Spectrogram) -> Masks:
    """The ideal mask of each node by itself, against everything else in the mixture.

    Of two stems that add up to the mixture, the phase-sensitive mask is the truncated one, Re(S / X) clamped to [0, 1].

    Parameters
    ----------
    kind : {"irm", "ibm", "psa"}
        A key of `IDEAL_MASKS`.
    nodes : Spectrogram
        ``(node, channel, bin, frame)``.
    mixture : Spectrogram
        ``(channel, bin, frame)``.

    Returns
    -------
    Masks
        ``(node, channel, bin, frame)``; zero for nodes that are silent throughout.
    """
    masks = torch.zeros(nodes.shape, device=nodes.device)
    sounding = torch.view_as_real(nodes).flatten(1).any(dim=1)  # most nodes are silent in most songs
    if sounding.any():
        stems = torch.stack([nodes[sounding], mixture - nodes[sounding]])
        masks[sounding] = IDEAL_MASKS[kind](stems, mixture)[0]
    return masks
