"""The annotation as a CSV file, which people correct and which is made again without losing what they wrote."""

import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stemtree.audio import is_audio_name
from stemtree.corpora.track import Problem
from stemtree.curation.annotation.classifier.file_names import vocabulary
from stemtree.curation.sessions.csv_tables import read_table, write_table
from stemtree.errors import CorpusError

COLUMNS = ("song", "file", "label", "confidence", "review")
TO_REVIEW, SETTLED = "yes", "done"


@dataclass(frozen=True, slots=True)
class Row:
    """One file of a song.

    Parameters
    ----------
    song, file : str
        The file's path below the song's folder.
    label : str
        One of the 72.
    confidence : float or None
        Probability that it is right; None where a person wrote the row.
    review : str
        ``yes``: to be looked at. ``done``: a person has settled it. Empty: proposed.
    """

    song: str
    file: str
    label: str
    confidence: float | None = None
    review: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What tells rows apart, whichever way accents are spelled, without blanks around names, which tables lose."""
        return unicodedata.normalize("NFC", self.song).strip(), unicodedata.normalize("NFC", self.file).strip()


def read_names(source: str | os.PathLike[str]) -> tuple[list[tuple[str, str]], list[Problem]]:
    """Songs and files, each once: from a CSV file with the columns ``song`` and ``file``, or from a folder.

    In a folder, every folder in it that holds audio at any depth is a song; audio that lies in it directly makes the
    folder itself one.

    Raises
    ------
    CorpusError
        If it cannot be read, lacks a column or holds nothing.
    """
    path = Path(source)
    found = list(_walk(path)) if path.is_dir() else [(row["song"], row["file"]) for row in _cells(path, COLUMNS[:2])]
    names: dict[tuple[str, str], tuple[str, str]] = {}
    problems = []
    for song, file in found:
        try:
            (song + file).encode()
        except UnicodeEncodeError:
            message = f"the name {file!a} in {song!a} is not Unicode: rename the file"
            problems.append(Problem(ascii(song), "name", message))
            continue
        if not song or not file:
            problems.append(Problem(song, "name", f"a row of '{path}' lacks the song or the file: complete it"))
        else:
            names.setdefault(Row(song, file, "").key, (song, file))
    doubled = len(found) - len(problems) - len(names)
    if doubled:
        problems.append(Problem(str(path), "twice", f"{doubled} names stand twice in '{path}': each is taken once"))
    if not names:
        raise CorpusError(f"'{path}' names no audio files: give a folder of songs, or a CSV file with song and file")
    return list(names.values()), problems


def read_annotation(file: str | os.PathLike[str]) -> list[Row]:
    """Read an annotation; raises CorpusError if it is not one."""
    rows = []
    for number, cells in enumerate(_cells(Path(file), COLUMNS[:3]), 2):
        try:
            confidence = float(cells["confidence"]) if cells.get("confidence") else None
        except ValueError:
            raise CorpusError(
                f"row {number} of '{file}' has the confidence '{cells['confidence']}': write a number, or nothing"
            ) from None
        rows.append(Row(cells["song"], cells["file"], cells["label"], confidence, (cells.get("review") or "").lower()))
    return rows


def write_annotation(file: str | os.PathLike[str], rows: Iterable[Row]) -> None:
    """Write an annotation, and beside it, in a hidden file, what of it was proposed (see `settled`)."""
    rows = list(rows)
    target = Path(file)
    confidences = ["" if row.confidence is None else f"{row.confidence:.4f}" for row in rows]
    write_rows(
        target,
        COLUMNS,
        ((row.song, row.file, row.label, one, row.review) for row, one in zip(rows, confidences, strict=True)),
    )
    proposed = ((row.song, row.file, row.label) for row in rows if row.review != SETTLED)
    write_rows(_proposals(target), COLUMNS[:3], proposed)


def settled(file: str | os.PathLike[str]) -> list[Row]:
    """The rows of an annotation that a person has settled, as ``done``.

    These are rows marked ``done``, rows whose label is not the one that was proposed when the file was written, and
    rows without a confidence. Where nothing is known of what was proposed, since the file comes from elsewhere, all
    rows with a label.

    Raises
    ------
    CorpusError
        If the annotation cannot be read, or two of its rows give one file different labels.
    """
    path = Path(file)
    if not path.exists():
        return []
    rows = read_annotation(path)
    labels: dict[tuple[str, str], str] = {}
    for row in rows:
        if row.label and labels.setdefault(row.key, row.label) != row.label:
            both = f"both {labels[row.key]} and {row.label}"
            raise CorpusError(f"'{row.file}' of '{row.song}' is {both} in '{path}': keep one row")
    try:
        made = [Row(cells["song"], cells["file"], cells["label"]) for cells in _cells(_proposals(path), COLUMNS[:3])]
        proposed = {row.key: row.label for row in made}
    except CorpusError:
        proposed = {}
    kept = [
        row
        for row in rows
        if row.label and (row.review == SETTLED or row.confidence is None or proposed.get(row.key) != row.label)
    ]
    return [Row(row.song, row.file, row.label, row.confidence, SETTLED) for row in kept]


def review_first(rows: Sequence[Row], share: float) -> list[Row]:
    """The least certain of the rows that nobody has settled, the least certain first.

    Of names of one song with the same words, the least certain alone, as long as there are others: what a person writes
    there is carried to the rest.
    """
    open_rows = sorted((row for row in rows if row.review != SETTLED), key=lambda row: row.confidence or 0)
    alike: set[tuple[str, tuple[str, ...]]] = set()
    first, later = list[Row](), list[Row]()
    for row in open_rows:
        words = (row.key[0], vocabulary().parse(row.file).words)
        (later if words[1] and words in alike else first).append(row)
        alike.add(words)
    return [*first, *later][: round(share * len(open_rows))]


def _walk(root: Path) -> Iterable[tuple[str, str]]:
    folders = sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    for folder in [root, *folders]:
        files = folder.iterdir() if folder == root else folder.rglob("*")
        for file in sorted(files):
            if is_audio_name(file) and file.is_file() and "__MACOSX" not in file.parts:
                yield folder.resolve().name, file.relative_to(folder).as_posix()


def _proposals(file: Path) -> Path:
    return file.with_name(f".{file.name}.proposed")


def _cells(file: Path, required: tuple[str, ...]) -> list[dict[str, str]]:
    return read_table(file, required, fallback="cp1252")  # what spreadsheets on Windows write


def write_rows(file: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV file with Unix line ends; raises CorpusError if it cannot be written."""
    write_table(file, columns, rows, line_end="\n", remedy="choose another place with -o")
