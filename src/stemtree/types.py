"""Names for tensors and their axes; no logic.

Axes come in one order everywhere: ``batch, node, channel, bin, frame`` for spectrograms and masks,
``batch, node, channel, sample`` for audio. A name below says which of them a tensor has.
"""

from typing import TypeAlias

import torch

Waveform: TypeAlias = torch.Tensor
"""``(..., channel, sample)`` float32: audio in [-1, 1], ready for a transform."""

Spectrogram: TypeAlias = torch.Tensor
"""``(..., channel, bin, frame)`` complex64."""

Features: TypeAlias = torch.Tensor
"""``(batch, channel, bin, frame)`` float32: the input of a network, in dB."""

Logits: TypeAlias = torch.Tensor
"""``(batch, output, channel, bin, frame)``: the output of a network; any real numbers."""

Masks: TypeAlias = torch.Tensor
"""``(..., node, channel, bin, frame)`` float32: the part of every bin that belongs to each node, in [0, 1]."""
