"""From folders of raw tracks and their labels to a corpus of stems, in which each song is made once."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stemtree.cluster import map_tracks
from stemtree.corpora.track import Problem
from stemtree.curation.bleed.table import read_leaks
from stemtree.curation.sessions.sessions import find_sessions, name_key, read_track_labels
from stemtree.curation.sessions.songs import facts_from_name, read_songs
from stemtree.curation.stems.settings import StemSettings
from stemtree.curation.stems.song import StemJob, make_song
from stemtree.errors import HierarchyError, OptionError, counted
from stemtree.hierarchy import Hierarchy, load, own_name


@dataclass
class StemReport:
    """The outcome of `build_stems`, by the songs' names.

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
        Files without a row, tracks of which it is not known whether they leak where leaking ones are left out, silent
        tracks, tracks that cannot be read where these are to be skipped, songs in the corpus that the annotation no
        longer has.
    """

    made: list[str] = field(default_factory=list)
    described: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)


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

    A song that is there already, made of the same files with the same labels and settings, is left; where only facts
    about it changed, its metadata are written again.

    Parameters
    ----------
    root : path-like
        A folder of raw tracks for each song.
    annotation : path-like
        CSV with the columns ``song``, ``file`` and ``label``.
    output : path-like
        The corpus's folder; each song gets ``<ID>/{<ID>_RAW, <ID>_STEMS, <ID>_MIX.wav, <ID>_METADATA.yaml}``.
    settings : StemSettings
        How stems are made.
    songs : path-like, optional
        CSV of artists, titles and genres (`stemtree.curation.sessions.songs.read_songs`); without it, artist
        and title are taken from names like ``Artist - Title``.
    bleed : path-like, optional
        The table that `stemtree.curation.bleed.measure` makes.
    workers : int, optional
        Processes, by default one for each core. The result does not depend on it.
    progress : callable, optional
        Called with the number of songs done, and of all songs.

    Returns
    -------
    StemReport
        Songs that were made, kept and left out.

    Raises
    ------
    OptionError
        If leaking tracks are to be left out without a table of leakage, or if `output` holds the raw tracks.
    CorpusError, HierarchyError
        If a table, the folder or the hierarchy cannot be used at all.
    """
    if settings.drop_bleed and bleed is None:
        raise OptionError("nothing says which tracks leak: run stemtree curate bleed and give its table with --bleed")
    if Path(output).resolve() == Path(root).resolve():
        raise OptionError(f"'{output}' holds the raw tracks: choose another folder for the stems")
    tree, report, jobs = load(settings.hierarchy), StemReport(), list[StemJob]()
    _check_names(tree)
    facts = read_songs(songs) if songs else {}
    leaks = read_leaks(bleed) if bleed else {}
    for session in find_sessions(root, read_track_labels(annotation), tree):
        if isinstance(session, Problem):
            report.problems.append(session)
        else:
            facts_of_song = facts.get(name_key(session.song)) or facts_from_name(session.song)
            jobs.append(StemJob(session, facts_of_song, leaks.get(session.song, {}), Path(output), settings))
    jobs = _usable(jobs, report)
    report.notes += [*_without_row(jobs), *_not_measured(jobs), *_from_earlier_runs(jobs, Path(output))]
    songs_by_status = {"made": report.made, "described": report.described, "kept": report.kept}
    outcomes = map_tracks(make_song, jobs, workers, name_of=lambda job: job.session.song)
    for done, (job, outcome) in enumerate(outcomes, start=1):
        report.problems += job.session.problems
        if isinstance(outcome, Problem):
            report.problems.append(outcome)
        else:
            songs_by_status[outcome.status].append(job.session.song)
            report.notes += _without_track(job, outcome.metadata)
        if progress:
            progress(done, len(jobs))
    return report


def _check_names(tree: Hierarchy) -> None:
    """Raise HierarchyError if two MUSDB-like stems would have one name; see `musdb_stem_file`."""
    names = [own_name(node) for node in tree.at_level(min(2, tree.levels))]
    if twice := [name for name in names if names.count(name) > 1]:
        raise HierarchyError(
            f"the hierarchy '{tree.name}' has two nodes '{twice[0]}' on its second level, whose stems would have one "
            "name: rename one"
        )


def _usable(jobs: list[StemJob], report: StemReport) -> list[StemJob]:
    """Leave out songs whose tracks cannot be used, or whose folder another song has (file systems fold case)."""
    taken: dict[str, str] = {}
    usable = []
    for job in jobs:
        song = job.session.song
        if job.session.problems and not job.settings.skip_bad:
            report.problems += job.session.problems
        elif (other := taken.setdefault(job.id.casefold(), song)) != song:
            message = f"'{song}' and '{other}' would both become '{job.id}': tell them apart in the table of songs"
            report.problems.append(Problem(song, "duplicate", message))
        else:
            usable.append(job)
    return usable


def _without_row(jobs: list[StemJob]) -> Iterator[Problem]:
    """Files without a row in the annotation."""
    for job in jobs:
        if names := job.session.without_row:
            song = job.session.song
            files = counted(len(names), f"file of '{song}' has no row and is", f"files of '{song}' have no row and are")
            message = f"{files} in no stem: {', '.join(names)}"
            yield Problem(job.session.song, "without row", message)


def _not_measured(jobs: list[StemJob]) -> Iterator[Problem]:
    """Tracks that are kept although the table of leakage, by which tracks are left out, does not have them."""
    for job in jobs:
        unknown = [track.name for track in job.session.tracks if track.name not in job.leaks]
        if job.settings.drop_bleed and unknown:
            song = job.session.song
            lacks = f"the table of leakage lacks {counted(len(unknown), 'track')} of '{song}'"
            message = f"{lacks}, left in whether or not anything leaks into it: {', '.join(unknown)}"
            yield Problem(song, "not measured", message)


def _from_earlier_runs(jobs: list[StemJob], output: Path) -> Iterator[Problem]:
    """Songs in the corpus that are not made by this run."""
    ids = {job.id.casefold() for job in jobs}
    for folder in sorted(output.iterdir()) if output.is_dir() else ():
        if (folder / f"{folder.name}_METADATA.yaml").exists() and folder.name.casefold() not in ids:
            message = f"'{folder}' is from an earlier run and was not made by this one: remove it if it is out of date"
            yield Problem(folder.name, "earlier run", message)


def _without_track(job: StemJob, metadata: Mapping[str, Any]) -> Iterator[Problem]:
    """Tracks that a song was made without, other than those with problems in the annotation."""
    song, known = job.session.song, {problem.message for problem in job.session.problems}
    for reason in metadata.get("left_out", ()):
        if reason not in known:
            yield Problem(song, "left out", f"'{song}' was made without a track: {reason}")
    if silent := metadata.get("silent"):
        yield Problem(song, "silent", f"'{song}' has tracks without signal, which are in no stem: {', '.join(silent)}")
