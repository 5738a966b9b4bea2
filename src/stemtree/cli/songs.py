"""Separating songs one after the other, for the commands ``separate`` and ``query``."""

import glob
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from stemtree.cli.messages import explain, printable, progress_bar, say, warnings_as_notes
from stemtree.cli.song_files import SongFile, find_songs
from stemtree.cli.song_report import Report
from stemtree.errors import OptionError, StemtreeWarning, TruncatedError, counted
from stemtree.memory import keep_freed_memory

if TYPE_CHECKING:
    from stemtree.audio import OutputFormat
    from stemtree.separation.output.layout import StemLayout
    from stemtree.separation.output.place import Place
    from stemtree.separation.output.stem_files import SavedSong
    from stemtree.separation.plan import Plan
    from stemtree.separation.separator import Separator


@dataclass(frozen=True)
class Reading:
    """How songs are read: options of `stemtree.separation.separator.Separator.save`."""

    stream: int | None = None
    accept_truncated: bool = False


@dataclass(frozen=True)
class Wishes:
    """What a command is to make of its songs.

    Parameters
    ----------
    folder : pathlib.Path
        Where the songs' folders go.
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
    """

    folder: Path
    overwrite: bool = False
    page: str | None = None
    reading: Reading = Reading()
    layout: "StemLayout | None" = None
    recursive: bool = False
    report: Report = field(default_factory=Report)


def separate_songs(
    names: list[str], make_separator: "Callable[[], Separator]", output: "OutputFormat", wishes: Wishes
) -> None:
    """Separate all songs that names, folders and globs match, report each, and exit with 1 if one failed.

    Parameters
    ----------
    names : list of str
        Files, folders and globs.
    make_separator : callable
        Makes the separator; called only if there is a song, since that reads weights.
    output : OutputFormat
        Format of the stems.
    wishes : Wishes
        All else.
    """
    if os.path.exists(wishes.folder) and not os.path.isdir(wishes.folder):
        raise OptionError(f"cannot write to '{wishes.folder}' (it is a file): choose another folder with -o")
    batch = _Batch(output, wishes)
    songs = batch.find(names)
    if songs:
        keep_freed_memory()  # saves a tenth of the time of a whole tree
        try:
            separator = make_separator()
            for note in separator.notes:
                say(note, error=True)
            if not wishes.report.quiet:
                _say_device(separator)
            for song in songs:
                batch.separate(separator, song)
        except KeyboardInterrupt:
            say("stopped; the song at hand left nothing behind, run again to go on", error=True)
            raise typer.Exit(130) from None
    batch.summarise()


def plan_songs(names: list[str], tree: "Plan", output: "OutputFormat", wishes: Wishes) -> None:
    """Tell which files `separate_songs` would write, and write none; exit with 1 if a name matches nothing."""
    batch = _Batch(output, wishes)
    for song in batch.find(names):
        batch.plan(tree, song)
    batch.summarise()


def answer_missing(names: list[str], report: Report | None = None) -> None:
    """If no song is there at all, say so and exit with 1, before anything is imported that only songs need."""
    if not any(os.path.lexists(name) or glob.has_magic(name) for name in names):
        separate_songs(names, _no_separator, cast("OutputFormat", None), Wishes(Path(), report=report or Report()))


def _say_device(separator: "Separator") -> None:
    from stemtree.devices import describe

    if separator.device.type != "cpu":
        blocks = counted(separator.blocks_at_once, "block")
        say(f"computing on {describe(separator.device)}, {blocks} at once", error=True)


def _no_separator() -> "Separator":
    raise AssertionError("there is no song to separate")


StreamOption = Annotated[
    int | None,
    typer.Option(
        "--stream", metavar="N", min=0, help="Separate this audio stream of the files, from 0 (default: the first)."
    ),
]
TruncatedOption = Annotated[
    bool, typer.Option("--accept-truncated", help="Separate files that are cut off as far as they go.")
]
DeviceOption = Annotated[
    str,
    typer.Option(
        "-d", "--device", metavar="auto|cpu|cuda[:N]|mps", help="Compute here; auto: on a GPU if torch has one."
    ),
]
BatchOption = Annotated[
    int | None,
    typer.Option(
        "--batch",
        metavar="N",
        min=1,
        help="Compute so many blocks of 12 s at once (default: what a GPU holds; CPU: 1).",
    ),
]


