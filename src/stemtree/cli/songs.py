"""Separating songs one after the other, for the commands ``separate`` and ``query``."""

import glob
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from stemtree.cli.messages import explain, markup, printable, progress_bar, say, show, warnings_as_notes
from stemtree.errors import AudioError, OptionError, StemtreeWarning, TruncatedError, counted
from stemtree.memory import keep_freed_memory

if TYPE_CHECKING:
    from stemtree.audio import OutputFormat
    from stemtree.separation.output.layout import StemLayout
    from stemtree.separation.output.stem_files import SavedSong
    from stemtree.separation.separator import Separator


def separate_songs(
    names: list[str],
    make_separator: "Callable[[], Separator]",
    output: "OutputFormat",
    folder: Path,
    overwrite: bool,
    page: str | None = None,
    reading: "Reading | None" = None,
    layout: "StemLayout | None" = None,
) -> None:
    """Separate all songs that names, folders and globs match, print their trees, and exit with 1 if one failed.

    Parameters
    ----------
    names : list of str
        Files, folders and globs.
    make_separator : callable
        Makes the separator; called only if there is a song, since that reads weights.
    output : OutputFormat
        Format of the stems.
    folder : pathlib.Path
        Where the songs' folders go.
    overwrite : bool
        Write all stems anew, over what is there.
    page : str, optional
        Also make each song a page to listen to it, which plays this: ``flac`` or ``opus``.
    reading : Reading, optional
        How songs are read.
    layout : StemLayout, optional
        Which nodes are written, and where; by default all.
    """
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise OptionError(f"cannot write to '{folder}' (it is a file): choose another folder with -o")
    batch = _Batch(output, folder, overwrite, page, reading or Reading(), layout)
    songs = list(batch.expand(names))
    if songs:
        keep_freed_memory()  # saves a tenth of the time of a whole tree
        try:
            separator = make_separator()
            for note in separator.notes:
                say(note, error=True)
            _say_device(separator)
            for song in songs:
                batch.separate(separator, song)
        except KeyboardInterrupt:
            say("stopped; the song at hand left nothing behind, run again to go on", error=True)
            raise typer.Exit(130) from None
    batch.summarise()


def answer_missing(names: list[str]) -> None:
    """If no song is there at all, say so and exit with 1, before anything is imported that only songs need."""
    if not any(os.path.lexists(name) or glob.has_magic(name) for name in names):
        separate_songs(names, _no_separator, cast("OutputFormat", None), Path(), overwrite=False)


def _say_device(separator: "Separator") -> None:
    from stemtree.devices import describe

    if separator.device.type != "cpu":
        blocks = counted(separator.blocks_at_once, "block")
        say(f"computing on {describe(separator.device)}, {blocks} at once", error=True)


def _no_separator() -> "Separator":
    raise AssertionError("there is no song to separate")


