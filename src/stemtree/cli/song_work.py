"""What is done with one song, in this process or in one of several that each do a song at a time."""

import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stemtree.cli.messages import explain
from stemtree.cli.song_files import SongFile
from stemtree.cli.song_report import Report
from stemtree.errors import AudioError, StemtreeWarning, TruncatedError, counted
from stemtree.memory import keep_freed_memory
from stemtree.storage import at_hand, is_url, mirrored, workspace

if TYPE_CHECKING:
    from stemtree.audio import OutputFormat
    from stemtree.separation.output.layout import StemLayout
    from stemtree.separation.output.place import Place
    from stemtree.separation.output.stem_files import SavedSong
    from stemtree.separation.query_tree import QueryTree
    from stemtree.separation.separator import Separator

Bar = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """How songs are read: options of `stemtree.separation.separator.Separator.save`."""

    stream: int | None = None
    accept_truncated: bool = False


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a command is to make of its songs.

    Parameters
    ----------
    folder : pathlib.Path
        Where the songs' folders go; a path from `stemtree.storage.to_path`, as it may be a URL.
    overwrite : bool
        Write all stems anew, over what is there.
    page : str, optional
        Also make each song a page to listen to it, which plays this: ``flac`` or ``opus``.
    reading : Reading
        How songs are read.
    layout : StemLayout, optional
        Which nodes are written, and where; by default all.
    recursive : bool
        Take songs in folders within folders too.
    report : Report
        What is printed of each song.
    jobs : int, optional
        How many songs at once, in processes among which the threads are divided; by default what should be fastest.
    gpus : float
        How many GPUs a song needs on a cluster.
    """

    folder: Path
    overwrite: bool = False
    page: str | None = None
    reading: Reading = Reading()
    layout: "StemLayout | None" = None
    recursive: bool = False
    report: Report = field(default_factory=Report)
    jobs: int | None = 1
    gpus: float = 0


@dataclass(frozen=True, slots=True)
class Work:
    """What is done with every song of a command; other processes can have it.

    Parameters
    ----------
    make_separator : callable
        A function of a module, or a part of one, that makes the separator.
    output : OutputFormat
        Format of the stems.
    wishes : Wishes
        All else.
    """

    make_separator: "Callable[[], Separator | QueryTree]"
    output: "OutputFormat"
    wishes: Wishes

    def is_far(self, song: SongFile) -> bool:
        """Whether the song or its stems are in shared storage."""
        return is_url(song.file) or is_url(self.wishes.folder)

    def place(self, song: SongFile) -> "Place":
        """Where the stems of a song go."""
        from stemtree.separation.output.layout import StemLayout
        from stemtree.separation.output.place import place_of

        return place_of(
            str(song.file),
            self.wishes.folder.joinpath(*song.below.parts),
            self.wishes.layout or StemLayout(),
            song.track,
        )

    @contextmanager
    def at_hand(self, song: SongFile) -> "Iterator[tuple[Work, SongFile]]":
        """Yield work and song as they are on this machine; stems go to shared storage at the end.

        Raises
        ------
        StorageError
            If the song cannot be fetched, or the stems cannot be written there.
        """
        if not self.is_far(song):
            yield self, song
            return
        place = self.place(song)
        with workspace() as folder:
            songs, stems = folder / "song", folder / "stems"
            songs.mkdir()
            here = replace(self, wishes=replace(self.wishes, folder=stems)) if is_url(self.wishes.folder) else self
            copy = here.place(song).folder
            with at_hand(song.file, songs) as file, mirrored(place.folder, copy, place.manifest):
                yield here, SongFile(file, place.track, song.below)

    def save(self, separator: "Separator | QueryTree", song: SongFile, progress: Bar | None = None) -> "SavedSong":
        """Separate a song into files."""
        wishes = self.wishes
        return separator.save(
            song.file,
            wishes.folder / song.below,
            self.output,
            **({"layout": wishes.layout} if wishes.layout else {}),
            overwrite=wishes.overwrite,
            progress=progress,
            stream=wishes.reading.stream,
            accept_truncated=wishes.reading.accept_truncated,
            track=song.track,
        )

    def make_page(self, saved: "SavedSong", song: Path, progress: Bar | None = None) -> Path | None:
        """Make the page if it was asked for; otherwise one of stems that were replaced goes away.

        Raises
        ------
        AudioError
            If that fails: the stems are there all the same.
        """
        try:
            return self._make_or_drop_page(saved, song, progress)
        except Exception as error:
            problem = explain(error)
            raise AudioError(f"'{song}' is separated, but its page could not be made or removed: {problem}") from error

    def _make_or_drop_page(self, saved: "SavedSong", song: Path, progress: Bar | None) -> Path | None:
        if self.wishes.page is None:
            from stemtree.page.old import drop_page

            if not saved.existed and not saved.is_shared:
                drop_page(saved.folder)
            return None
        from stemtree.page.make import make_page

        mixture = song if song.is_file() and not self.wishes.reading.stream else None  # a pipe was read already
        return make_page(
            saved.folder,
            mixture,
            self.wishes.page,
            fresh=not saved.existed,
            accept_truncated=self.wishes.reading.accept_truncated,
            progress=progress,
        )


@dataclass(slots=True)
class Outcome:
    """What became of a song in another process: its files, or one sentence on why there are none."""

    saved: "SavedSong | None" = None
    page: Path | None = None
    problem: str = ""
    seconds: float = 0
    notes: list[str] = field(default_factory=list)
    of_separator: tuple[str, ...] = ()
    """Notes on all songs."""


def notes_on(separator: "Separator | QueryTree", report: Report) -> tuple[str, ...]:
    """What is to be said of a separator before it begins: what it leaves out, and a device other than the CPU."""
    from stemtree.devices import describe

    if separator.device.type == "cpu" or report.quiet:
        return tuple(separator.notes)
    blocks = counted(separator.blocks_at_once, "block")
    return (*separator.notes, f"computing on {describe(separator.device)}, {blocks} at once")


def problem_with(song: Path, error: Exception) -> str:
    """One sentence on why a song was not separated."""
    if isinstance(error, TruncatedError):
        return f"{error}, or give --accept-truncated to separate what is there"
    return explain(error, f"'{song}' could not be separated")


_worker: list[Work] = []
"""In a worker process: what it was started for."""

_separators: "list[Separator | QueryTree]" = []
"""In a worker process: the one that it has made."""


def start_worker(work: Work, threads: int) -> None:
    """Begin a worker process of so many threads; torch, which it will import, reads their number once."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    keep_freed_memory()
    _worker[:] = [work]
    _separators.clear()


