"""Measurements of songs, cached in a Parquet file, so that only new and changed songs are measured again.

A cache file is one table. Its first columns are ``track``, a song's id, and ``fingerprint``, which identifies the
stems, leaves and settings that were measured (`stemtree.corpora.fingerprint`); the other columns hold what was
measured. A song may have any number of rows. Songs of other splits, and the same songs measured with other leaves or
settings, share the file.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from stemtree.cluster import is_on_cluster, map_tracks
from stemtree.corpora.track import Corpus, Problem, Track
from stemtree.errors import CorpusError, StemtreeError, counted
from stemtree.parquet import read_parquet, write_parquet
from stemtree.staging import exclusive, whole_file

MAX_THREADS = 16
"""Upper limit on the number of threads, since each holds part of a song in memory."""

_AUDIO_DIGITS = 16
"""Leading digits of a fingerprint that identify the audio files; the others identify leaves and settings."""

_PARQUET = b"PAR1"
"""What files begin with, damaged ones too."""

Measure = Callable[[Track], Iterable[tuple[Any, ...]]]
"""Measures one song and returns its rows without the first two columns."""

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class SongCache:
    """A cache file.

    Parameters
    ----------
    file : pathlib.Path
        Parquet; created if it does not exist.
    schema : polars.Schema
        Of the table, beginning with ``track`` and ``fingerprint``.
    """

    file: Path
    schema: pl.Schema

    def refresh(
        self,
        corpus: Corpus,
        fingerprints: Mapping[str, str],
        measure: Measure,
        *,
        workers: int | None = None,
        skip_bad: bool = False,
        progress: Callable[[int, int], None] | None = None,
        report: Callable[[str], None] | None = None,
    ) -> tuple[pl.DataFrame, tuple[Problem, ...]]:
        """Read a corpus's rows, after measuring the songs that have no up-to-date rows in the file.

        The file is written only if a song was measured. Rows of songs outside the corpus are kept, and so are rows of
        the same audio with other leaves or settings; rows of audio that has changed are removed.

        Parameters
        ----------
        corpus : Corpus
            The songs.
        fingerprints : mapping of str to str
            The current fingerprint of every song, by its id.
        measure : callable
            Called with each song to be measured.
        workers : int, optional
            Threads, by default one for each core, at most `MAX_THREADS`. Reading and adding audio release Python's
            lock.
        skip_bad : bool
            Continue after a song that cannot be measured, which then has no rows.
        progress : callable, optional
            Called with the number of songs measured so far and in all.
        report : callable, optional
            Called before the first song is measured, with a sentence on why that is needed.

        Returns
        -------
        polars.DataFrame
            The corpus's rows.
        tuple of Problem
            One for each song that was left out.

        Raises
        ------
        StemtreeError
            What `measure` raised, or CorpusError if the file cannot be written or is no index. Songs measured before
            that are kept.
        """
        found = self._read()
        table = _without_changed_audio(found, fingerprints)
        current = self._current_rows(table, fingerprints)
        measured = set(current["track"])
        outdated = [track for track in corpus.tracks if track.id not in measured]
        if not outdated:
            return current, ()
        if report:
            report(_reason(self.file, found, outdated, fingerprints))
        self._write(table)  # fails now rather than after an hour of measuring if the file cannot be written
        rows: Rows = []
        problems: list[Problem] = []
        try:
            for done, (track, result) in enumerate(_measure_in_threads(measure, outdated, workers), start=1):
                if isinstance(result, StemtreeError):
                    if not skip_bad:
                        raise result
                    problems.append(Problem(track.id, "unreadable", str(result)))
                else:
                    rows += [(track.id, fingerprints[track.id], *row) for row in result]
                if progress:
                    progress(done, len(outdated))
        finally:  # whatever ends the loop, the songs measured so far are kept
            table = self._add(rows, fingerprints)
        return self._current_rows(table, fingerprints), tuple(problems)

    def _add(self, rows: Rows, fingerprints: Mapping[str, str]) -> pl.DataFrame:
        """Add rows to what the file holds by now, since others may have measured meanwhile, and return the table."""
        keys = ["track", "fingerprint"]
        with exclusive(self.file.parent):
            ours = pl.DataFrame(rows, schema=self.schema, orient="row")
            theirs = _without_changed_audio(self._read(), fingerprints).join(ours, on=keys, how="anti")
            table = pl.concat([theirs, ours]).sort([name for name, kind in self.schema.items() if kind == pl.String])
            self._write(table)
        return table

    def _current_rows(self, table: pl.DataFrame, fingerprints: Mapping[str, str]) -> pl.DataFrame:
        """Rows whose song and fingerprint are among those given."""
        keys = {"track": fingerprints.keys(), "fingerprint": fingerprints.values()}
        wanted = pl.DataFrame(keys, schema={name: self.schema[name] for name in keys})
        return table.join(wanted, on=["track", "fingerprint"], how="semi", maintain_order="left")

    def _write(self, table: pl.DataFrame) -> None:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(self.file) as partial:
                write_parquet(table, partial)
        except OSError as error:
            is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise CorpusError(
                f"cannot write the index '{self.file}' ({error.strerror}): {'make room, or ' if is_full else ''}give "
                "another file with -o, or 'index' in a configuration"
            ) from None

    def _read(self) -> pl.DataFrame:
        """The table in the file; empty if the file is missing, damaged or of another version.

        Raises CorpusError if it holds something else, which must not be lost.
        """
        empty = pl.DataFrame(schema=self.schema)
        other = CorpusError(f"'{self.file}' is no index, and would be lost: give another file with -o")
        try:
            with self.file.open("rb") as file:
                if file.read(len(_PARQUET)) not in (_PARQUET, b""):
                    raise other
            table = read_parquet(self.file)
        except (OSError, ValueError):
            return empty
        if not {"track", "fingerprint"} <= set(table.columns):
            raise other
        return table if table.schema == self.schema else empty


def cache_file(root: Path, name: str) -> Path:
    """Return where measurements of a corpus go by default: in its folder or, where that is read-only, in the user's.

    The user's file begins as a copy of the one in the corpus's folder, if there is one.
    """
    in_corpus = root / name
    if os.access(root, os.W_OK):
        return in_corpus
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]
    file = home / "stemtree" / "corpora" / digest / name
    if in_corpus.exists() and not file.exists():
        with suppress(OSError):  # then all songs are measured
            file.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(file) as partial:
                shutil.copyfile(in_corpus, partial)
    return file


def _reason(file: Path, table: pl.DataFrame, outdated: Sequence[Track], fingerprints: Mapping[str, str]) -> str:
    """Say why songs have to be measured; `outdated` has at least one."""
    if not file.exists():
        return f"there is no '{file}' yet"
    if table.is_empty():
        return f"'{file}' is damaged or of another version"
    track = outdated[0].id
    found = table.filter(track=track)["fingerprint"].unique().to_list()
    if not found:
        return f"'{file}' lacks {counted(len(outdated), 'song')}, such as '{track}'"
    if any(fingerprint[:_AUDIO_DIGITS] == fingerprints[track][:_AUDIO_DIGITS] for fingerprint in found):
        return f"'{file}' was made with other chunks, labels or hierarchy"
    return f"'{file}' is older than the audio of {counted(len(outdated), 'song')}, such as '{track}'"


def _measure_in_threads(
    measure: Measure, tracks: Sequence[Track], workers: int | None
) -> Iterator[tuple[Track, Rows | StemtreeError]]:
    """Yield each song with its rows or with the error that measuring it raised."""

    def run(track: Track) -> Rows | StemtreeError:
        try:
            return list(measure(track))
        except StemtreeError as error:
            return error

    threads = min(workers or os.cpu_count() or 1, MAX_THREADS)
    return map_tracks(
        run, tracks, None if is_on_cluster() else threads, place="threads", name_of=lambda track: track.id
    )


def _without_changed_audio(table: pl.DataFrame, fingerprints: Mapping[str, str]) -> pl.DataFrame:
    """Drop rows whose song now has other audio files; songs without a fingerprint keep theirs."""
    audio = {track: fingerprint[:_AUDIO_DIGITS] for track, fingerprint in fingerprints.items()}
    rows = table.select("track", "fingerprint").iter_rows()
    kept = [audio.get(track, fingerprint[:_AUDIO_DIGITS]) == fingerprint[:_AUDIO_DIGITS] for track, fingerprint in rows]
    return table.filter(pl.Series(kept, dtype=pl.Boolean))
