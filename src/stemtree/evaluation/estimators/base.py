"""What evaluation asks of an estimator."""

from dataclasses import dataclass
from typing import Protocol

from stemtree.hierarchy import NodePath
from stemtree.types import Waveform


@dataclass(frozen=True, slots=True)
class Batch:
    """Chunks of one song that are estimated together.

    Parameters
    ----------
    mixture : Waveform
        ``(batch, channel, sample)``.
    truth : Waveform
        ``(batch, node, channel, sample)``: the true signals of the estimator's nodes. Only an oracle looks at them.
    sample_rate : int
        In Hz.
    track : str
        The song's id, and
    starts : tuple of int
        the first sample of each chunk: for estimators that draw something for a chunk, such as a query from elsewhere.
    """

    mixture: Waveform
    truth: Waveform
    sample_rate: int
    track: str
    starts: tuple[int, ...]


class Estimator(Protocol):
    """Estimates nodes from mixtures; it is pickled into each process that evaluates."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def nodes(self) -> tuple[NodePath, ...]:
        """What it estimates, in this order."""
        ...

    @property
    def sample_rate(self) -> int | None:
        """The only one in Hz that it serves; None for any."""
        ...

    @property
    def root(self) -> NodePath | None:
        """The only node that it takes for its mixture; None for any."""
        ...

    def estimate(self, batch: Batch) -> Waveform:
        """Answer with ``(batch, node, channel, sample)``, as long as the mixture."""
        ...

    def provenance(self) -> dict[str, object]:
        """All that its estimates depend on, for JSON: settings, checksums of weights."""
        ...
