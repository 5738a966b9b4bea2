"""From folders of raw tracks and their labels to a corpus of stems, song by song, each made once."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stemtree.corpora.layout import read_metadata
from stemtree.corpora.track import Problem
from stemtree.curation.bleed.table import Leak, read_leaks
from stemtree.curation.sessions.sessions import RawTrack, Session, find_sessions, read_labels
from stemtree.curation.sessions.songs import SongFacts, facts_from_name, read_songs
from stemtree.curation.stems.metadata import (
    describe_audio,
    describe_labels,
    describe_song,
    fingerprint,
    raw_files,
    write_metadata,
)
from stemtree.curation.stems.mixdown import StemSettings, mix_down
from stemtree.curation.stems.write import link_raw, song_id, write_song
from stemtree.errors import CorpusError, OptionError, StemtreeError
from stemtree.hierarchy import load
from stemtree.processes import map_in_processes
from stemtree.staging import staging


@dataclass
class StemReport:
    """What was done, by the songs' names.

    Parameters
    ----------
    made : list of str
        Songs that were mixed.
    described : list of str
        Songs that were there, and whose metadata changed.
    kept : list of str
        Songs that were there, unchanged.
    problems : list of Problem
        Songs that were left out, and tracks that songs were made without.
    notes : list of Problem
        What was passed over: files without a row, silent tracks, tracks that cannot be read where these are to be
        skipped, songs in the corpus that the annotation no longer has.
    """

    made: list[str] = field(default_factory=list)
    described: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Job:
    session: Session
    facts: SongFacts
    leaks: Mapping[str, Leak]
    output: Path
    settings: StemSettings

    @property
    def tracks(self) -> tuple[RawTrack, ...]:
        """Those that go into stems."""
        leaking = {name for name, leak in self.leaks.items() if leak.leaks} if self.settings.drop_bleed else set()
        return tuple(track for track in self.session.tracks if track.name not in leaking)


def build_stems(
    root: str | os.PathLike[str],
    annotation: str | os.PathLike[str],
    output: str | os.PathLike[str],
    settings: StemSettings,
    *,
    songs: str | os.PathLike[str] | None = None,
    bleed: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> StemReport:
    """Mix every annotated song into instrument stems, MUSDB-like stems and a mixture (thesis, 3.1.4).

    A song that is there already, made of the same files with the same labels and settings, is left; where only what is
    known about it changed, its metadata are written again.

    Parameters
    ----------
    root : path-like
        A folder of raw tracks for each song.
    annotation : path-like
        CSV with the columns ``song``, ``file`` and ``label``.
    output : path-like
        The corpus's folder; each song gets ``<ID>/{<ID>_RAW, <ID>_STEMS, <ID>_MIX.wav, <ID>_METADATA.yaml}``.
    settings : StemSettings
        How.
    songs : path-like, optional
        CSV of artists, titles and genres (`stemtree.curation.sessions.songs.read_songs`); without it, artist
        and title are taken from names like ``Artist - Title``.
    bleed : path-like, optional
        The table that `stemtree.curation.bleed.measure` makes.
    workers : int, optional
        Processes, by default one for each core. What comes out does not depend on it.
    progress : callable, optional
        Told how many songs of how many are done.

    Returns
    -------
    StemReport
        What was made, kept and left out.

    Raises
    ------
    OptionError
        If leaking tracks are to be left out and nothing says which they are, or the corpus would lie among raw tracks.
    CorpusError, HierarchyError
        If a table, the folder or the hierarchy cannot be used at all.
    """
    if settings.drop_bleed and bleed is None:
        raise OptionError("nothing says which tracks leak: run stemtree curate bleed and give its table with --bleed")
    if Path(output).resolve() == Path(root).resolve():
        raise OptionError(f"'{output}' holds the raw tracks: choose another folder for the stems")
    tree, report, jobs = load(settings.hierarchy), StemReport(), list[_Job]()
    facts = read_songs(songs) if songs else {}
    leaks = read_leaks(bleed) if bleed else {}
    for found in find_sessions(root, read_labels(annotation), tree):
        if isinstance(found, Problem):
            report.problems.append(found)
        else:
            told = facts.get(found.song) or facts_from_name(found.song)
            jobs.append(_Job(found, told, leaks.get(found.song, {}), Path(output), settings))
    jobs = _distinct(jobs, report)
    _note(jobs, Path(output), report)
    for done, (job, outcome) in enumerate(zip(jobs, map_in_processes(_build, jobs, workers), strict=True), start=1):
        report.problems += job.session.problems
        if isinstance(outcome, Problem):
            report.problems.append(outcome)
        else:
            getattr(report, outcome.kind).append(job.session.song)
            report.notes += _passed_over(job, outcome.metadata)
        if progress:
            progress(done, len(jobs))
    return report


def _distinct(jobs: list[_Job], report: StemReport) -> list[_Job]:
    """Leave out songs whose tracks cannot be used, or that would take another's folder (file systems fold case)."""
    taken: dict[str, str] = {}
    kept = []
    for job in jobs:
        song, name = job.session.song, song_id(job.facts)
        if job.session.problems and not job.settings.skip_bad:
            report.problems += job.session.problems
        elif (other := taken.setdefault(name.casefold(), song)) != song:
            message = f"'{song}' and '{other}' would both become '{name}': tell them apart in the table of songs"
            report.problems.append(Problem(song, "duplicate", message))
        else:
            kept.append(job)
    return kept


