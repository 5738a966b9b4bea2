"""Proposals for the files of sessions, around the rows that a person has settled."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stemtree.corpora.track import Problem
from stemtree.curation.annotation.classifier.classifier import Classifier, default_classifier
from stemtree.curation.annotation.classifier.features import Floats, Words, name_meanings, parse_sessions
from stemtree.curation.annotation.classifier.file_names import vocabulary
from stemtree.curation.annotation.labels import instrument_by_label
from stemtree.curation.annotation.table import (
    SETTLED,
    TO_REVIEW,
    AnnotationRow,
    read_names,
    read_settled,
    rows_to_review,
    write_annotation,
    write_annotation_table,
)
from stemtree.errors import OptionError, suggest

CARRIED, CARRIED_AGAINST = 0.97, 0.78
"""Confidence in a label that a person gave to a file whose name differs in numbers alone: where the same label is
proposed, and where another is (measured as in ``benchmarks/quality/annotation.py``)."""

UNUSED, LIKELY = "Unused", 0.5
"""The label of tracks that are set aside, and how likely it must be where no word says so: a track that is set aside in
error is in no stem."""


SONG_LEVEL_COLUMNS = ("song", "Lead_Back_both", "Guitar_Both", "Vocals")


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotation that was made, or made again.

    Parameters
    ----------
    rows : tuple of AnnotationRow
        All of them.
    kept : int
        Number of rows that a person has settled.
    problems : tuple of Problem
        Names that stand twice, settled rows without a file, labels that are none of the 72.
    """

    rows: tuple[AnnotationRow, ...]
    kept: int
    problems: tuple[Problem, ...]


def propose(
    names: Sequence[tuple[str, str]], settled: Sequence[AnnotationRow] = (), model: Classifier | None = None
) -> list[AnnotationRow]:
    """Label every name.

    Parameters
    ----------
    names : sequence of (song, file)
        Of whole sessions: the classifier also reads the other names of a session.
    settled : sequence of AnnotationRow
        Rows that a person has settled; they are returned unchanged. Their label is carried to the names of the song
        with the same words, which differ in numbers alone, where all settled ones among these have one label.
    model : Classifier, optional
        By default the package's own.

    Returns
    -------
    list of AnnotationRow
        One for each name. Those whose words say nothing are marked for review, and none of them is proposed as unused.
    """
    model = model or default_classifier()
    settled_by_key = {row.key: row for row in settled}
    labels_by_words: dict[tuple[str, tuple[str, ...]], set[str]] = defaultdict(set)
    for row in settled:
        labels_by_words[row.key[0], vocabulary().parse(row.file).words].add(row.label)
    rows = []
    sessions = parse_sessions(names, vocabulary())
    meanings = name_meanings(sessions, vocabulary())
    probabilities = model.predict(names)
    certainty = model.certainty.of(probabilities, meanings, model.labels).tolist()
    for at, (song, file) in enumerate(names):
        label, is_known = _best(sessions.words[sessions.own[at]], meanings[at], probabilities[at], model)
        confidence = certainty[at] if is_known else min(certainty[at], float(probabilities[at].max()))
        row = AnnotationRow(song, file, label, confidence, "" if is_known else TO_REVIEW)
        words = vocabulary().parse(file).words
        carried = labels_by_words.get((row.key[0], words), set()) if words else set()
        if row.key in settled_by_key:
            row = replace(settled_by_key[row.key], song=song, file=file)
        elif len(carried) == 1:
            (label,) = carried
            row = AnnotationRow(song, file, label, CARRIED if label == row.label else CARRIED_AGAINST)
        rows.append(row)
    return rows


def _best(words: Words, meant: Sequence[str], probabilities: Floats, model: Classifier) -> tuple[str, bool]:
    """The label to propose, and whether the words say enough; else a person has to look, however certain it is."""
    best, second = np.argsort(-probabilities, kind="stable").tolist()[:2]
    is_learned = any(word in model.words for word in words)
    is_known = bool(meant) or (is_learned and bool(probabilities[best] >= LIKELY))
    if model.labels[best] == UNUSED and UNUSED not in meant and (not is_known or probabilities[best] < LIKELY):
        return model.labels[second], False
    return model.labels[best], is_known


