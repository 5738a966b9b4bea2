"""Names for arrays of samples, in the order ``node, channel, sample``, and their sum."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.float32]
"""``(channel, sample)`` or ``(node, channel, sample)``: audio in [-1, 1]."""

ExactSamples: TypeAlias = NDArray[np.float64]
"""As `Samples`, but float64, which holds every PCM width up to 32 bits exactly: the type that files are read as."""

PcmSamples: TypeAlias = NDArray[np.int32]
"""As `Samples`, but integers of the output's width: full scale is 2^(bits - 1)."""


def total_of(rows: Sequence[Samples] | Samples) -> ExactSamples:
    """The sum of rows, ``(row, channel, sample)``, added one after the other."""
    total = np.zeros(rows[0].shape)
    for row in rows:
        total += row
    return total
