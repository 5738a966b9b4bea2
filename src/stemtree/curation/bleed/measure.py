"""Which tracks of a session hear other instruments: measured, judged and written to a table."""

import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stemtree.audio import open_source
from stemtree.corpora.track import Problem
from stemtree.curation.bleed.detector import (
    RATE,
    Peak,
    Way,
    WayFitter,
    find_peak,
    mean_energy,
    spectra,
    whitened_correlation,
)
from stemtree.curation.bleed.table import Leak, read_rows, write_leaks
from stemtree.curation.sessions.panning import Placement
from stemtree.curation.sessions.sessions import FileLabel, RawTrack, Session, name_key, read_labels, read_session
from stemtree.curation.sessions.streams import PlacedTrack, Spool, mix_tracks
from stemtree.errors import AudioError, CorpusError, OptionError, StemtreeError
from stemtree.hierarchy import load
from stemtree.processes import map_in_processes

FAINTEST = -50.0
"""Leaks below this, in dB relative to the track's own energy, are not worth a flag."""

_MOST_SOURCES = 4
"""Ways that are fitted at once for other instruments, and for the same one."""


@dataclass(frozen=True, slots=True)
class BleedSettings:
    """How leakage is judged.

    Parameters
    ----------
    hierarchy : str
        Tracks of one of its leaves may hear each other.
    threshold : float
        In dB: what other instruments explain of a track's energy must reach this for the track to be flagged.
    """

    hierarchy: str = "ms21"
    threshold: float = FAINTEST

    def __post_init__(self) -> None:
        if not -120 <= self.threshold <= 0:
            raise OptionError(f"a threshold of {self.threshold} dB cannot be: give -120 to 0")


def measure_bleed(session: Session, settings: BleedSettings | None = None) -> dict[str, Leak]:
    """Look at every pair of a session's tracks (see `stemtree.curation.bleed.detector`).

    Takes doubled, stereo pairs and the microphones of one instrument hear each other by design: what tracks of the same
    leaf explain is reported apart and flags nothing.

    Parameters
    ----------
    session : Session
        Its tracks; those that were set aside (room microphones) are neither judged nor suspected.
    settings : BleedSettings, optional
        How.

    Returns
    -------
    dict
        For every track's name what leaks into it.

    Raises
    ------
    AudioError
        If a track cannot be read, or there is no room for temporary files.
    """
    tracks, threshold = session.tracks, (settings or BleedSettings()).threshold
    with _temporary_folder() as folder:
        spools, energies = _spool(tracks, folder)
        samples = max((spool.num_samples for spool in spools), default=0)
        floor = mean_energy(np.array([energy / max(1, samples) for energy in energies]))
        if len(tracks) < 2 or samples == 0:
            return {track.name: Leak(False) for track in tracks}
        correlation = whitened_correlation(spectra(spools, samples), floor)
        peaks = {
            (target, source): find_peak(correlation[target, source])
            for target in range(len(tracks))
            for source in range(len(tracks))
            if source != target
        }
        fitters = [fitter for target in range(len(tracks)) if (fitter := _fitter(target, tracks, peaks))]
        for spectrum in spectra(spools, samples):
            for fitter in fitters:
                fitter.add(spectrum, floor)
    found = {fitter.target: _judge(fitter, tracks, threshold) for fitter in fitters}
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
    """Every track in mono at the rate of the analysis, and its energy."""
    spools, energies = [], []
    for number, track in enumerate(tracks):
        source, spool, energy = open_source(track.path), Spool(folder / str(number), 1), 0.0
        part = PlacedTrack(track, source.channels, source.sample_rate, Placement(0))
        for block in spool.fill(mix_tracks([part], [1.0], RATE, stereo=False)):
            energy += float(np.sum(block**2))
        spools.append(spool)
        energies.append(energy)
    return spools, energies


def _fitter(target: int, tracks: Sequence[RawTrack], peaks: dict[tuple[int, int], Peak]) -> WayFitter | None:
    """The sharpest leaks of other instruments and of the same one."""
    leaks = sorted(
        (source for source in range(len(tracks)) if source != target and peaks[target, source].is_leak),
        key=lambda source: -peaks[target, source].above_far,
    )
    same = [source for source in leaks if tracks[source].leaf == tracks[target].leaf][:_MOST_SOURCES]
    others = [source for source in leaks if tracks[source].leaf != tracks[target].leaf][:_MOST_SOURCES]
    ways = [Way(source, peaks[target, source].lag) for source in (*others, *same)]
    return WayFitter(target, ways) if ways else None


