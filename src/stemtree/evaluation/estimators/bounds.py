"""Reference points for results: the mixture itself as the lower bound, ideal masks as the upper bound."""

from dataclasses import asdict, dataclass, field

import torch

from stemtree.errors import OptionError, suggest
from stemtree.evaluation.estimators.base import Batch
from stemtree.evaluation.estimators.chunkwise import Chunkwise
from stemtree.hierarchy import NodePath
from stemtree.masks.ideal import IDEAL_MASKS, ideal_masks
from stemtree.spectral import Stft
from stemtree.types import Waveform

STFT = Stft(window=1024, hop=512, sample_rate=16000)
"""The transform of the papers' experiments."""


@dataclass(frozen=True)
class Mixture(Chunkwise):
    """The mixture as the estimate of every node: the baseline of improvements."""

    nodes: tuple[NodePath, ...]
    sample_rate: None = field(default=None, init=False)
    root: None = field(default=None, init=False)
    name: str = field(default="mixture", init=False)

    def estimate(self, batch: Batch) -> Waveform:
        """See `ChunkEstimator.estimate`."""
        return batch.mixture[:, None].expand_as(batch.truth)

    def provenance(self) -> dict[str, object]:
        """See `Estimator.provenance`."""
        return {"name": self.name}


@dataclass(frozen=True)
class IdealMask(Chunkwise):
    """The ideal mask of each node, applied to the mixture: the upper bound of masking.

    Parameters
    ----------
    kind : {"irm", "ibm", "psa"}
        Ideal ratio, ideal binary or truncated phase-sensitive mask, of each node against the rest of the mixture.
    nodes : tuple of NodePath
        What to estimate.
    stft : Stft
        The transform of the masks; adapted to the corpus's sample rate.

    Raises
    ------
    OptionError
        If the kind is unknown.
    """

    kind: str
    nodes: tuple[NodePath, ...]
    stft: Stft = STFT
    sample_rate: None = field(default=None, init=False)
    root: None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.kind not in IDEAL_MASKS:
            raise OptionError(f"there is no oracle mask '{self.kind}'{suggest(self.kind, IDEAL_MASKS)}")

    @property
    def name(self) -> str:
        """See `Estimator.name`: as on the command line."""
        return f"oracle:{self.kind}"

    @torch.inference_mode()
    def estimate(self, batch: Batch) -> Waveform:
        """See `ChunkEstimator.estimate`."""
        stft, num_samples = self.stft.at(batch.sample_rate), batch.mixture.shape[-1]
        estimates = []
        for mixture, truth in zip(batch.mixture, batch.truth, strict=True):
            spectrogram = stft.transform(mixture)
            masks = ideal_masks(self.kind, stft.transform(truth), spectrogram)
            estimates.append(stft.inverse(masks * spectrogram, num_samples))
        return torch.stack(estimates)

    def provenance(self) -> dict[str, object]:
        """See `Estimator.provenance`."""
        return {"name": self.name, "stft": asdict(self.stft)}
