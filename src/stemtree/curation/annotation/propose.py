"""Proposals for the files of sessions, around what a person has settled already."""

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stemtree.corpora.track import Problem
from stemtree.curation.annotation.classifier.classifier import Classifier, classifier
from stemtree.curation.annotation.classifier.file_names import vocabulary
from stemtree.curation.annotation.labels import instruments
from stemtree.curation.annotation.table import (
    SETTLED,
    TO_REVIEW,
    Row,
    read_names,
    review_first,
    settled,
    write_annotation,
    write_rows,
)
from stemtree.errors import OptionError, suggest

CARRIED, CARRIED_AGAINST = 0.97, 0.78
"""Confidence in a label that a person gave to a file whose name differs in numbers alone: where it would have been
proposed, and where another would (measured as in ``benchmarks/quality/annotation.py``)."""


@dataclass(frozen=True, slots=True)
class Annotated:
    """An annotation that was made or made again.

    Parameters
    ----------
    rows : tuple of Row
        All of them.
    kept : int
        How many a person had settled.
    problems : tuple of Problem
        Names that stand twice, settled rows without a file, labels that are none of the 72.
    """

    rows: tuple[Row, ...]
    kept: int
    problems: tuple[Problem, ...]


def propose(names: Sequence[tuple[str, str]], known: Sequence[Row] = (), model: Classifier | None = None) -> list[Row]:
    """Label every name, in their order.

    Parameters
    ----------
    names : sequence of (song, file)
        Of whole sessions: the other names count.
    known : sequence of Row
        What a person has settled; those rows come back as they are. A label is carried to the names of that song with
        the same words, which differ in numbers alone, where all settled ones among them have it.
    model : Classifier, optional
        By default the package's own.
    """
    model = model or classifier()
    by_key = {row.key: row for row in known}
    words = vocabulary()
    given: dict[tuple[str, tuple[str, ...]], set[str]] = defaultdict(set)
    for row in known:
        given[row.key[0], words.parse(row.file).words].add(row.label)
    rows = []
    for (song, file), probabilities in zip(names, model.predict(names), strict=True):
        best = int(probabilities.argmax())
        row = Row(song, file, model.labels[best], float(probabilities[best]))
        said = words.parse(file).words
        carried = given.get((row.key[0], said), set()) if said else set()
        if row.key in by_key:
            row = replace(by_key[row.key], song=song, file=file)
        elif len(carried) == 1:
            (label,) = carried
            row = Row(song, file, label, CARRIED if label == row.label else CARRIED_AGAINST)
        rows.append(row)
    return rows


def annotate(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    review_share: float = 0.1,
    model: Classifier | None = None,
) -> Annotated:
    """Make an annotation, or make it again around the corrections in it.

    Parameters
    ----------
    source : path-like
        For `read_names`.
    output : path-like
        The annotation; what a person has settled in it stays (see `settled`), also where the file is gone.
    review_share : float
        How much of what is not settled is marked for review.
    model : Classifier, optional
        By default the package's own.

    Raises
    ------
    CorpusError
        If names or annotation cannot be read, or the annotation not written.
    OptionError
        If the share does not lie between 0 and 1.
    """
    if not 0 <= review_share <= 1:
        raise OptionError(f"a share of {review_share} cannot be reviewed: give one between 0 and 1")
    names, problems = read_names(source)
    if Path(output).exists() and Path(output).resolve() == Path(source).resolve():
        raise OptionError(f"'{output}' holds the names themselves: write the annotation elsewhere")
    known = settled(output)
    rows = propose(names, known, model)
    there = {row.key for row in rows}
    gone = [row for row in known if row.key not in there]
    problems += [
        Problem(row.song, "no file", f"'{row.song}' has no file '{row.file}' any more: its row stays") for row in gone
    ]
    problems += [
        Problem(
            row.song,
            "label",
            f"'{row.file}' of '{row.song}' has the label '{row.label}'{suggest(row.label, instruments())}",
        )
        for row in known
        if row.label not in instruments()
    ]
    first = {row.key for row in review_first(rows, review_share)}
    rows = [replace(row, review=TO_REVIEW) if row.key in first else row for row in rows] + gone
    write_annotation(output, rows)
    return Annotated(tuple(rows), sum(row.review == SETTLED for row in rows), tuple(problems))


@dataclass(frozen=True, slots=True)
class SongLevel:
    """What the labels say of a song (thesis, 3.1.2).

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


def song_level(rows: Iterable[Row]) -> list[SongLevel]:
    """Look at the labels of every song, in order of their first rows."""
    table = instruments()
    found: dict[str, set[str | None]] = {}
    for row in rows:
        found.setdefault(row.song, set()).add(table.get(row.label))
    return [
        SongLevel(
            song,
            {"lead_vocal", "backing_vocal"} <= held,
            {"electric_guitar", "acoustic_guitar"} <= held,
            bool({"lead_vocal", "backing_vocal"} & held),
        )
        for song, held in found.items()
    ]


def write_song_level(file: str | os.PathLike[str], rows: Iterable[Row]) -> None:
    """Write `song_level` as a CSV file, with the thesis's names of columns and ``Vocals``, as 0 and 1."""
    flags = ((one.song, (one.lead_back_both, one.guitar_both, one.vocals)) for one in song_level(rows))
    cells = ((song, *(str(int(flag)) for flag in each)) for song, each in flags)
    write_rows(Path(file), ("song", "Lead_Back_both", "Guitar_Both", "Vocals"), cells)
