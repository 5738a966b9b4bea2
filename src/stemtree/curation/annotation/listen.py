"""Doubts about labels of an annotation from the audio of their files."""

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

from stemtree.cluster import map_tracks
from stemtree.curation.annotation.classifier.file_names import vocabulary
from stemtree.curation.annotation.evidence import SILENCE_DBFS, Evidence, measure_file
from stemtree.curation.annotation.labels import instrument_by_label
from stemtree.curation.annotation.table import (
    SETTLED,
    TO_REVIEW,
    AnnotationRow,
    read_annotation,
    read_settled,
    write_annotation,
    write_annotation_table,
)
from stemtree.curation.sessions.sessions import audio_files, find_file, name_key
from stemtree.errors import CorpusError, OptionError

EVIDENCE_COLUMNS = (
    "song", "file", "seconds", "channels", "peak", "silent", "percussive", "low", "high", "pair", "doubts",
)  # fmt: skip

_STRUCK = ("drum_set", "nontonal_percussion")
_RINGING = (
    "Loop", "Percussion", "Drum_Kick", "Drum_Tom", "Drum_Cymbals", "Drum_Overheads", "Drum_Room", "Timpani", "Taiko",
    "Gong",
)  # fmt: skip
"""Labels of struck instruments whose sound may be steady."""

# Recorded samples of ten pitched instruments lie between 0 and 0.26, whole drum kits at 0.4.
_TOO_PITCHED, _TOO_STRUCK = 0.04, 0.5
_BASS_ABOVE, _METAL_BELOW = 400.0, 2000.0
_METAL = ("Drum_HiHat", "Shaker", "Tambourine", "Triangle", "Maracas")


def listen(
    root: str | os.PathLike[str],
    annotation: str | os.PathLike[str],
    output: str | os.PathLike[str],
    progress: Callable[[int, int], None] | None = None,
) -> list[Evidence]:
    """Measure the files of an annotation, write the evidence, and mark doubtful rows for review.

    Parameters
    ----------
    root : path-like
        A folder for each song.
    annotation : path-like
        Rows with a doubt get ``yes`` in the column ``review``, unless they are settled.
    output : path-like
        A CSV file with the fields of `Evidence`.
    progress : callable, optional
        Called with the number of files done, and of all files.

    Raises
    ------
    CorpusError
        If the annotation cannot be read, none of its files can be read, or something cannot be written.
    """
    if Path(output).resolve() == Path(annotation).resolve():
        raise OptionError(f"'{output}' is the annotation: write what is heard into another file")
    settled = {row.key: row for row in read_settled(annotation)}
    rows = [settled.get(row.key, row) for row in read_annotation(annotation)]
    path_of = _file_finder(Path(root))
    measured: list[Evidence] = []
    jobs = ((row.song, row.file, path_of(row)) for row in rows)
    outcomes = map_tracks(_measure, jobs, place="here", name_of=lambda job: f"{job[0]}/{job[1]}")
    for number, (_, evidence) in enumerate(outcomes, 1):
        measured.append(evidence)
        if progress:
            progress(number, len(rows))
    if not any(one.channels for one in measured):
        raise CorpusError(f"'{root}' holds none of the files in '{annotation}' that can be read: check the folder")
    found = _with_doubts(_with_pairs(measured), rows)
    write_annotation_table(Path(output), EVIDENCE_COLUMNS, map(_cells, found))
    marked = (
        replace(row, review=TO_REVIEW) if one.doubts and row.review != SETTLED else row
        for one, row in zip(found, rows, strict=True)
    )
    write_annotation(annotation, marked)
    return found


def _measure(job: tuple[str, str, Path]) -> Evidence:
    return measure_file(*job)


