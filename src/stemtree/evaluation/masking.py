"""Masks on whole chunks: one transform of everything, one mask per node, one inverse."""

from __future__ import annotations  # the aliases of tensors are names, not classes

import torch
from torch.nn import functional

from stemtree.masks.ideal import IDEAL_MASKS
from stemtree.spectral import Stft
from stemtree.types import Masks, Spectrogram, Waveform


def analyse(stft: Stft, audio: Waveform) -> Spectrogram:
    """Transform ``(..., channel, sample)`` audio, with silence around it, into ``(..., channel, bin, frame)``.

    The last frame's centre lies at or past the audio's end, so that every sample is in two windows at least.
    """
    half = stft.window // 2
    padded = functional.pad(audio, (half, half + -audio.shape[-1] % stft.hop))
    spectrogram = stft.analyse(padded.flatten(0, -2))
    return spectrogram.reshape(*audio.shape[:-1], *spectrogram.shape[-2:])


def synthesise(stft: Stft, spectrogram: Spectrogram, samples: int) -> Waveform:
    """Transform what `analyse` made back: ``(..., channel, sample)``."""
    inner = slice(stft.window // 2, stft.window // 2 + samples)
    envelope = stft.envelope(spectrogram.shape[-1])[..., inner]
    return stft.overlap_add(spectrogram)[..., inner] / envelope


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
