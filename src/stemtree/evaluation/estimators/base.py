"""The protocols of estimators and of what measures them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from stemtree.corpora.track import Corpus, Track
from stemtree.evaluation.chunk_list import ChunkList
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import Hierarchy, NodePath
from stemtree.types import Waveform


@dataclass(frozen=True, slots=True)
class Batch:
    """Chunks of one song that are estimated together.

    Parameters
    ----------
    mixture : Waveform
        ``(batch, channel, sample)``.
    truth : Waveform
        ``(batch, node, channel, sample)``: the true signals of the estimator's nodes. Only oracles may use them.
    sample_rate : int
        In Hz.
    track : str
        The song's id. It and `starts` are for estimators that draw something for each chunk, such as a query.
    starts : tuple of int
        The first sample of each chunk.
    """

    mixture: Waveform
    truth: Waveform
    sample_rate: int
    track: str
    starts: tuple[int, ...]


class ChunkEstimator(Protocol):
    """Estimates all of its nodes in any chunk."""

    @property
    def nodes(self) -> tuple[NodePath, ...]:
        """The estimated nodes, in the order of the estimates."""
        ...

    def estimate(self, batch: Batch) -> Waveform:
        """Return estimates ``(batch, node, channel, sample)``, as long as the mixture."""
        ...


class Measurer(Protocol):
    """Compares estimates with the truth, song by song. It is pickled into each worker process."""

    @property
    def schema(self) -> pl.Schema:
        """The columns of the rows, `stemtree.evaluation.rows.SCHEMA` unless something else is measured."""
        ...

    @property
    def queries_from(self) -> str | None:
        """Fingerprint of the corpus that queries are drawn from; None if a song's rows depend on that song alone."""
        ...

    def measure_song(self, track: Track, starts: Sequence[int]) -> pl.DataFrame:
        """Return the rows, of the columns `schema`, of the chunks that begin at these samples."""
        ...


class Estimator(Protocol):
    """What `stemtree.evaluation.evaluate.evaluate` measures.

    Most estimators estimate all of their nodes in every chunk: they have an `estimate` (see `ChunkEstimator`) and
    inherit `measurer` from `stemtree.evaluation.estimators.chunkwise.Chunkwise`.
    """

    @property
    def name(self) -> str:
        """Its name in tables and messages."""
        ...

    @property
    def nodes(self) -> tuple[NodePath, ...]:
        """The nodes that it estimates."""
        ...

    @property
    def sample_rate(self) -> int | None:
        """The only sample rate in Hz that it works at; None for any."""
        ...

    @property
    def root(self) -> NodePath | None:
        """The only node that it can take as the mixture; None for any."""
        ...

    def measurer(
        self,
        nodes: Sequence[NodePath],
        corpus: Corpus,
        hierarchy: Hierarchy,
        settings: EvaluationSettings,
        chunks: ChunkList | None = None,
    ) -> Measurer:
        """Make what measures `nodes`, some of its own, in the songs of a corpus.

        Where `chunks` have targets, only the nodes on a target's path are measured in its chunks.
        """
        ...

    def provenance(self) -> dict[str, object]:
        """Everything that its estimates depend on, for JSON: settings, checksums of weights."""
        ...
