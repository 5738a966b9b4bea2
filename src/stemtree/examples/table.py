"""Tables of what was measured of each song, kept as Parquet and measured again only where a song changed."""

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path as FilePath
from typing import Any

import polars as pl

from stemtree.corpora.track import Corpus, Track
from stemtree.errors import StaleIndexError


def refresh(
    file: FilePath,
    schema: pl.Schema,
    corpus: Corpus,
    prints: Mapping[str, str],
    measure: Callable[[Track], Iterable[tuple[Any, ...]]],
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pl.DataFrame:
    """Read a table, measuring the songs that are missing or stale in it; it is written anew if anything changed.

    Parameters
    ----------
    file : pathlib.Path
        Parquet.
    schema : polars.Schema
        Beginning with ``track`` and ``fingerprint``.
    corpus : Corpus
        The songs.
    prints : mapping of str to str
        The fingerprint of every song.
    measure : callable
        The rest of each of a song's rows.
    workers : int, optional
        Threads, by default one for each core: reading and adding up happen outside Python's lock.
    progress : callable, optional
        Told how many songs of how many are measured.
    """
    known = _read(file, schema)
    wanted = pl.DataFrame(
        {"track": prints.keys(), "fingerprint": prints.values()}, schema=dict(list(schema.items())[:2])
    )
    kept = known.join(wanted, on=["track", "fingerprint"], how="semi")
    have = set(kept["track"])
    stale = [track for track in corpus.tracks if track.id not in have]
    if stale or len(kept) != len(known):
        rows: list[tuple[Any, ...]] = []
        with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
            for done, (track, measured) in enumerate(zip(stale, pool.map(measure, stale), strict=True), start=1):
                rows += [(track.id, prints[track.id], *row) for row in measured]
                if progress:
                    progress(done, len(stale))
        kept = pl.concat([kept, pl.DataFrame(rows, schema=schema, orient="row")])
        kept = kept.sort([name for name, kind in schema.items() if kind == pl.String])
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f".{file.name}.partial")
        kept.write_parquet(partial, compression="zstd")
        partial.replace(file)
    return kept


def read_fresh(file: FilePath, schema: pl.Schema, corpus: Corpus, prints: Mapping[str, str]) -> pl.DataFrame:
    """Read a table that must be whole and fresh.

    Raises
    ------
    StaleIndexError
        If it lacks a song of the corpus, or was made from something else; names the song.
    """
    table = _read(file, schema)
    found = dict(table.select("track", "fingerprint").iter_rows())
    for track in corpus.tracks:
        if found.get(track.id) != prints[track.id]:
            state = "is older than" if track.id in found else "lacks"
            raise StaleIndexError(
                f"the index '{file}' {state} the song '{track.id}': build it again with stemtree corpus index"
            )
    return table.filter(pl.col("track").is_in([track.id for track in corpus.tracks]))


def _read(file: FilePath, schema: pl.Schema) -> pl.DataFrame:
    try:
        table = pl.read_parquet(file)
    except (OSError, pl.exceptions.PolarsError):
        table = pl.DataFrame(schema=schema)
    return table if table.schema == schema else pl.DataFrame(schema=schema)
