"""Files of rows: one for each finished song while an evaluation runs, then one for all."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from stemtree.data.salience import Chunking, salience_fingerprint
from stemtree.errors import EvaluationError
from stemtree.evaluation.chunks import SongChunks
from stemtree.evaluation.rows import FILLED, SCHEMA
from stemtree.parquet import read_json_metadata, read_parquet, write_parquet
from stemtree.staging import whole_file, without_empty_folders, write_failure

_KEY, _SETTINGS = "stemtree", "settings.json"


class RowStore:
    """The files of one evaluation, with which a stopped run can go on.

    Parameters
    ----------
    file : pathlib.Path
        Where all rows go in the end. Until then those of finished songs lie in a folder beside it, named after it and
        ending in ``.parts``.
    settings : mapping
        Everything but the songs that the rows depend on, for JSON.
    schema : polars.Schema
        Of the rows.
    """

    def __init__(self, file: Path, settings: Mapping[str, object], schema: pl.Schema = SCHEMA) -> None:
        self.file, self.folder = file, file.with_name(f"{file.name}.parts")
        self._settings, self._schema = json.loads(json.dumps(settings)), schema

    def read_finished(self, songs: Iterable[str]) -> pl.DataFrame | None:
        """Read all rows if the evaluation was finished before; `songs` are the songs' fingerprints.

        Raises
        ------
        EvaluationError
            If the file holds something else, or rows of other songs or settings.
        """
        if not self.file.exists():
            return None
        try:
            metadata = read_json_metadata(self.file, _KEY)
            settings, measured = metadata["settings"], metadata["songs"]
            rows = read_parquet(self.file, schema=self._schema, filled=FILLED)
        except (OSError, KeyError, TypeError, ValueError):
            raise EvaluationError(f"'{self.file}' does not hold an evaluation: choose another file") from None
        self._check_settings(settings, self.file)
        if measured != sorted(songs):
            raise EvaluationError(f"'{self.file}' holds an evaluation of other songs: delete it or choose another file")
        return rows

    def open_parts(self) -> None:
        """Make the folder of parts, or check that an existing one belongs to this evaluation.

        Raises
        ------
        EvaluationError
            If it does not, or cannot be made.
        """
        file = self.folder / _SETTINGS
        try:
            with without_empty_folders(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
                if file.exists():
                    self._check_settings(json.loads(file.read_text("utf-8")), self.folder)
                else:
                    with whole_file(file) as partial:
                        partial.write_text(json.dumps(self._settings), "utf-8")
        except OSError as error:
            raise EvaluationError(write_failure(self.folder, error)) from None
        except ValueError:
            raise EvaluationError(f"'{file}' is damaged: delete its folder") from None

    def part(self, song: str) -> Path:
        """Return the file for the rows of a song, known by its fingerprint."""
        return self.folder / f"{song}.parquet"

    def publish(self, songs: Sequence[str]) -> pl.DataFrame:
        """Join the parts of all songs to the final file, remove them, and return the rows."""
        rows = self.join(songs)
        self.remove_parts()
        return rows

    def join(self, songs: Sequence[str]) -> pl.DataFrame:
        """Join the parts of all songs to the final file, and return the rows."""
        # Parts that an earlier version measured may lack columns.
        try:
            rows = pl.concat([read_parquet(self.part(song)) for song in songs], how="diagonal")
        except (OSError, ValueError):
            raise EvaluationError(f"'{self.folder}' holds rows that are damaged: delete it, and run again") from None
        metadata = {"settings": self._settings, "songs": sorted(songs)}
        write_rows(rows, self.file, {_KEY: json.dumps(metadata)})
        return rows

    def remove_parts(self) -> None:
        """Remove the parts of all songs."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _check_settings(self, found: Any, where: Path) -> None:
        found = found if isinstance(found, dict) else {}
        for key in [*self._settings, *(found.keys() - self._settings.keys())]:
            if found.get(key) != (value := self._settings.get(key)):
                difference = f"its {key} is {json.dumps(found.get(key))[:80]}, not {json.dumps(value)[:80]}"
                raise EvaluationError(
                    f"'{where}' holds another evaluation ({difference}): delete it or choose another file"
                )


def write_rows(rows: pl.DataFrame, file: Path, metadata: dict[str, str] | None = None) -> None:
    """Write rows to a Parquet file that appears when it is whole.

    Raises
    ------
    EvaluationError
        If it cannot be written.
    """
    try:
        with whole_file(file) as partial:
            write_parquet(rows, partial, metadata)
    except OSError as error:
        raise EvaluationError(write_failure(file, error)) from None


def chunks_fingerprint(song: SongChunks, chunking: Chunking) -> str:
    """Return 24 hexadecimal digits that change with a song's selected chunks and with its stems' files and leaves."""
    try:
        content = salience_fingerprint(song.track, chunking)
    except OSError as error:  # a stem has vanished since the corpus was loaded: its chunks will fail and say so
        content = str(error)
    return hashlib.sha256(json.dumps([song.track.id, content, song.starts]).encode()).hexdigest()[:24]
