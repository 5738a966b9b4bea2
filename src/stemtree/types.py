"""Names for tensors and their axes; no logic.

Axes come in one order everywhere: ``batch, node, channel, bin, frame`` for spectrograms and masks,
``batch, node, channel, sample`` for audio. A name below says which of them an array has.
"""

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

NodePath: TypeAlias = str
"""A node's names from just under the mixture down to it, joined by ``/``; the mixture itself is ``""``."""

Samples: TypeAlias = "NDArray[np.float32]"
"""``(channel, sample)`` or ``(node, channel, sample)``: audio in [-1, 1]."""

ExactSamples: TypeAlias = "NDArray[np.float64]"
"""As `Samples`, in the precision that holds every PCM width up to 32 bits exactly: what files are read as."""

PcmSamples: TypeAlias = "NDArray[np.int32]"
"""As `Samples`, in whole steps of the output's width."""

Waveform: TypeAlias = "torch.Tensor"
"""``(..., channel, sample)`` float32: audio in [-1, 1], ready for a transform."""

Spectrogram: TypeAlias = "torch.Tensor"
"""``(..., channel, bin, frame)`` complex64."""

Features: TypeAlias = "torch.Tensor"
"""``(batch, channel, bin, frame)`` float32: what a network sees of a spectrogram, in dB."""

Logits: TypeAlias = "torch.Tensor"
"""``(batch, output, channel, bin, frame)``: what a network answers; any real numbers."""

Masks: TypeAlias = "torch.Tensor"
"""``(..., node, channel, bin, frame)`` float32: for each node its part of every bin, in [0, 1]."""
