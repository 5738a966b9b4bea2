"""Leakage in sessions: measured for every track, compared with a threshold, written to a table."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from stemtree.audio import open_source
from stemtree.audio.decibels import to_decibels
from stemtree.cluster import map_tracks
from stemtree.corpora.track import Problem
from stemtree.curation.bleed.detector import (
    RATE,
    LeakFitter,
    LeakSource,
    Peak,
    find_peak,
    mean_energy,
    spectra,
    whitened_correlation,
)
from stemtree.curation.bleed.table import Leak, LeakRow, read_leak_rows, write_leaks
from stemtree.curation.sessions.panning import Placement
from stemtree.curation.sessions.sessions import FileLabel, RawTrack, Session, name_key, read_session, read_track_labels
from stemtree.curation.sessions.streams import PlacedTrack, Spool, mix_tracks
from stemtree.errors import AudioError, CorpusError, OptionError, StemtreeError
from stemtree.folders import folder_name
from stemtree.hierarchy import load

THRESHOLD = -50.0
"""Leaks below this, in dB relative to the track's own energy, are not flagged by default."""

_MOST_SOURCES = 4
"""Sources that are fitted together: this many of other instruments, and of the same one."""


@dataclass(frozen=True, slots=True)
class BleedSettings:
    """How tracks are compared.

    Parameters
    ----------
    hierarchy : str
        Its leaves are the instruments; tracks of one instrument may pick each other up.
    threshold : float
        In dB; a track is flagged where other instruments explain at least this share of its energy.
    """

    hierarchy: str = "ms21"
    threshold: float = THRESHOLD

    def __post_init__(self) -> None:
        if not -120 <= self.threshold <= 0:
            raise OptionError(f"a threshold of {self.threshold} dB cannot be: give -120 to 0")


def measure_bleed(session: Session, threshold: float = THRESHOLD) -> dict[str, Leak]:
    """Compare every pair of a session's tracks (see `stemtree.curation.bleed.detector`).

    Doubled takes, stereo pairs and the microphones of one instrument pick each other up by design: the share that
    tracks of the same leaf explain is reported apart and flags nothing.

    Parameters
    ----------
    session : Session
        Tracks that were set aside (room microphones) are neither targets nor sources.
    threshold : float
        See `BleedSettings`.

    Returns
    -------
    dict
        The leak of every track, by the track's name.

    Raises
    ------
    AudioError
        If a track cannot be read, or there is no room for temporary files.
    """
    tracks = session.tracks
    with _temporary_folder() as folder:
        spools, energies = _spool(tracks, folder)
        num_samples = max((spool.num_samples for spool in spools), default=0)
        floor = mean_energy(np.array([energy / max(1, num_samples) for energy in energies]))
        if len(tracks) < 2 or num_samples == 0:
            return {track.name: Leak(False) for track in tracks}
        correlation = whitened_correlation(spectra(spools, num_samples), floor)
        peaks = {
            (target, source): find_peak(correlation[target, source])
            for target in range(len(tracks))
            for source in range(len(tracks))
            if source != target
        }
        fitters = [fitter for target in range(len(tracks)) if (fitter := _fitter(target, tracks, peaks))]
        for spectrum in spectra(spools, num_samples):
            for fitter in fitters:
                fitter.add(spectrum, floor)
    found = {fitter.target: _leak(fitter, tracks, threshold) for fitter in fitters}
    return {track.name: found.get(number, Leak(False)) for number, track in enumerate(tracks)}


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory(prefix="stemtree-") as folder:
            yield Path(folder)
    except OSError as error:
        place = f"'{tempfile.gettempdir()}' ({error.strerror or 'no room left on the device'})"
        raise AudioError(f"cannot write to {place}: make room, or set TMPDIR to another folder") from None


def _spool(tracks: Sequence[RawTrack], folder: Path) -> tuple[list[Spool], list[float]]:
    """Every track in mono at the sample rate of the analysis, and its energy."""
    spools, energies = [], []
    for number, track in enumerate(tracks):
        source, spool, energy = open_source(track.path), Spool(folder / str(number), 1), 0.0
        placed = PlacedTrack(track, source.channels, source.sample_rate, Placement(0))
        for block in spool.fill(mix_tracks([placed], [1.0], RATE, stereo=False)):
            energy += float(np.sum(block**2))
        spools.append(spool)
        energies.append(energy)
    return spools, energies


def _fitter(target: int, tracks: Sequence[RawTrack], peaks: dict[tuple[int, int], Peak]) -> LeakFitter | None:
    """A fitter for the most likely sources of other instruments and of the same one; None without any."""
    leaks = sorted(
        (source for source in range(len(tracks)) if source != target and peaks[target, source].is_leak),
        key=lambda source: -peaks[target, source].above_far,
    )
    same = [source for source in leaks if tracks[source].leaf == tracks[target].leaf][:_MOST_SOURCES]
    others = [source for source in leaks if tracks[source].leaf != tracks[target].leaf][:_MOST_SOURCES]
    sources = [LeakSource(source, peaks[target, source].lag) for source in (*others, *same)]
    return LeakFitter(target, sources) if sources else None