def _judge(fitter: WayFitter, tracks: Sequence[RawTrack], threshold: float) -> Leak:
    leaf = tracks[fitter.target].leaf
    others = [number for number, way in enumerate(fitter.ways) if tracks[way.source].leaf != leaf]
    same = [number for number in range(len(fitter.ways)) if number not in others]
    level, same_level = _decibels(fitter.explained(others)), _decibels(fitter.explained(same))
    if level is None:
        return Leak(False, same_instrument_db=same_level)
    worst = fitter.ways[max(others, key=lambda number: fitter.explained([number]))]
    source, delay = tracks[worst.source], round(1000 * worst.lag / RATE, 2)
    return Leak(level >= threshold, level, source.label, source.name, delay, same_level)


@dataclass
class BleedReport:
    """What was done, by the songs' names.

    Parameters
    ----------
    measured, kept : list of str
        Songs that were looked at, and songs whose rows were there with the same files and labels.
    problems : list of Problem
        Songs that could not be measured, and tracks that were passed over.
    rows : list of (song, file, label, leak)
        The whole table.
    """

    measured: list[str]
    kept: list[str]
    problems: list[Problem]
    rows: list[tuple[str, str, str, Leak]]


def measure_songs(
    folders: Iterable[str | os.PathLike[str]],
    annotation: str | os.PathLike[str],
    output: str | os.PathLike[str],
    settings: BleedSettings,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> BleedReport:
    """Measure songs and write their tracks to a table, after each song; rows of other songs stay.

    Parameters
    ----------
    folders : iterable of path-like
        The songs' folders, named as in the annotation.
    annotation : path-like
        CSV with the columns ``song``, ``file`` and ``label``.
    output : path-like
        The table, with the columns of `stemtree.curation.bleed.table.COLUMNS`.
    settings : BleedSettings
        How.
    workers : int, optional
        Processes, by default one for each core.
    progress : callable, optional
        Told how many songs of how many are done.

    Raises
    ------
    CorpusError
        If a table cannot be read, or a folder does not exist.
    """
    table, known = Path(output), read_labels(annotation)
    report = BleedReport([], [], [], read_rows(table) if table.exists() else [])
    report.rows = [(song, name, label, leak.judged(settings.threshold)) for song, name, label, leak in report.rows]
    jobs = list[tuple[Session, BleedSettings]]()
    for session in _sessions(map(Path, folders), known, settings):
        if isinstance(session, Problem):
            report.problems.append(session)
            continue
        report.problems += session.problems
        if not session.tracks:  # its problems tell why
            continue
        there = {(name, label) for song, name, label, _ in report.rows if song == session.song}
        if there == {(track.name, track.label) for track in session.tracks}:
            report.kept.append(session.song)
        else:
            jobs.append((session, settings))
    for done, ((session, _), found) in enumerate(
        zip(jobs, map_in_processes(_measure, jobs, workers), strict=True), start=1
    ):
        if isinstance(found, Problem):
            report.problems.append(found)
        else:
            report.measured.append(session.song)
            rows = [(session.song, track.name, track.label, found[track.name]) for track in session.tracks]
            report.rows = [row for row in report.rows if row[0] != session.song] + rows
            write_leaks(table, sorted(report.rows, key=lambda row: row[:2]))
        if progress:
            progress(done, len(jobs))
    write_leaks(table, sorted(report.rows, key=lambda row: row[:2]))
    return report


def _sessions(
    folders: Iterable[Path], known: dict[str, list[FileLabel]], settings: BleedSettings
) -> list[Session | Problem]:
    tree, composed = load(settings.hierarchy), {name_key(song): song for song in known}
    sessions = list[Session | Problem]()
    for folder in folders:
        name = folder.resolve().name
        if not folder.is_dir():
            raise CorpusError(f"there is no folder '{folder}': give the folders of songs")
        if song := composed.get(name_key(name)):
            sessions.append(read_session(folder, song, known[song], tree))
        else:
            message = f"the annotation has no rows for '{name}': annotate it, or give a song's folder"
            sessions.append(Problem(name, "not annotated", message))
    return sessions


def _measure(job: tuple[Session, BleedSettings]) -> dict[str, Leak] | Problem:
    session, settings = job
    try:
        return measure_bleed(session, settings)
    except StemtreeError as error:
        return Problem(session.song, "unreadable", f"'{session.song}' was not measured: {error}")


def _decibels(share: float) -> float | None:
    return round(10 * math.log10(share), 1) if share > 1e-12 else None
