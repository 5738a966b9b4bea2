"""Separating songs, for the commands ``separate`` and ``query``."""

import glob
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from stemtree.cli.messages import printable, progress_bar, say, stopped_by_user, warnings_as_notes
from stemtree.cli.song_files import SongFile, find_songs
from stemtree.cli.song_report import Report
from stemtree.cli.song_work import (
    Outcome,
    Wishes,
    Work,
    guess_seconds,
    notes_on,
    outcome_of,
    problem_with,
    separate_in_worker,
    start_worker,
)
from stemtree.cluster import is_on_cluster, map_tracks
from stemtree.errors import OptionError, StemtreeWarning, counted
from stemtree.memory import available_memory, keep_freed_memory
from stemtree.storage import is_url
from stemtree.threads import songs_at_once, threads_per_song

if TYPE_CHECKING:
    from stemtree.audio import OutputFormat
    from stemtree.separation.plan import Plan
    from stemtree.separation.query_tree import QueryTree
    from stemtree.separation.separator import Separator


def separate_songs(
    names: list[str], make_separator: "Callable[[], Separator | QueryTree]", output: "OutputFormat", wishes: Wishes
) -> None:
    """Separate all songs that names, folders and globs match, report each, and exit with 1 if one failed.

    Parameters
    ----------
    names : list of str
        Files, folders and globs.
    make_separator : callable
        Makes the separator; called only if there is a song, since that reads weights. For several songs at once it must
        be a function of a module, or a part of one.
    output : OutputFormat
        Format of the stems.
    wishes : Wishes
        All else.
    """
    if not is_url(wishes.folder) and os.path.exists(wishes.folder) and not os.path.isdir(wishes.folder):
        raise OptionError(f"cannot write to '{wishes.folder}' (it is a file): choose another folder with -o")
    batch = _Batch(Work(make_separator, output, wishes))
    songs = batch.find(names)
    with stopped_by_user("the song at hand left nothing behind, run again to go on"):
        songs = batch.separate_at_once(songs)
        if songs:
            keep_freed_memory()  # saves a tenth of the time of a whole tree
            separator = make_separator()
            for note in notes_on(separator, wishes.report):
                say(note, error=True)
            for song in songs:
                batch.separate(separator, song)
    batch.summarise()


def plan_songs(names: list[str], tree: "Plan", output: "OutputFormat", wishes: Wishes) -> None:
    """Tell which files `separate_songs` would write, and write none; exit with 1 if a name matches nothing."""
    batch = _Batch(Work(_no_separator, output, wishes))
    for song in batch.find(names):
        batch.plan(tree, song)
    batch.summarise()


def answer_missing(names: list[str], report: Report | None = None) -> None:
    """If no song is there at all, say so and exit with 1, before anything is imported that only songs need."""
    if not any(os.path.lexists(name) or glob.has_magic(name) or is_url(name) for name in names):
        separate_songs(names, _no_separator, cast("OutputFormat", None), Wishes(Path(), report=report or Report()))


def _no_separator() -> "Separator":
    raise AssertionError("there is no song to separate")