def _leak(fitter: LeakFitter, tracks: Sequence[RawTrack], threshold: float) -> Leak:
    """The leakage that a fitter with all blocks added explains."""
    leaf = tracks[fitter.target].leaf
    others = [number for number, source in enumerate(fitter.sources) if tracks[source.track].leaf != leaf]
    same = [number for number in range(len(fitter.sources)) if number not in others]
    level, same_level = _decibels(fitter.explained(others)), _decibels(fitter.explained(same))
    if level is None:
        return Leak(False, same_instrument_db=same_level)
    worst = fitter.sources[max(others, key=lambda number: fitter.explained([number]))]
    source, delay = tracks[worst.track], round(1000 * worst.lag / RATE, 2)
    return Leak(level >= threshold, level, source.label, source.name, delay, same_level)


@dataclass
class BleedReport:
    """The outcome of `update_leaks`, by the songs' names.

    Parameters
    ----------
    measured, kept : list of str
        Songs that were measured, and songs whose rows were there already, of the same files, labels and leaves.
    problems : list of Problem
        Songs that could not be measured, and tracks that cannot be used.
    rows : list of LeakRow
        The whole table.
    """

    measured: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    rows: list[LeakRow] = field(default_factory=list)


def update_leaks(
    folders: Iterable[str | os.PathLike[str]],
    annotation: str | os.PathLike[str],
    output: str | os.PathLike[str],
    settings: BleedSettings,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> BleedReport:
    """Measure songs that a table of leakage does not have yet; rows of other songs stay.

    The table is written after each song.

    Parameters
    ----------
    folders : iterable of path-like
        The songs' folders, named as in the annotation.
    annotation : path-like
        CSV with the columns ``song``, ``file`` and ``label``.
    output : path-like
        The table, with the columns of `stemtree.curation.bleed.table.LEAK_COLUMNS`.
    settings : BleedSettings
        Hierarchy and threshold.
    workers : int, optional
        Processes, by default one for each core.
    progress : callable, optional
        Called with the number of songs done, and of all songs.

    Raises
    ------
    CorpusError
        If a table cannot be read, or a folder does not exist.
    """
    table, labels = Path(output), read_track_labels(annotation)
    rows = read_leak_rows(table) if table.exists() else []
    report = BleedReport(rows=[replace(row, leak=row.leak.with_threshold(settings.threshold)) for row in rows])
    jobs = [(session, settings) for session in _open_sessions(map(Path, folders), labels, settings, report)]
    outcomes = map_tracks(_measure, jobs, workers, name_of=lambda job: job[0].song)
    for done, ((session, _), outcome) in enumerate(outcomes, start=1):
        if isinstance(outcome, Problem):
            report.problems.append(outcome)
        else:
            report.measured.append(session.song)
            rows = [row for row in report.rows if row.song != session.song]
            report.rows = rows + outcome
            _write(table, report.rows)
        if progress:
            progress(done, len(jobs))
    _write(table, report.rows)
    return report


def _open_sessions(
    folders: Iterable[Path], labels: dict[str, list[FileLabel]], settings: BleedSettings, report: BleedReport
) -> Iterator[Session]:
    """The sessions that have to be measured; problems, and songs whose rows are there, go to the report."""
    for session in _sessions(folders, labels, settings):
        if isinstance(session, Problem):
            report.problems.append(session)
            continue
        report.problems += session.problems
        if not session.tracks:  # the problems say why
            continue
        in_table = {(row.file, row.label, row.tracks) for row in report.rows if row.song == session.song}
        checksum = _checksum(session)
        if in_table == {(track.name, track.label, checksum) for track in session.tracks}:
            report.kept.append(session.song)
        else:
            yield session


def _sessions(
    folders: Iterable[Path], labels: dict[str, list[FileLabel]], settings: BleedSettings
) -> list[Session | Problem]:
    tree, songs = load(settings.hierarchy), {name_key(song): song for song in labels}
    sessions = list[Session | Problem]()
    for folder in folders:
        name = folder_name(folder)
        if not folder.is_dir():
            raise CorpusError(f"there is no folder '{folder}': give the folders of songs")
        if song := songs.get(name_key(name)):
            sessions.append(read_session(folder, song, labels[song], tree))
        else:
            message = f"the annotation has no rows for '{name}': annotate it, or give a song's folder"
            sessions.append(Problem(name, "not annotated", message))
    return sessions


def _measure(job: tuple[Session, BleedSettings]) -> list[LeakRow] | Problem:
    session, settings = job
    checksum = _checksum(session)  # of the files as they are before they are read
    try:
        leaks = measure_bleed(session, settings.threshold)
        return [LeakRow(session.song, track.name, track.label, leaks[track.name], checksum) for track in session.tracks]
    except StemtreeError as error:
        return Problem(session.song, "unreadable", f"'{session.song}' was not measured: {error}")


def _checksum(session: Session) -> str:
    return hashlib.sha256(json.dumps([track.state for track in session.tracks]).encode()).hexdigest()[:16]


def _write(table: Path, rows: Iterable[LeakRow]) -> None:
    write_leaks(table, sorted(rows, key=lambda row: (row.song, row.file)))


def _decibels(share: float) -> float | None:
    return round(to_decibels(share, power=True), 1) if share > 1e-12 else None
