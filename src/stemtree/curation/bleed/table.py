"""The table of leakage: a row for each track."""

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from typing import Any

from stemtree.curation.sessions.csv_tables import read_table, write_table
from stemtree.errors import CorpusError

LEAK_COLUMNS = (
    "song", "file", "label", "leaks", "leak_db", "from_label", "from_file", "delay_ms", "same_instrument_db", "tracks",
)  # fmt: skip

_NUMBERS = ("leak_db", "delay_ms", "same_instrument_db")


@dataclass(frozen=True, slots=True)
class Leak:
    """Leakage into one track.

    Parameters
    ----------
    leaks : bool
        Whether tracks of other instruments leak into it.
    leak_db : float or None
        Energy that tracks of other instruments explain, relative to the track's own; None where none do.
    from_label, from_file : str
        Label and name of the track that explains most.
    delay_ms : float or None
        How much later that track arrives than in its own file.
    same_instrument_db : float or None
        `leak_db` of tracks of the same instrument, which are expected to pick each other up.
    """

    leaks: bool
    leak_db: float | None = None
    from_label: str = ""
    from_file: str = ""
    delay_ms: float | None = None
    same_instrument_db: float | None = None

    def with_threshold(self, threshold: float) -> "Leak":
        """The same measurement with `leaks` for a threshold in dB."""
        return replace(self, leaks=self.leak_db is not None and self.leak_db >= threshold)

    def as_dict(self) -> dict[str, Any]:
        """The fields, as metadata have them."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class LeakRow:
    """A row of the table.

    Parameters
    ----------
    song, file, label : str
        As in the annotation.
    leak : Leak
        What leaks into the file.
    tracks : str
        A checksum of the song's tracks and their leaves, see `stemtree.curation.sessions.sessions.RawTrack.state`.
    """

    song: str
    file: str
    label: str
    leak: Leak
    tracks: str = ""


def read_leaks(file: str | os.PathLike[str]) -> dict[str, dict[str, Leak]]:
    """Read a table of leakage to the leak of every file of every song; raises CorpusError if it cannot be read."""
    songs: dict[str, dict[str, Leak]] = defaultdict(dict)
    for row in read_leak_rows(file):
        songs[row.song][row.file] = row.leak
    return dict(songs)


def read_leak_rows(file: str | os.PathLike[str]) -> list[LeakRow]:
    """Read a table of leakage; raises CorpusError if it cannot be read."""
    rows = []
    for row in read_table(file, ("song", "file", "leaks")):
        try:
            level, delay, same = (float(row[name]) if row.get(name) else None for name in _NUMBERS)
            leaks = bool(int(row["leaks"]))
        except ValueError:
            message = f"the table '{file}' has a row for '{row['file']}' that is not of leakage"
            raise CorpusError(f"{message}: make it with stemtree curate bleed") from None
        leak = Leak(leaks, level, row.get("from_label", ""), row.get("from_file", ""), delay, same)
        rows.append(LeakRow(row["song"], row["file"], row.get("label", ""), leak, row.get("tracks", "")))
    return rows


def write_leaks(file: Path, rows: Iterable[LeakRow]) -> None:
    """Write a table of leakage; raises CorpusError if it cannot be written."""
    cells = ((row.song, row.file, row.label, int(row.leak.leaks), *astuple(row.leak)[1:], row.tracks) for row in rows)
    write_table(file, LEAK_COLUMNS, cells)
