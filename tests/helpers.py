"""What several tests measure with."""

import numpy as np


def si_sdr(estimate: np.ndarray, reference: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux 2019), over all channels at once."""
    estimate, reference = estimate.astype(float).ravel(), reference.astype(float).ravel()
    target = (estimate @ reference) / (reference @ reference) * reference
    return float(10 * np.log10((target @ target) / ((target - estimate) @ (target - estimate))))