def annotate(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    review_share: float = 0.1,
    model: Classifier | None = None,
) -> Annotation:
    """Make an annotation, or make it again around the corrections in it.

    Parameters
    ----------
    source : path-like
        For `read_names`.
    output : path-like
        The annotation; rows that a person has settled in it stay (see `read_settled`), also where the file is gone.
    review_share : float
        The share of the other rows that is marked for review, beside those whose names say nothing.
    model : Classifier, optional
        By default the package's own.

    Raises
    ------
    CorpusError
        If names or annotation cannot be read, or the annotation not written.
    OptionError
        If the share does not lie between 0 and 1, or the annotation would overwrite the names.
    """
    if not 0 <= review_share <= 1:
        raise OptionError(f"a share of {review_share} cannot be reviewed: give one between 0 and 1")
    names, problems = read_names(source)
    if Path(output).exists() and Path(output).resolve() == Path(source).resolve():
        raise OptionError(f"'{output}' holds the names themselves: write the annotation elsewhere")
    settled = read_settled(output)
    rows = propose(names, settled, model)
    keys = {row.key for row in rows}
    without_file = [row for row in settled if row.key not in keys]
    problems += [*_file_problems(without_file), *_label_problems(settled)]
    to_review = {row.key for row in rows_to_review(rows, review_share)}
    rows = [replace(row, review=TO_REVIEW) if row.key in to_review else row for row in rows] + without_file
    write_annotation(output, rows)
    return Annotation(tuple(rows), sum(row.review == SETTLED for row in rows), tuple(problems))


def _file_problems(rows: Iterable[AnnotationRow]) -> Iterator[Problem]:
    for row in rows:
        yield Problem(row.song, "no file", f"'{row.song}' has no file '{row.file}' any more: its row stays")


def _label_problems(rows: Iterable[AnnotationRow]) -> Iterator[Problem]:
    known = instrument_by_label()
    for row in rows:
        if row.label not in known:
            message = f"'{row.file}' of '{row.song}' has the label '{row.label}'{suggest(row.label, known)}"
            yield Problem(row.song, "label", message)


@dataclass(frozen=True, slots=True)
class SongLevel:
    """Facts of a song that follow from its labels (thesis, 3.1.2).

    Parameters
    ----------
    song : str
        Its name.
    lead_back_both, guitar_both : bool
        Whether it has lead and backing vocals, electric and acoustic guitar.
    vocals : bool
        Whether it has vocals at all; else it is instrumental.
    """

    song: str
    lead_back_both: bool
    guitar_both: bool
    vocals: bool


def song_level(rows: Iterable[AnnotationRow]) -> list[SongLevel]:
    """The facts of every song, in order of their first rows."""
    instrument = instrument_by_label()
    instruments: dict[str, set[str | None]] = {}
    for row in rows:
        instruments.setdefault(row.song, set()).add(instrument.get(row.label))
    return [
        SongLevel(
            song,
            {"lead_vocal", "backing_vocal"} <= of_song,
            {"electric_guitar", "acoustic_guitar"} <= of_song,
            bool({"lead_vocal", "backing_vocal"} & of_song),
        )
        for song, of_song in instruments.items()
    ]


def check_song_level(file: str | os.PathLike[str], annotation: str | os.PathLike[str]) -> None:
    """Raise OptionError if `write_song_level` would replace the annotation, or a file that it did not write."""
    place = Path(file)
    is_other = place.resolve() == Path(annotation).resolve()
    if place.is_file():
        with place.open("rb") as table:
            is_other |= table.readline(200).strip() not in (b"", ",".join(SONG_LEVEL_COLUMNS).encode())
    if is_other:
        raise OptionError(f"'{file}' is no table that --songs wrote, and it would be replaced: give another name")


def write_song_level(file: str | os.PathLike[str], rows: Iterable[AnnotationRow]) -> None:
    """Write `song_level` as a CSV file, with the thesis's names of columns and ``Vocals``, as 0 and 1."""
    cells = ((one.song, *map(int, (one.lead_back_both, one.guitar_both, one.vocals))) for one in song_level(rows))
    write_annotation_table(Path(file), SONG_LEVEL_COLUMNS, cells)
