"""Whether a node can be measured in a chunk: one rule for evaluations and for what training reports."""

from typing import Any

import numpy as np
import numpy.typing as npt

from stemtree.evaluation.rows import Status
from stemtree.metrics.ratio import energy, ratio_db
from stemtree.types import Waveform

QUIET = -30.0
"""In dB relative to the mixture: what is quieter is not measured, unless an evaluation is told otherwise."""

Statuses = npt.NDArray[np.str_]
"""Values of `Status`, one for each signal."""


def statuses(truth: Waveform, mixture: Waveform, quiet: float = QUIET) -> Statuses:
    """Decide which nodes can be measured.

    Parameters
    ----------
    truth : Waveform
        ``(..., channel, sample)``: the true signals.
    mixture : Waveform
        ``(..., channel, sample)``; leading axes are broadcast, so the nodes of one chunk take
        ``mixture.unsqueeze(-3)``.
    quiet : float
        In dB relative to the mixture; a node that is quieter is not measured, and neither is one beside which
        everything else is quieter.

    Returns
    -------
    ndarray
        ``(...)`` values of `Status`.
    """
    signal, whole = energy(truth), energy(mixture)
    is_quiet = ratio_db(signal, whole) < quiet
    is_alone = ratio_db(energy(mixture - truth), whole) < quiet
    cases = [(signal == 0, Status.ABSENT), (is_quiet, Status.QUIET), (is_alone, Status.ALONE)]
    decided: Any = np.select(
        [holds.cpu().numpy() for holds, _ in cases], [status.value for _, status in cases], Status.COUNTED.value
    )
    return np.asarray(decided, np.str_)