class _Batch:
    """Songs of one command: continues after one that fails, and reports all failures at the end."""

    def __init__(self, work: Work) -> None:
        self._work, self._wishes = work, work.wishes
        self._songs: dict[tuple[object, ...], Path] = {}  # by the folder's number in the file system, and manifest
        self._done = 0
        self._order: list[str] = []  # the names of all songs, and of what is none
        self._failed: list[str] = []

    def find(self, names: list[str]) -> list[SongFile]:
        """The songs that names, folders and globs match."""
        wishes = self._wishes
        found = find_songs(
            names, wishes.folder, wishes.recursive, self._fail, on_song=lambda file: self._order.append(str(file))
        )
        filename = wishes.layout.filename if wishes.layout else None
        if filename and not filename.names_track and len(found) > 1:
            raise OptionError(
                f"with --filename '{filename.template}' the stems of {len(found)} songs would be the same files: "
                "add {track} to it"
            )
        if filename and not filename.has_song_folder and is_url(wishes.folder):
            raise OptionError("in shared storage each song has a folder of its own: begin --filename with {track}/")
        return found

    def plan(self, tree: "Plan", song: SongFile) -> None:
        """Report which files a song would become."""
        from stemtree.separation.output.layout import StemLayout
        from stemtree.separation.output.recipe import children_of

        layout = self._wishes.layout or StemLayout()
        try:
            place = self._work.place(song)
        except OptionError as error:
            self._fail(str(song.file), str(error))
            return
        below, stems = children_of(tree.tree.as_dict()), layout.stems(tree.tree, tree.wanted)
        files = layout.files(stems, below, self._work.output.container, place.track, song.file.name)
        self._wishes.report.planned(song.file, place.folder, files.values())
        self._done += 1

    def separate(self, separator: "Separator | QueryTree", song: SongFile) -> None:
        """Separate one song and report it."""
        started, name = time.perf_counter(), song.file.name
        if self._work.is_far(song):
            with self._bar(name) as progress:
                outcome = outcome_of(self._work, separator, song, progress)
            self._take(song, outcome)
            return
        try:
            self._check_folder(song)
            with warnings_as_notes(StemtreeWarning), self._bar(name) as progress:
                saved = self._work.save(separator, song, progress)
            self._songs[self._identity(saved.folder, song)] = song.file
            with nullcontext() if self._wishes.page is None else self._bar(f"{name}: the page") as progress:
                page = self._work.make_page(saved, song.file, progress)
            self._wishes.report.finished(song.file, saved, page, time.perf_counter() - started)
        except Exception as error:  # of libraries too: nothing about one song ends the others
            self._fail(str(song.file), problem_with(song.file, error))
        else:
            self._done += 1

    def separate_at_once(self, songs: list[SongFile]) -> list[SongFile]:
        """Separate songs in processes, where several at once are wanted; return those that are left for this one."""
        if is_on_cluster():
            apart, others = self._apart(songs)
            self._separate_apart(apart, self._wishes.jobs, 1)
            return others
        if self._wishes.jobs == 1 or len(songs) < 2:
            return songs
        threads, (apart, others) = threads_per_song(), self._apart(songs)
        workers = self._wishes.jobs or songs_at_once(
            [guess_seconds(song.file) for song in apart], threads, available_memory()
        )
        if (workers := min(workers, len(apart))) < 2:
            return songs
        each = max(1, threads // workers)
        if not self._wishes.report.quiet:
            many, some = counted(workers, "song"), counted(each, "thread")
            say(f"{many} at once, {some} each (-j 1: one song after the other)", error=True)
        self._separate_apart(apart, workers, each)
        return others

    def _separate_apart(self, songs: list[SongFile], workers: int | None, threads: int) -> None:
        """Separate songs in worker processes of so many threads each, and report them in order."""
        outcomes = map_tracks(
            separate_in_worker,
            songs,
            workers,
            name_of=lambda song: str(song.file),
            gpus=self._wishes.gpus,
            initializer=start_worker,
            initargs=(self._work, threads),
        )
        said: tuple[str, ...] = ()
        with self._bar(counted(len(songs), "song")) as progress:
            for number, (song, outcome) in enumerate(outcomes, start=1):
                for note in outcome.of_separator:
                    if note not in said:
                        say(note, error=True)
                said = outcome.of_separator
                self._take(song, outcome)
                progress(number, len(songs))

    def _apart(self, songs: list[SongFile]) -> tuple[list[SongFile], list[SongFile]]:
        """Songs with a folder of their own whatever the file system takes for equal names, and those to do after them.

        A pipe is open in this process alone.
        """
        taken: set[object] = set()
        apart: list[SongFile] = []
        others: list[SongFile] = []
        for song in songs:
            try:
                folder = self._work.place(song).folder
                is_far = is_url(folder)
                names: set[object] = {str(folder) if is_far else str(folder).casefold()}
                names |= {os.stat(folder)[1:3]} if not is_far and folder.is_dir() else set()
                left = bool(names & taken) or not (is_url(song.file) or song.file.is_file())
            except (OSError, OptionError):  # is said when its turn comes
                names, left = set(), True
            taken |= names
            (others if left else apart).append(song)
        return apart, others

    def _take(self, song: SongFile, outcome: Outcome) -> None:
        """Report what another process made of a song, or what became of one in shared storage."""
        for note in outcome.notes:
            say(note, error=True)
        if outcome.saved is None or outcome.problem:
            self._fail(str(song.file), outcome.problem)
            return
        self._songs[self._identity(outcome.saved.folder, song)] = song.file
        self._wishes.report.finished(song.file, outcome.saved, outcome.page, outcome.seconds)
        self._done += 1

    def _bar(self, label: str) -> "AbstractContextManager[Callable[[int, int | None], None]]":
        return nullcontext(lambda done, total: None) if self._wishes.report.quiet else progress_bar(label)

    def _check_folder(self, song: SongFile) -> None:
        """Raise OptionError if another song's stems went where this one's would, on systems that take names for one."""
        place = self._work.place(song)
        if os.path.isdir(place.folder) and (other := self._songs.get(self._identity(place.folder, song))):
            raise OptionError(
                f"'{song.file}' and '{other}' would both go to '{place.folder}': give one of them another folder "
                "with -o"
            )

    def _identity(self, folder: Path, song: SongFile) -> tuple[object, ...]:
        """The number of a folder in the file system, whatever its name, and what the song's manifest is called."""
        if is_url(folder):
            return str(folder), self._work.place(song).manifest
        status = folder.stat()
        return status.st_dev, status.st_ino, self._work.place(song).manifest

    def summarise(self) -> None:
        """Print which songs failed, if there were several, and exit with 1 if any did."""
        total = self._done + len(self._failed)
        if self._failed and total > 1:
            failed = ", ".join(printable(name) for name in sorted(self._failed, key=self._order.index))
            say(f"{len(self._failed)} of {total} failed: {failed}", error=True)
        if self._failed:
            raise typer.Exit(1)

    def _fail(self, name: str, sentence: str) -> None:
        if name not in self._order:
            self._order.append(name)
        self._failed.append(name)
        say(sentence, error=True)
        self._wishes.report.failed(name, sentence)