def _note(jobs: list[_Job], output: Path, report: StemReport) -> None:
    for job in jobs:
        if names := job.session.without_row:
            message = f"{len(names)} files of '{job.session.song}' have no row and are in no stem: {', '.join(names)}"
            report.notes.append(Problem(job.session.song, "without row", message))
    known = {song_id(job.facts).casefold() for job in jobs}
    for place in sorted(output.iterdir()) if output.is_dir() else ():
        if (place / f"{place.name}_METADATA.yaml").exists() and place.name.casefold() not in known:
            message = f"'{place}' is from an earlier run and was not made by this one: remove it if it is out of date"
            report.notes.append(Problem(place.name, "earlier run", message))


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Which of a report's lists a song belongs to, and what its metadata say now."""

    kind: str
    metadata: dict[str, Any]


def _passed_over(job: _Job, metadata: Mapping[str, Any]) -> Iterator[Problem]:
    """Tracks that a song was made without, other than those that its annotation already had wrong."""
    song, known = job.session.song, {problem.message for problem in job.session.problems}
    for reason in metadata.get("left_out", ()):
        if reason not in known:
            yield Problem(song, "left out", f"'{song}' was made without a track: {reason}")
    if silent := metadata.get("silent"):
        yield Problem(song, "silent", f"'{song}' has tracks without signal, which are in no stem: {', '.join(silent)}")


def _build(job: _Job) -> _Outcome | Problem:
    """Make a song unless it is there."""
    try:
        if not job.tracks:
            raise CorpusError(f"no track of '{job.session.song}' is left to make a stem of: check its labels")
        return _make(job)
    except StemtreeError as error:
        return Problem(job.session.song, "stems", f"'{job.session.song}' was left out: {error}")


def _make(job: _Job) -> _Outcome:
    name = song_id(job.facts)
    place, tree = job.output / name, load(job.settings.hierarchy)
    print_now = fingerprint(job.session, job.tracks, tree, job.settings)
    known = _known(place, name)
    about = describe_song(job.facts, job.tracks, job.leaks)
    if known.get("fingerprint") == print_now and _whole(place, known):
        now = known | about | describe_labels(known, job.session)
        if known == now:
            return _Outcome("kept", known)
        write_metadata(place / f"{name}_METADATA.yaml", now)
        return _Outcome("described", now)
    with staging(place) as folder:
        spools = folder / "spools"
        spools.mkdir()
        song = mix_down(job.tracks, tree, job.settings, spools)
        mixture = write_song(song, name, folder, job.settings)
        shutil.rmtree(spools)
        (folder / f"{name}_RAW").mkdir()
        for file, source in raw_files(song, name).items():
            link_raw(source, folder / f"{name}_RAW" / file)
        audio = describe_audio(song, mixture, job.session, name, tree, job.settings)
        split = {"split": known["split"]} if "split" in known else {}
        write_metadata(folder / f"{name}_METADATA.yaml", about | audio | split | {"fingerprint": print_now})
        _publish(folder, place)
    return _Outcome("made", audio)


def _known(place: Path, name: str) -> dict[str, Any]:
    """The metadata of a song that is there; raises CorpusError if something else is."""
    file = place / f"{name}_METADATA.yaml"
    if not place.exists():
        return {}
    known = read_metadata(file) if file.exists() else {}
    if "fingerprint" not in known:
        raise CorpusError(f"'{place}' holds something else than a song made here: choose another folder")
    return known


def _whole(place: Path, known: dict[str, Any]) -> bool:
    try:
        files = [known["mix_filename"]]
        for listed in (known["stems"], known["musdb_stems"]):
            files += [f"{known['stem_dir']}/{stem['filename']}" for stem in listed.values()]
        return all((place / file).is_file() for file in files)
    except (KeyError, TypeError, AttributeError):
        return False


def _publish(folder: Path, place: Path) -> None:
    """Put a finished song in place of what was there; what a killed run left aside goes as well."""
    aside = place.with_name(f".{place.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    if place.exists():
        place.rename(aside)
    folder.rename(place)
    shutil.rmtree(aside, ignore_errors=True)
