"""Measuring a model that takes queries: every salient target of a chunk is queried with a chunk of another song."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from stemtree.corpora.track import Track
from stemtree.evaluation.estimators.queries import Queries
from stemtree.evaluation.measure import ChunkMeasurer
from stemtree.hierarchy import NodePath


@dataclass(frozen=True)
class QueryMeasurer:
    """Measures, in each chunk, the nodes on the path of every target that is salient there.

    Parameters
    ----------
    measurers : mapping of NodePath to ChunkMeasurer
        One for each target.
    queries : Queries
        Where the targets are salient.
    queries_from : str
        See `Measurer.queries_from`.
    """

    measurers: Mapping[NodePath, ChunkMeasurer]
    queries: Queries
    queries_from: str

    def measure_song(self, track: Track, starts: Sequence[int]) -> pl.DataFrame:
        """See `Measurer.measure_song`; the column ``target`` holds the target that was queried."""
        rows = [
            measurer.measure_song(track, self.queries.salient_starts(target, track, starts)).with_columns(
                target=pl.lit(target)
            )
            for target, measurer in self.measurers.items()
        ]
        return pl.concat(rows).sort("start", maintain_order=True)