@dataclass(frozen=True)
class Reading:
    """How songs are read: options of `stemtree.separation.separator.Separator.save`."""

    stream: int | None = None
    accept_truncated: bool = False


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

    def __init__(
        self,
        output: "OutputFormat",
        folder: Path,
        overwrite: bool,
        page: str | None,
        reading: Reading,
        layout: "StemLayout | None",
    ) -> None:
        self._reading, self._layout = reading, {"layout": layout} if layout else {}
        self._output, self._folder, self._overwrite, self._page_format = output, folder, overwrite, page
        self._songs: dict[tuple[int, int], Path] = {}  # by the folder's number in the file system
        self._done = 0
        self._order: list[str] = []  # the names of all songs
        self._failed: list[str] = []

    def expand(self, names: list[str]) -> Iterator[Path]:
        """Yield the files that names, folders and globs match, each once."""
        found: set[Path] = set()
        for name in names:
            try:
                for file in _files(name):
                    if (target := file.resolve()) not in found:
                        found.add(target)
                        self._order.append(str(file))
                        yield file
            except Exception as error:  # such as a name that is too long
                self._order.append(name)
                self._fail(name, explain(error))

    def separate(self, separator: "Separator", song: Path) -> None:
        """Separate one song and print its tree."""
        try:
            self._check_folder(song)
            with warnings_as_notes(StemtreeWarning), progress_bar(song.name) as progress:
                saved = separator.save(
                    song,
                    self._folder,
                    self._output,
                    **self._layout,
                    overwrite=self._overwrite,
                    progress=progress,
                    stream=self._reading.stream,
                    accept_truncated=self._reading.accept_truncated,
                )
            self._songs[_identity(saved.folder)] = song
            page = self._page(saved, song)
            _print_tree(saved)
            if page:
                say(f"Listen to it: {page}")
        except TruncatedError as error:
            self._fail(str(song), f"{error}, or give --accept-truncated to separate what is there")
        except Exception as error:  # of libraries too: nothing about one song ends the others
            self._fail(str(song), explain(error, f"'{song}' could not be separated"))
        else:
            self._done += 1

    def _check_folder(self, song: Path) -> None:
        """Raise OptionError if the stems of another song went to this song's folder, by whatever name."""
        from stemtree.separation.output.stem_files import folder_of

        place = folder_of(str(song), self._folder)
        if os.path.isdir(place) and (other := self._songs.get(_identity(place))):
            raise OptionError(
                f"'{song}' and '{other}' would both go to '{place}': give one of them another folder with -o"
            )

    def _page(self, saved: "SavedSong", song: Path) -> Path | None:
        """Make the page if it was asked for; otherwise one of stems that were replaced goes away."""
        from stemtree.page.make import drop_page, make_page

        if self._page_format is None:
            if not saved.existed:
                drop_page(saved.folder)
            return None
        with progress_bar(f"{song.name}: the page") as progress:
            mixture = song if song.is_file() and not self._reading.stream else None  # a pipe was read already
            return make_page(saved.folder, mixture, self._page_format, fresh=not saved.existed, progress=progress)

    def summarise(self) -> None:
        """Print which songs failed, if there were several, and exit with 1 if any did."""
        total = self._done + len(self._failed)
        if self._failed and total > 1:
            failed = ", ".join(printable(name) for name in sorted(self._failed, key=self._order.index))
            say(f"{len(self._failed)} of {total} failed: {failed}", error=True)
        if self._failed:
            raise typer.Exit(1)

    def _fail(self, name: str, sentence: str) -> None:
        self._failed.append(name)
        say(sentence, error=True)


def _identity(folder: Path) -> tuple[int, int]:
    """The number of a folder in the file system, whatever its name."""
    status = folder.stat()
    return status.st_dev, status.st_ino


def _files(name: str) -> list[Path]:
    """The files that one name from the command line matches."""
    if not name:
        raise AudioError("the name of a song is empty: give a file, or . for the current folder")
    path = Path(name)
    if path.is_dir():
        from stemtree.audio import is_audio_name

        found = sorted(file for file in path.iterdir() if file.is_file() and is_audio_name(file))
        if not found:
            raise AudioError(f"the folder '{name}' holds no audio files: name another, or a file in it")
        return found
    if not path.exists() and glob.has_magic(name):
        found = sorted(file for file in map(Path, glob.glob(name, recursive=True)) if file.is_file())
        if not found:
            raise AudioError(f"no file matches '{name}': check the pattern")
        return found
    try:
        path.stat()
    except OSError as error:
        raise AudioError(f"cannot read '{name}': {error.strerror}; check the path and its permissions") from None
    return [path]


def _print_tree(saved: "SavedSong") -> None:
    from rich.tree import Tree

    from stemtree.hierarchy import MIXTURE, is_within
    from stemtree.separation.output.describe import energy, loudness

    manifest = saved.manifest
    mixture = f"{loudness(manifest['mixture']['rms_dbfs'])}, {manifest['samples'] / manifest['sample_rate']:.1f} s"
    drawing = Tree(f"{markup(saved.folder)}  [dim]{mixture}{' (exists)' if saved.existed else ''}[/]")
    branches = {MIXTURE: drawing}
    for row in manifest["nodes"]:
        parent = max((path for path in branches if is_within(row["path"], path)), key=len)
        share = energy(row["energy_share"], row["active"])
        label = f"{markup(row['file'])}  [dim]{loudness(row['rms_dbfs'])}  {share}[/]"
        branches[row["path"]] = branches[parent].add(label)
    for row in manifest["without"]:
        drawing.add(
            f"{markup(row['file'])}  [dim]{loudness(row['rms_dbfs'])}  {energy(row['energy_share'], active=True)}[/]"
        )
    show(drawing)
    if left_out := [row["path"] for row in manifest["left_out"]]:
        say(f"inactive and left out: {', '.join(left_out)}")
    rows = (manifest["mixture"], *manifest["nodes"], *manifest["without"])
    if held := sum(row["held_at_full_scale"] for row in rows):
        values = counted(held, "value was", "values were")
        say(f"{values} held at full scale or took a sibling's difference; floating-point output alters none")
