"""Measuring the paths of targets: each target in its own chunks, with the column ``target`` saying which."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import polars as pl

from stemtree.corpora.track import Track
from stemtree.evaluation.measure import ChunkMeasurer
from stemtree.evaluation.rows import SCHEMA
from stemtree.hierarchy import NodePath


class TargetChunks(Protocol):
    """Knows in which chunks a target is measured."""

    def starts_for(self, target: NodePath, track: Track, starts: Sequence[int]) -> list[int]:
        """Select, of the first samples of a song's chunks, those in which a target is measured."""
        ...


@dataclass(frozen=True)
class TargetMeasurer:
    """Measures, in each chunk, the nodes on the path of every target that is measured there.

    Parameters
    ----------
    measurers : mapping of NodePath to ChunkMeasurer
        One for each target.
    chunks : TargetChunks
        Where the targets are measured.
    queries_from : str, optional
        See `Measurer.queries_from`.
    """

    measurers: Mapping[NodePath, ChunkMeasurer]
    chunks: TargetChunks
    queries_from: str | None = None
    schema: ClassVar[pl.Schema] = SCHEMA

    def measure_song(self, track: Track, starts: Sequence[int]) -> pl.DataFrame:
        """See `Measurer.measure_song`; the column ``target`` holds the target."""
        rows = [
            measurer.measure_song(track, self.chunks.starts_for(target, track, starts)).with_columns(
                target=pl.lit(target)
            )
            for target, measurer in self.measurers.items()
        ]
        return pl.concat(rows).sort("start", maintain_order=True)
