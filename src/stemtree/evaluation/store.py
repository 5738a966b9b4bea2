"""Where an evaluation keeps its rows: a file for each finished song, then one for all."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from stemtree.corpora.track import Track
from stemtree.data.salience import Chunking, salience_fingerprint
from stemtree.errors import EvaluationError

_KEY, _SETTINGS = "stemtree", "settings.json"


class Store:
    """The rows of one evaluation; a run that is stopped goes on where it was.

    Parameters
    ----------
    file : pathlib.Path
        Where all rows go in the end; until then those of finished songs lie in a folder of its name and ``.parts``.
    settings : mapping
        Everything but the songs that the rows depend on, for JSON.
    """

    def __init__(self, file: Path, settings: Mapping[str, object]) -> None:
        self.file, self.folder = file, file.with_name(f"{file.name}.parts")
        self._settings = json.loads(json.dumps(settings))

    def finished(self, songs: Iterable[str]) -> pl.DataFrame | None:
        """All rows, if they were finished before.

        Raises
        ------
        EvaluationError
            If the file holds something else, or rows of other songs or settings.
        """
        if not self.file.exists():
            return None
        try:
            told = json.loads(pl.read_parquet_metadata(self.file)[_KEY])
            rows = pl.read_parquet(self.file)
        except (OSError, KeyError, ValueError, pl.exceptions.PolarsError):
            raise EvaluationError(f"'{self.file}' does not hold an evaluation: choose another file") from None
        self._check(told["settings"], self.file)
        if told["songs"] != sorted(songs):
            raise EvaluationError(f"'{self.file}' holds an evaluation of other songs: delete it or choose another file")
        return rows

    def open(self) -> None:
        """Make the folder of parts, or check that it belongs to this evaluation.

        Raises
        ------
        EvaluationError
            If it does not, or cannot be made.
        """
        note = self.folder / _SETTINGS
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if note.exists():
                self._check(json.loads(note.read_text("utf-8")), self.folder)
            else:
                partial = note.with_name(f".{_SETTINGS}.partial")
                partial.write_text(json.dumps(self._settings), "utf-8")
                partial.replace(note)
        except OSError as error:
            raise EvaluationError(f"cannot write to '{self.folder}' ({error.strerror}): choose another file") from None
        except ValueError:
            raise EvaluationError(f"'{note}' is damaged: delete its folder") from None

    def part(self, song: str) -> Path:
        """Where the rows of a song go."""
        return self.folder / f"{song}.parquet"

    def finish(self, songs: Sequence[str]) -> pl.DataFrame:
        """Put the rows of all songs into one file."""
        rows = pl.concat([pl.read_parquet(self.part(song)) for song in songs])
        told = {"settings": self._settings, "songs": sorted(songs)}
        write(rows, self.file, {_KEY: json.dumps(told)})
        shutil.rmtree(self.folder, ignore_errors=True)
        return rows

    def _check(self, found: Mapping[str, Any], where: Path) -> None:
        for key, value in self._settings.items():
            if found.get(key) != value:
                told = f"its {key} is {json.dumps(found.get(key))[:80]}, not {json.dumps(value)[:80]}"
                raise EvaluationError(f"'{where}' holds another evaluation ({told}): delete it or choose another file")


def write(rows: pl.DataFrame, file: Path, metadata: dict[str, str] | None = None) -> None:
    """Write Parquet that appears when it is whole."""
    partial = file.with_name(f".{file.name}.partial")
    try:
        rows.write_parquet(partial, metadata=metadata)
        partial.replace(file)
    except OSError as error:
        raise EvaluationError(f"cannot write '{file}' ({error}): make room or choose another file") from None


def song_fingerprint(track: Track, starts: Sequence[int], chunking: Chunking) -> str:
    """Tell a song's chunks apart from any others; changes when a stem's file or leaf does."""
    try:
        told = salience_fingerprint(track, chunking)
    except OSError as error:  # a stem has gone since the corpus was loaded: its chunks will fail and say so
        told = str(error)
    return hashlib.sha256(json.dumps([track.id, told, starts]).encode()).hexdigest()[:24]
