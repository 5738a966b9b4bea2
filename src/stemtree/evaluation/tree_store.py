"""Files of rows of trees of queries: one for each finished song while an evaluation runs, then one for all."""

from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from stemtree.corpora.track import Track
from stemtree.data.salience import Chunking
from stemtree.errors import EvaluationError
from stemtree.evaluation.chunks import SongChunks
from stemtree.evaluation.found_leaves import LEAVES
from stemtree.evaluation.rows import SCHEMA
from stemtree.evaluation.store import RowStore, chunks_fingerprint, write_rows
from stemtree.parquet import read_parquet

SongRows = tuple[pl.DataFrame, pl.DataFrame]
"""The rows of a song's leaves, and those of its nodes."""


class TreeStore:
    """The files of one evaluation of trees, with which a stopped run can go on.

    Parameters
    ----------
    file : pathlib.Path
        For the rows of nodes; those of leaves go to ``NAME.leaves.parquet`` beside it.
    settings : mapping
        Everything but the songs that the rows depend on, for JSON.
    chunking : Chunking
        How songs are cut.

    Raises
    ------
    EvaluationError
        If one of the files is there already, if what an earlier run left is of other settings, or if they cannot be
        written.
    """

    def __init__(self, file: Path, settings: Mapping[str, object], chunking: Chunking) -> None:
        self._chunking, self._songs = chunking, list[str]()
        leaves = file.with_name(f"{file.name.removesuffix('.parquet')}.leaves.parquet")
        self._leaves, self._nodes = RowStore(leaves, settings, LEAVES), RowStore(file, settings, SCHEMA)
        stores = (self._nodes, self._leaves)  # a run that ended before both files were whole has left its parts
        if there := [store.file for store in stores if store.file.exists() and not store.folder.exists()]:
            raise EvaluationError(f"'{there[0]}' is there already: give another file with -o, or delete it")
        for store in (self._leaves, self._nodes):
            store.open_parts()

    def song(self, track: Track, measure: Callable[[Track], SongRows]) -> SongRows:
        """The rows of a song, of an earlier run if it measured the song, else measured and kept."""
        starts = tuple(int(start) for start in self._chunking.starts(track))
        song = chunks_fingerprint(SongChunks(track, starts), self._chunking)
        leaves, nodes = self._leaves.part(song), self._nodes.part(song)
        if leaves.exists() and nodes.exists():
            try:
                rows = read_parquet(leaves), read_parquet(nodes)
            except (OSError, ValueError):
                raise EvaluationError(f"'{leaves}' or '{nodes}' is damaged: delete both, and run again") from None
        else:
            rows = measure(track)
            write_rows(rows[0], leaves)
            write_rows(rows[1], nodes)
        self._songs.append(song)
        return rows

    def publish(self) -> None:
        """Join the rows of all songs that were asked for in the final files."""
        if self._songs:
            for store in (self._leaves, self._nodes):
                store.join(self._songs)
            for store in (self._leaves, self._nodes):
                store.remove_parts()