def doubts_about(evidence: Evidence, label: str) -> tuple[str, ...]:
    """Why a label may be wrong, by the measurements of its file."""
    instrument = instrument_by_label().get(label)
    if instrument is None or not evidence.channels:
        return ()
    if evidence.peak < SILENCE_DBFS:
        return (f"silent: its peak is {evidence.peak:.0f} dBFS",)
    doubts = []
    if instrument in _STRUCK and label not in _RINGING and evidence.percussive < _TOO_PITCHED:
        doubts.append(f"steady tones, not {label}: {evidence.percussive:.2f} of the energy is percussive")
    if instrument not in (*_STRUCK, "tonal_percussion", "fx_processed_sound") and evidence.percussive > _TOO_STRUCK:
        doubts.append(f"percussive, not {label}: {evidence.percussive:.2f} of the energy")
    if instrument == "bass" and evidence.low > _BASS_ABOVE:
        doubts.append(f"high for {label}: 95 % of the energy lies above {evidence.low:.0f} Hz")
    if label in _METAL and evidence.high < _METAL_BELOW:
        doubts.append(f"low for {label}: 95 % of the energy lies below {evidence.high:.0f} Hz")
    return tuple(doubts)


def _file_finder(root: Path) -> Callable[[AnnotationRow], Path]:
    """A function that finds a row's file as `read_session` does; a path without a file where there is none."""
    folders = {name_key(entry.name): entry for entry in root.iterdir() if entry.is_dir()} if root.is_dir() else {}
    files_of = cache(lambda song: audio_files(folders[song])[0] if song in folders else {})

    def path_of(row: AnnotationRow) -> Path:
        files = files_of(name_key(row.song))
        with suppress(CorpusError):
            return files[find_file(row.song, row.file, files)]
        return root / row.song / row.file

    return path_of


def _with_pairs(measured: Sequence[Evidence]) -> list[Evidence]:
    """Set `pair`: the other channel of mono files named left and right, or the original of a copy."""
    channels: dict[tuple[object, ...], dict[str, Evidence]] = defaultdict(dict)
    originals: dict[tuple[object, ...], str] = {}
    found = []
    for one in measured:
        name = vocabulary().parse(one.file)
        side = next((word for word in name.words if word in ("left", "right")), "")
        if side and one.channels == 1:
            rest = tuple(word for word in name.words if word != side)
            channels[one.song, rest, name.numbers, one.seconds].setdefault(side, one)
        if one.peak >= SILENCE_DBFS:
            measurements = (
                one.song,
                one.seconds,
                one.channels,
                one.peak,
                one.silent,
                one.percussive,
                one.low,
                one.high,
            )
            original = originals.setdefault(measurements, one.file)
            found.append(replace(one, pair=original if original != one.file else ""))
        else:
            found.append(one)
    partner: dict[tuple[str, str], str] = {}
    for both in channels.values():
        if len(both) == 2:
            left, right = both["left"], both["right"]
            partner |= {(left.song, left.file): right.file, (right.song, right.file): left.file}
    return [replace(one, pair=partner.get((one.song, one.file), one.pair)) for one in found]


def _with_doubts(measured: Sequence[Evidence], rows: Sequence[AnnotationRow]) -> list[Evidence]:
    """Add the doubts about each label, and about labels of a pair that differ."""
    labels = {(row.song, row.file): row.label for row in rows}

    def doubts_of(one: Evidence, row: AnnotationRow) -> tuple[str, ...]:
        doubts = (*one.doubts, *doubts_about(one, row.label))
        other = labels.get((one.song, one.pair))
        if not one.pair or labels[one.song, one.file] == other:
            return doubts
        return (*doubts, f"its pair '{one.pair}' is labelled {other}")

    return [replace(one, doubts=doubts_of(one, row)) for one, row in zip(measured, rows, strict=True)]


def _cells(one: Evidence) -> tuple[str, ...]:
    figures = (f"{one.peak:.1f}", f"{one.silent:.3f}", f"{one.percussive:.3f}", f"{one.low:.0f}", f"{one.high:.0f}")
    return (one.song, one.file, f"{one.seconds:.3f}", str(one.channels), *figures, one.pair, "; ".join(one.doubts))
