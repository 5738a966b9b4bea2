"""What is mistaken for what: which estimated leaf the energy of each true leaf lands in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from stemtree.corpora.track import Corpus, Track
from stemtree.data.signals import node_signals
from stemtree.errors import EvaluationError, OptionError, StemtreeError
from stemtree.evaluation.chunk_list import ChunkList
from stemtree.evaluation.estimators.base import Batch, ChunkEstimator, Estimator
from stemtree.evaluation.estimators.chunkwise import Chunkwise
from stemtree.evaluation.rows import Status
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.evaluation.status import statuses
from stemtree.hierarchy import Hierarchy, NodePath, is_within
from stemtree.metrics.ratio import energy, ratio_db
from stemtree.spectral import Stft
from stemtree.types import Spectrogram

REST = "(rest)"
"""The column of what the estimates leave of the mixture, for an estimator whose nodes are not the whole of it."""

SCHEMA = pl.Schema(
    {
        "track": pl.String(),
        "start": pl.Float64(),  # seconds
        "node": pl.String(),  # the true leaf
        "level": pl.Int32(),
        "status": pl.String(),  # a `Status` of the true leaf
        "reference_db": pl.Float32(),  # its energy relative to the mixture's
        "estimated": pl.String(),  # the estimated leaf, or `REST`
        "share": pl.Float32(),  # of the true leaf's energy, see `shares`
        "failure": pl.String(),
    }
)
"""The columns, in order: a row for each chunk, each true leaf that is not silent there, and each estimated leaf."""


def shares(truth: Spectrogram, estimates: Spectrogram) -> Tensor:
    """Which part of each true leaf's energy the mask of each estimated leaf lets through.

        C[i, j] = Σ M[j] |S[i]|² / Σ |S[i]|²,   M[j] = |E[j]| / Σ_k |E[k]|

    with sums over channels, bins and frames. Masks of one mixture that add up to one are their estimates' shares of the
    magnitude, so that any estimate has a mask; a row of C adds up to one, less what lies in bins where all estimates
    are silent. The energy is shared out as the masks share out the mixture: a mask of 0.5 takes half.

    Parameters
    ----------
    truth : Spectrogram
        ``(leaf, channel, bin, frame)``, S.
    estimates : Spectrogram
        ``(estimated, channel, bin, frame)``, E.

    Returns
    -------
    torch.Tensor
        ``(leaf, estimated)``, C; 0 for a silent leaf.
    """
    magnitudes = estimates.abs()
    masks = magnitudes / magnitudes.sum(dim=0).clamp_min(torch.finfo(magnitudes.dtype).tiny)
    power = (truth.real.square() + truth.imag.square()).flatten(1)
    through = power @ masks.flatten(1).T
    return through / power.sum(dim=1, keepdim=True).clamp_min(torch.finfo(power.dtype).tiny)


@dataclass(frozen=True)
class Confusion:
    """An estimator whose leaves are compared with the true ones, for `stemtree.evaluation.evaluate.evaluate`.

    Parameters
    ----------
    estimator : Estimator
        What is measured. What it estimates of nodes that have others of its nodes beneath them is left out.
    stft : Stft
        The transform in whose bins energy is shared out; adapted to the corpus's sample rate.

    Raises
    ------
    OptionError
        If it is a model that takes queries, which estimates one node at a time.
    """

    estimator: Estimator
    stft: Stft = field(default_factory=Stft)

    def __post_init__(self) -> None:
        if not isinstance(self.estimator, Chunkwise):
            raise OptionError(f"'{self.name}' takes queries, and estimates no leaves side by side: give another model")

    @property
    def name(self) -> str:
        """See `Estimator.name`."""
        return self.estimator.name

    @property
    def nodes(self) -> tuple[NodePath, ...]:
        """See `Estimator.nodes`."""
        return self.estimator.nodes

    @property
    def sample_rate(self) -> int | None:
        """See `Estimator.sample_rate`."""
        return self.estimator.sample_rate

    @property
    def root(self) -> NodePath | None:
        """See `Estimator.root`."""
        return self.estimator.root

    def measurer(
        self,
        nodes: Sequence[NodePath],
        corpus: Corpus,
        hierarchy: Hierarchy,
        settings: EvaluationSettings,
        chunks: ChunkList | None = None,
    ) -> "ConfusionMeasurer":
        """See `Estimator.measurer`; `nodes` and targets of chunks make no difference."""
        estimator: Any = self.estimator  # Chunkwise, so that it is a ChunkEstimator
        return ConfusionMeasurer(estimator, hierarchy, settings, self.stft)

    def provenance(self) -> dict[str, object]:
        """See `Estimator.provenance`."""
        return {"confusion": self.estimator.provenance(), "stft": [self.stft.window, self.stft.hop]}


@dataclass(frozen=True)
class ConfusionMeasurer:
    """Measures `shares` in every chunk; see `stemtree.evaluation.estimators.base.Measurer`."""

    estimator: ChunkEstimator
    hierarchy: Hierarchy
    settings: EvaluationSettings
    stft: Stft

    queries_from = None
    """See `Measurer.queries_from`."""

    schema = SCHEMA
    """See `Measurer.schema`."""

    def measure_song(self, track: Track, starts: Sequence[int]) -> pl.DataFrame:
        """See `Measurer.measure_song`; a chunk that fails has one row, with the reason."""
        _ = self.estimator.nodes  # loads a model in each process: where that fails, no chunk is at fault
        return pl.DataFrame([row for start in starts for row in self._rows(track, start)], schema=SCHEMA)

    def _rows(self, track: Track, start: int) -> list[dict[str, Any]]:
        place = {"track": track.id, "start": start / track.sample_rate}
        try:
            return [place | row for row in self._measure(track, start)]
        except Exception as error:  # an estimator may raise anything
            kind = "" if isinstance(error, StemtreeError) else f"{type(error).__name__}: "
            failed = {"node": self.settings.root, "level": self.hierarchy.level(self.settings.root)}
            return [place | failed | {"status": Status.FAILED.value, "failure": f"{kind}{error}"}]

    @torch.inference_mode()
    def _measure(self, track: Track, start: int) -> list[dict[str, Any]]:
        root, nodes, leaves = self.settings.root, self.estimator.nodes, self.hierarchy.leaves(self.settings.root)
        length = self.settings.chunking.num_samples(track.sample_rate)
        signals = node_signals(track, (root, *nodes, *leaves), start, length, mono=self.settings.mono)
        read = torch.from_numpy(np.stack(signals))
        mixture, of_nodes, truth = read[:1], read[1 : 1 + len(nodes)], read[1 + len(nodes) :]
        batch = Batch(mixture, of_nodes[None], track.sample_rate, track.id, (start,))
        estimates = self.estimator.estimate(batch)[0].to("cpu", torch.float32)
        if not estimates.sum().isfinite():
            raise EvaluationError("the estimates hold NaN or infinity")
        columns = estimated_leaves(nodes)
        estimates = estimates[[nodes.index(leaf) for leaf in columns]]
        if not all(any(is_within(leaf, node) or is_within(node, leaf) for node in columns) for leaf in leaves):
            columns, estimates = (*columns, REST), torch.cat([estimates, mixture - estimates.sum(dim=0)])
        stft = self.stft.at(track.sample_rate)
        found = shares(stft.transform(truth), stft.transform(estimates)).tolist()
        loudness = ratio_db(energy(truth), energy(mixture)).tolist()
        statuses_of = statuses(truth, mixture, self.settings.quiet).tolist()
        return [
            {"node": leaf, "level": self.hierarchy.level(leaf), "status": status, "reference_db": db}
            | {"estimated": column, "share": share}
            for leaf, status, db, row in zip(leaves, statuses_of, loudness, found, strict=True)
            if status != Status.ABSENT
            for column, share in zip(columns, row, strict=True)
        ]


def estimated_leaves(nodes: Sequence[NodePath]) -> tuple[NodePath, ...]:
    """Those of an estimator's nodes that have no other of them beneath."""
    return tuple(node for node in nodes if not any(other != node and is_within(other, node) for other in nodes))