def separate_in_worker(song: SongFile) -> Outcome:
    """Separate a song in a worker process; what prevents all songs is raised, the rest is told of this one."""
    work = _worker[0]
    if not _separators:
        _separators.append(work.make_separator())
    return outcome_of(work, _separators[0], song)


def outcome_of(work: Work, separator: "Separator | QueryTree", song: SongFile, progress: Bar | None = None) -> Outcome:
    """Separate a song, wherever it and its stems are, and tell what became of it."""
    outcome, copy = Outcome(of_separator=notes_on(separator, work.wishes.report)), song
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", StemtreeWarning)
        try:
            with work.at_hand(song) as (here, copy):
                saved, page = here.save(separator, copy, progress), None
                try:
                    page = here.make_page(saved, copy.file)
                except AudioError as error:  # told when the stems are where they belong
                    outcome.problem = str(error)
            folder = work.place(song).folder if work.is_far(song) else saved.folder
            outcome.page = page and folder / page.relative_to(saved.folder)
            outcome.saved = replace(saved, folder=folder)
        except Exception as error:  # of libraries too: nothing about one song ends the others
            outcome.problem = problem_with(song.file, error)
    outcome.seconds = time.perf_counter() - started
    outcome.notes = [str(note.message).replace(str(copy.file), str(song.file)) for note in caught]
    return outcome


def guess_seconds(song: Path) -> float:
    """A song's length from the size of its file: reading it would take longer than what depends on it."""
    if is_url(song):
        return 240.0
    size = song.stat().st_size
    match song.suffix.lower():
        case ".wav" | ".aif" | ".aiff":
            return size / 176_400
        case ".flac":
            return size / 100_000
    return size / 24_000  # 192 kbit/s
