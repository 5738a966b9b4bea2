"""The annotation as a CSV file, which people correct and which is made again without losing their corrections."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stemtree.audio import is_audio_name
from stemtree.corpora.track import Problem
from stemtree.curation.annotation.classifier.file_names import vocabulary
from stemtree.curation.sessions.csv_tables import format_table, read_table, write_table, write_texts
from stemtree.curation.sessions.sessions import name_key
from stemtree.errors import CorpusError, counted
from stemtree.folders import files_below, folder_name

ANNOTATION_COLUMNS = ("song", "file", "label", "confidence", "review")
TO_REVIEW, SETTLED = "yes", "done"

_NAME, _LABELLED = ANNOTATION_COLUMNS[:2], ANNOTATION_COLUMNS[:3]


@dataclass(frozen=True, slots=True)
class AnnotationRow:
    """A file of a song, and its label.

    Parameters
    ----------
    song, file : str
        The file's path below the song's folder.
    label : str
        One of the 72.
    confidence : float or None
        Probability that the label is right; None where a person wrote the row.
    review : str
        ``yes``: to be reviewed. ``done``: settled by a person. Empty: proposed.
    """

    song: str
    file: str
    label: str
    confidence: float | None = None
    review: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Song and file in the form in which they are compared."""
        return name_key(self.song), name_key(self.file)


def read_names(source: str | os.PathLike[str]) -> tuple[list[tuple[str, str]], list[Problem]]:
    """Read songs and files, each once, from a CSV file with the columns ``song`` and ``file``, or from a folder.

    In a folder, every folder in it that holds audio at any depth is a song; audio that lies in it directly makes the
    folder itself one.

    Returns
    -------
    names : list of (song, file)
        In the order of the table, or sorted.
    problems : list of Problem
        Rows without song or file, names that are not Unicode or stand twice.

    Raises
    ------
    CorpusError
        If the source cannot be read, lacks a column or holds no name.
    """
    path = Path(source)
    found = list(_audio_names(path)) if path.is_dir() else [(row["song"], row["file"]) for row in _cells(path, _NAME)]
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
            names.setdefault(AnnotationRow(song, file, "").key, (song, file))
    if doubled := len(found) - len(problems) - len(names):
        names_stand = counted(doubled, "name stands", "names stand")
        problems.append(Problem(str(path), "twice", f"{names_stand} twice in '{path}': each is taken once"))
    if not names:
        raise CorpusError(f"'{path}' names no audio files: give a folder of songs, or a CSV file with song and file")
    return list(names.values()), problems


def read_annotation(file: str | os.PathLike[str]) -> list[AnnotationRow]:
    """Read an annotation; raises CorpusError if it cannot be read, lacks a column, or a confidence is no number."""
    rows = []
    for number, cells in enumerate(_cells(Path(file), _LABELLED), 2):
        try:
            confidence = float(cells["confidence"]) if cells.get("confidence") else None
        except ValueError:
            raise CorpusError(
                f"row {number} of '{file}' has the confidence '{cells['confidence']}': write a number, or nothing"
            ) from None
        review = cells.get("review", "").lower()
        rows.append(AnnotationRow(cells["song"], cells["file"], cells["label"], confidence, review))
    return rows


def write_annotation(file: str | os.PathLike[str], rows: Iterable[AnnotationRow]) -> None:
    """Write an annotation, and its proposed labels to a hidden file beside it (see `read_settled`).

    Raises
    ------
    CorpusError
        If a file cannot be written.
    """
    rows = list(rows)
    target = Path(file)
    confidences = ["" if row.confidence is None else f"{row.confidence:.4f}" for row in rows]
    cells = ((row.song, row.file, row.label, one, row.review) for row, one in zip(rows, confidences, strict=True))
    proposed = ((row.song, row.file, row.label) for row in rows if row.review != SETTLED)
    tables = {target: (ANNOTATION_COLUMNS, cells), _proposals_file(target): (_LABELLED, proposed)}
    # Together, since a label that was not proposed counts as a person's.
    write_texts({place: format_table(columns, lines, "\n") for place, (columns, lines) in tables.items()})


def read_settled(file: str | os.PathLike[str]) -> list[AnnotationRow]:
    """Read the rows of an annotation that a person has settled, marked ``done``.

    These are rows marked ``done``, rows whose label is not the one that was proposed when the file was written, and
    rows without a confidence. Where the proposals are unknown, since the file comes from elsewhere, all rows with a
    label are settled.

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
    proposed = _read_proposals(path)
    return [
        AnnotationRow(row.song, row.file, row.label, row.confidence, SETTLED)
        for row in rows
        if row.label and (row.review == SETTLED or row.confidence is None or proposed.get(row.key) != row.label)
    ]


def rows_to_review(rows: Sequence[AnnotationRow], share: float) -> list[AnnotationRow]:
    """The least certain of the rows that nobody has settled, the least certain first.

    Of names of one song with the same words, only the least certain, as long as there are others: a correction there is
    carried to the rest.

    Parameters
    ----------
    rows : sequence of AnnotationRow
        Of any songs.
    share : float
        The number of rows returned, relative to all that are not settled.
    """
    open_rows = sorted((row for row in rows if row.review != SETTLED), key=lambda row: row.confidence or 0)
    words_seen: set[tuple[str, tuple[str, ...]]] = set()
    first, later = list[AnnotationRow](), list[AnnotationRow]()
    for row in open_rows:
        words = (row.key[0], vocabulary().parse(row.file).words)
        (later if words[1] and words in words_seen else first).append(row)
        words_seen.add(words)
    return [*first, *later][: round(share * len(open_rows))]


def write_annotation_table(file: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV file with Unix line ends; raises CorpusError if it cannot be written."""
    write_table(file, columns, rows, line_end="\n")


def _audio_names(root: Path) -> Iterator[tuple[str, str]]:
    """Song and file of all audio below a folder."""
    folders = sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    for folder in [root, *folders]:
        files = sorted(folder.iterdir()) if folder == root else files_below(folder)
        for file in files:
            if is_audio_name(file) and file.is_file() and "__MACOSX" not in file.parts:
                yield folder_name(folder), file.relative_to(folder).as_posix()


def _read_proposals(annotation: Path) -> dict[tuple[str, str], str]:
    """The labels that were proposed when the annotation was written, by song and file; empty where they are unknown."""
    try:
        cells = _cells(_proposals_file(annotation), _LABELLED)
    except CorpusError:
        return {}
    rows = [AnnotationRow(row["song"], row["file"], row["label"]) for row in cells]
    return {row.key: row.label for row in rows}


def _proposals_file(annotation: Path) -> Path:
    return annotation.with_name(f".{annotation.name}.proposed")


def _cells(file: Path, required: tuple[str, ...]) -> list[dict[str, str]]:
    return read_table(file, required, fallback="cp1252")  # spreadsheets on Windows write that
