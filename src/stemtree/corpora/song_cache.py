"""Tables of what was measured of each song, kept as Parquet and measured again only where a song changed."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from stemtree.audio.headers import silence_stderr
from stemtree.corpora.track import Corpus, Problem, Track
from stemtree.errors import CorpusError, StaleIndexError, StemtreeError

MOST_THREADS = 16
"""However many are asked for: each holds a stretch of a song in memory."""

Measure = Callable[[Track], Iterable[tuple[Any, ...]]]
Measured = list[tuple[Any, ...]] | StemtreeError


def refresh(
    file: Path,
    schema: pl.Schema,
    corpus: Corpus,
    prints: Mapping[str, str],
    measure: Measure,
    *,
    workers: int | None = None,
    skip_bad: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[pl.DataFrame, tuple[Problem, ...]]:
    """Read a table, measuring the songs that are missing or stale in it; it is written anew if any is.

    Other songs, and the same songs measured with other leaves or settings, keep their rows in the file.

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
        Threads, by default one for each core, at most `MOST_THREADS`: reading and adding up happen outside Python's
        lock.
    skip_bad : bool
        Go on after a song that cannot be measured; it has no rows then.
    progress : callable, optional
        Told how many songs of how many are measured.

    Returns
    -------
    polars.DataFrame
        The corpus's rows.
    tuple of Problem
        The songs that were left out.

    Raises
    ------
    StemtreeError
        What a song's measuring raised, or CorpusError if the file cannot be written; what was measured before is kept.
    """
    known = _current(_read(file, schema), prints)
    wanted = pl.DataFrame(
        {"track": prints.keys(), "fingerprint": prints.values()}, schema=dict(list(schema.items())[:2])
    )
    have = set(known.join(wanted, on=["track", "fingerprint"], how="semi")["track"])
    stale = [track for track in corpus.tracks if track.id not in have]
    rows: list[tuple[Any, ...]] = []
    problems: list[Problem] = []
    if stale:
        _write(file, known)  # what cannot be written is better known before than after an hour of measuring
        try:
            for done, (track, result) in enumerate(_in_threads(measure, stale, workers), start=1):
                if isinstance(result, StemtreeError):
                    if not skip_bad:
                        raise result
                    problems.append(Problem(track.id, "unreadable", str(result)))
                else:
                    rows += [(track.id, prints[track.id], *row) for row in result]
                if progress:
                    progress(done, len(stale))
        finally:  # whatever stops it, what was measured is kept
            known = pl.concat([known, pl.DataFrame(rows, schema=schema, orient="row")])
            known = known.sort([name for name, kind in schema.items() if kind == pl.String])
            _write(file, known)
    return known.join(wanted, on=["track", "fingerprint"], how="semi", maintain_order="left"), tuple(problems)


def _in_threads(measure: Measure, tracks: Sequence[Track], workers: int | None) -> Iterator[tuple[Track, Measured]]:
    """Each song with what was measured, or with what kept it from being, in the order in which they are done."""

    def run(track: Track) -> tuple[Track, Measured]:
        try:
            return track, list(measure(track))
        except StemtreeError as error:
            return track, error

    pool = ThreadPoolExecutor(min(workers or os.cpu_count() or 1, MOST_THREADS))
    try:
        for future in as_completed([pool.submit(run, track) for track in tracks]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _current(table: pl.DataFrame, prints: Mapping[str, str]) -> pl.DataFrame:
    """What may still be asked for: all but rows made from files that a song no longer has."""
    files = {track: fingerprint[:16] for track, fingerprint in prints.items()}
    told = table.select("track", "fingerprint").iter_rows()
    keeps = [files.get(track, fingerprint[:16]) == fingerprint[:16] for track, fingerprint in told]
    return table.filter(pl.Series(keeps, dtype=pl.Boolean))


def _write(file: Path, table: pl.DataFrame) -> None:
    partial = file.with_name(f".{file.name}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        table.write_parquet(partial, compression="zstd")
        partial.replace(file)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        with suppress(OSError):
            partial.unlink()
        raise CorpusError(f"cannot write the index '{file}' ({reason}): choose another file") from None


def read_fresh(file: Path, schema: pl.Schema, corpus: Corpus, prints: Mapping[str, str]) -> pl.DataFrame:
    """Read a table that must be whole and fresh.

    Raises
    ------
    StaleIndexError
        If it lacks a song of the corpus, or was made from something else; names the song.
    """
    table = _read(file, schema)
    found = set(table.select("track", "fingerprint").iter_rows())
    songs = {track for track, _ in found}
    for track in corpus.tracks:
        if (track.id, prints[track.id]) not in found:
            state = "is older than" if track.id in songs else "lacks"
            raise StaleIndexError(
                f"the index '{file}' {state} the song '{track.id}': build it again with stemtree corpus index"
            )
    return table.filter(pl.col("fingerprint").is_in(list(prints.values())) & pl.col("track").is_in(list(prints)))


def _read(file: Path, schema: pl.Schema) -> pl.DataFrame:
    try:
        with silence_stderr():  # a damaged file may make polars write to stderr as well
            table = pl.read_parquet(file)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):  # not there, or damaged
        table = pl.DataFrame(schema=schema)
    return table if table.schema == schema else pl.DataFrame(schema=schema)
