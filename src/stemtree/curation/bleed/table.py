"""The table of leakage: one row for each track."""

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from typing import Any

from stemtree.curation.sessions.csv_tables import read_table, write_table
from stemtree.errors import CorpusError

COLUMNS = ("song", "file", "label", "leaks", "level_db", "from_label", "from_file", "delay_ms", "same_instrument_db")

_NUMBERS = ("level_db", "delay_ms", "same_instrument_db")


@dataclass(frozen=True, slots=True)
class Leak:
    """What leaks into one track.

    Parameters
    ----------
    leaks : bool
        Whether other instruments do.
    level_db : float or None
        Energy that tracks of other instruments explain, relative to the track's own; None where none do.
    from_label, from_file : str
        The one that explains most.
    delay_ms : float or None
        How much later it arrives than in its own track.
    same_instrument_db : float or None
        The same share for tracks of the same instrument, which are expected to hear each other.
    """

    leaks: bool
    level_db: float | None = None
    from_label: str = ""
    from_file: str = ""
    delay_ms: float | None = None
    same_instrument_db: float | None = None

    def judged(self, threshold: float) -> "Leak":
        """The same measurement under another threshold in dB."""
        return replace(self, leaks=self.level_db is not None and self.level_db >= threshold)

    def as_dict(self) -> dict[str, Any]:
        """For metadata."""
        return asdict(self)


def read_leaks(file: str | os.PathLike[str]) -> dict[str, dict[str, Leak]]:
    """Read a table of leakage to each song's tracks; raises CorpusError if it cannot be."""
    songs: dict[str, dict[str, Leak]] = defaultdict(dict)
    for song, name, _, leak in read_rows(file):
        songs[song][name] = leak
    return dict(songs)


def read_rows(file: str | os.PathLike[str]) -> list[tuple[str, str, str, Leak]]:
    """Read a table of leakage to rows of song, file, label and leak; raises CorpusError if it cannot be."""
    rows = []
    for row in read_table(file, ("song", "file", "leaks")):
        try:
            level, delay, same = (float(row[key]) if row.get(key) else None for key in _NUMBERS)
            leaks = bool(int(row["leaks"]))
        except ValueError:
            message = f"the table '{file}' has a row for '{row['file']}' that is not of leakage"
            raise CorpusError(f"{message}: make it with stemtree curate bleed") from None
        leak = Leak(leaks, level, row.get("from_label", ""), row.get("from_file", ""), delay, same)
        rows.append((row["song"], row["file"], row.get("label", ""), leak))
    return rows


def write_leaks(file: Path, rows: Iterable[tuple[str, str, str, Leak]]) -> None:
    """Write rows of song, file, label and leak; raises CorpusError if that cannot be done."""
    cells = ((song, name, label, int(leak.leaks), *astuple(leak)[1:]) for song, name, label, leak in rows)
    write_table(file, COLUMNS, cells)
