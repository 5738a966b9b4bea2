"""Names for arrays of samples, in the order ``node, channel, sample``."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.float32]
"""``(channel, sample)`` or ``(node, channel, sample)``: audio in [-1, 1]."""

ExactSamples: TypeAlias = NDArray[np.float64]
"""As `Samples`, in the precision that holds every PCM width up to 32 bits exactly: what files are read as."""

PcmSamples: TypeAlias = NDArray[np.int32]
"""As `Samples`, in whole steps of the output's width."""