class _Batch:
    """Songs of one command: continues after one that fails, and reports all failures at the end."""

    def __init__(self, output: "OutputFormat", wishes: Wishes) -> None:
        self._output, self._wishes = output, wishes
        self._songs: dict[tuple[int, int, str], Path] = {}  # by the folder's number in the file system, and manifest
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
        return found

    def plan(self, tree: "Plan", song: SongFile) -> None:
        """Report which files a song would become."""
        from stemtree.separation.output.layout import StemLayout
        from stemtree.separation.output.recipe import children_of

        layout = self._wishes.layout or StemLayout()
        try:
            place = self._place(song)
        except OptionError as error:
            self._fail(str(song.file), str(error))
            return
        below, stems = children_of(tree.tree.as_dict()), layout.stems(tree.tree, tree.wanted)
        files = layout.files(stems, below, self._output.container, place.track, song.file.name)
        self._wishes.report.planned(song.file, place.folder, files.values())
        self._done += 1

    def separate(self, separator: "Separator", song: SongFile) -> None:
        """Separate one song and report it."""
        wishes, started = self._wishes, time.perf_counter()
        try:
            self._check_folder(song)
            with warnings_as_notes(StemtreeWarning), self._bar(song.file.name) as progress:
                saved = separator.save(
                    song.file,
                    wishes.folder / song.below,
                    self._output,
                    **({"layout": wishes.layout} if wishes.layout else {}),
                    overwrite=wishes.overwrite,
                    progress=progress,
                    stream=wishes.reading.stream,
                    accept_truncated=wishes.reading.accept_truncated,
                    track=song.track,
                )
            self._songs[self._identity(saved.folder, song)] = song.file
            page = self._page(saved, song.file)
            wishes.report.finished(song.file, saved, page, time.perf_counter() - started)
        except TruncatedError as error:
            self._fail(str(song.file), f"{error}, or give --accept-truncated to separate what is there")
        except Exception as error:  # of libraries too: nothing about one song ends the others
            self._fail(str(song.file), explain(error, f"'{song.file}' could not be separated"))
        else:
            self._done += 1

    def _bar(self, label: str) -> "AbstractContextManager[Callable[[int, int | None], None]]":
        return nullcontext(lambda done, total: None) if self._wishes.report.quiet else progress_bar(label)

    def _check_folder(self, song: SongFile) -> None:
        """Raise OptionError if another song's stems went where this one's would, on systems that take names for one."""
        place = self._place(song)
        if os.path.isdir(place.folder) and (other := self._songs.get(self._identity(place.folder, song))):
            raise OptionError(
                f"'{song.file}' and '{other}' would both go to '{place.folder}': give one of them another folder "
                "with -o"
            )

    def _place(self, song: SongFile) -> "Place":
        from stemtree.separation.output.layout import StemLayout
        from stemtree.separation.output.place import place_of

        layout = self._wishes.layout or StemLayout()
        return place_of(str(song.file), self._wishes.folder / song.below, layout, song.track)

    def _identity(self, folder: Path, song: SongFile) -> tuple[int, int, str]:
        """The number of a folder in the file system, whatever its name, and what the song's manifest is called."""
        status = folder.stat()
        return status.st_dev, status.st_ino, self._place(song).manifest

    def _page(self, saved: "SavedSong", song: Path) -> Path | None:
        """Make the page if it was asked for; otherwise one of stems that were replaced goes away."""
        from stemtree.page.make import drop_page, make_page

        if self._wishes.page is None:
            if not saved.existed and not saved.is_shared:
                drop_page(saved.folder)
            return None
        with self._bar(f"{song.name}: the page") as progress:
            mixture = song if song.is_file() and not self._wishes.reading.stream else None  # a pipe was read already
            return make_page(saved.folder, mixture, self._wishes.page, fresh=not saved.existed, progress=progress)

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