def is_right(leaf: NodePath, estimated: str) -> bool:
    """Whether energy of a true leaf belongs into an estimated one: one is the other, or lies beneath it."""
    return is_within(leaf, estimated) or is_within(estimated, leaf)


@dataclass(frozen=True, slots=True)
class ConfusionTable:
    """Means over chunks.

    Parameters
    ----------
    leaves, estimated : tuple of str
        The true leaves that are heard, and the estimated ones.
    share : ndarray
        ``(leaf, estimated)``: the mean of `shares` over the chunks in which the true leaf is neither silent nor quiet.
    chunks : tuple of int
        How many these are, for each true leaf.
    """

    leaves: tuple[NodePath, ...]
    estimated: tuple[str, ...]
    share: np.ndarray[Any, np.dtype[np.float64]]
    chunks: tuple[int, ...]

    def kept(self, row: int) -> float:
        """The share of a true leaf that lands where it belongs."""
        leaf = self.leaves[row]
        return float(sum(self.share[row, j] for j, name in enumerate(self.estimated) if is_right(leaf, name)))

    def taken_for(self, row: int) -> list[tuple[str, float]]:
        """Where else a true leaf lands, the most frequent first."""
        others = [(name, share) for name, share in zip(self.estimated, self.share[row].tolist(), strict=True)]
        return sorted((pair for pair in others if not is_right(self.leaves[row], pair[0])), key=lambda pair: -pair[1])


def summarise_confusion(rows: pl.DataFrame, hierarchy: Hierarchy) -> ConfusionTable:
    """Average rows over chunks.

    Parameters
    ----------
    rows : polars.DataFrame
        From `stemtree.evaluation.evaluate.evaluate` with a `Confusion`.
    hierarchy : Hierarchy
        Of the corpus; its order is that of the table.

    Raises
    ------
    EvaluationError
        If no leaf is heard in any chunk.
    """
    heard = rows.filter(pl.col("status").is_in([Status.COUNTED.value, Status.ALONE.value]))
    if heard.is_empty():
        raise EvaluationError("no leaf is heard in any of the chunks: give other songs, or a lower --quiet")
    means = {
        (node, estimated): (share, count)
        for node, estimated, share, count in heard.group_by("node", "estimated")
        .agg(pl.col("share").cast(pl.Float64).mean(), pl.len())
        .iter_rows()
    }
    leaves = tuple(leaf for leaf in hierarchy.leaves() if any(leaf == node for node, _ in means))
    found = {estimated for _, estimated in means}
    estimated = (*(node for node in hierarchy.paths if node in found), *(REST for _ in found & {REST}))
    share = np.array([[means[leaf, column][0] for column in estimated] for leaf in leaves])
    return ConfusionTable(leaves, estimated, share, tuple(means[leaf, estimated[0]][1] for leaf in leaves))
