"""The songs that names on the command line mean, each with a name of its own in the output."""

import glob
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from stemtree.cli.messages import explain
from stemtree.errors import AudioError
from stemtree.storage import find_files, is_url

OnFailure = Callable[[str, str], None]
"""Called with the name of what cannot be read, and a sentence."""


@dataclass(frozen=True, slots=True)
class SongFile:
    """A song to separate.

    Parameters
    ----------
    file : pathlib.Path
        The song; a path from `stemtree.storage.to_path`, as it may be a URL.
    track : str or None
        What it is called in the output; None for the name of its file.
    below : pathlib.Path
        The folder beneath the output folder for the song's folder.
    """

    file: Path
    track: str | None = None
    below: Path = Path()


def find_songs(
    names: Iterable[str],
    output: Path,
    recursive: bool,
    on_failure: OnFailure,
    on_song: Callable[[Path], object] = lambda file: None,
) -> list[SongFile]:
    """Find the files that names, folders and globs match, each once, and tell those of one name apart.

    A file that is found by a link too has its own name, and not the link's; links to folders are not followed within
    folders.

    Parameters
    ----------
    names : iterable of str
        From the command line.
    output : pathlib.Path
        Where stems go; what lies there is no song.
    recursive : bool
        Take what lies in folders within folders too; the output is divided into folders in the same way.
    on_failure : callable
        Called with a name and a sentence where a name matches nothing.
    on_song : callable, optional
        Called with each song when it is found, in the order of the names.
    """
    found: dict[Path, SongFile] = {}
    for name in names:
        try:
            for song in _songs(name, output, recursive, on_failure):
                target = song.file if is_url(song.file) else song.file.resolve()
                if target not in found or (_is_link(found[target].file, target) and not _is_link(song.file, target)):
                    found[target] = song
                    on_song(song.file)
        except Exception as error:  # such as a name that is too long
            on_failure(name, explain(error))
    return tell_apart(found.values())


def _is_link(file: Path, target: Path) -> bool:
    """Whether a path leads to its file by way of a link."""
    return not is_url(file) and os.path.abspath(file) != str(target)


def tell_apart(songs: Iterable[SongFile]) -> list[SongFile]:
    """Give songs whose stems would go to one folder names that differ: by their endings, or the folders they lie in.

    The names do not depend on the order of the songs.
    """
    songs = list(songs)
    alike: dict[tuple[Path, str], list[SongFile]] = {}
    for song in songs:
        alike.setdefault((song.below, _plain(song.file)), []).append(song)
    taken = {place for place, group in alike.items() if len(group) == 1}
    named: dict[Path, SongFile] = {}
    for (below, _), group in alike.items():
        tracks = [None] if len(group) == 1 else _different([song.file for song in group], below, taken)
        for song, track in zip(group, tracks, strict=True):
            named[song.file] = replace(song, track=track)
    return [named[song.file] for song in songs]


def _different(files: list[Path], below: Path, taken: set[tuple[Path, str]]) -> list[str]:
    """Names that differ from each other and from those that are taken, which they join."""
    parents = [Path(os.path.abspath(str(file))).parent.parts[1:] for file in files]
    tracks = [f"{_plain(file)}_{file.suffix[1:]}" for file in files]
    for depth in range(1, max(map(len, parents)) + 1):
        if _are_free(tracks, below, taken):
            break
        tracks = ["_".join((*above[-depth:], _plain(file))) for file, above in zip(files, parents, strict=True)]
    for number, track in enumerate(tracks):
        if (below, track) in taken:  # such as songs whose folders differ in no name
            free = (f"{track}_{count}" for count in itertools.count(2) if (below, f"{track}_{count}") not in taken)
            tracks[number] = next(free)
        taken.add((below, tracks[number]))
    return tracks


def _are_free(tracks: list[str], below: Path, taken: set[tuple[Path, str]]) -> bool:
    return len(set(tracks)) == len(tracks) and not any((below, track) in taken for track in tracks)


def _plain(file: Path) -> str:
    return file.stem.lstrip(".")


def _songs(name: str, output: Path, recursive: bool, on_failure: OnFailure) -> Iterator[SongFile]:
    """The songs that one name from the command line matches."""
    if not name:
        raise AudioError("the name of a song is empty: give a file, or . for the current folder")
    if is_url(name):
        yield from _in_storage(name, output, recursive)
        return
    path = Path(name)
    if path.is_dir():
        found = sorted(_in_folder(path, output, recursive, on_failure))
        if not found:
            hint = "" if recursive or not _has_folders(path) else ", -r to look into its folders too"
            raise AudioError(f"the folder '{name}' holds no audio files: name another{hint}, or a file in it")
        yield from (SongFile(file, below=file.parent.relative_to(path)) for file in found)
        return
    if not path.exists() and glob.has_magic(name):
        files = sorted(file for file in map(Path, glob.glob(name, recursive=True)) if file.is_file())
        if not files:
            raise AudioError(f"no file matches '{name}': check the pattern")
        yield from map(SongFile, files)
        return
    try:
        path.stat()
    except OSError as error:
        raise AudioError(f"cannot read '{name}': {error.strerror}; check the path and its permissions") from None
    yield SongFile(path)


def _in_storage(url: str, output: Path, recursive: bool) -> Iterator[SongFile]:
    """The songs at a URL, of a file, a folder or a glob."""
    from stemtree.audio import is_audio_name

    files, is_folder = find_files(url, recursive)
    of_stems = {below.parent for _, below in files if below.name == "tree.json"}
    written = f"{str(output).rstrip('/')}/"
    songs = [
        SongFile(file, below=below.parent if is_folder else Path())
        for file, below in files
        if not is_folder
        or (
            is_audio_name(below)
            and not str(file).startswith(written)
            and not any(part.startswith(".") for part in below.parts[:-1])
            and of_stems.isdisjoint(below.parents)
        )
    ]
    if not songs:
        hint = ", or -r to look into folders within it" if is_folder and not recursive else ""
        raise AudioError(f"'{url}' holds no audio files: check the address, give another{hint}")
    yield from songs


def _in_folder(folder: Path, output: Path, recursive: bool, on_failure: OnFailure) -> Iterator[Path]:
    from stemtree.audio import is_audio_name

    def unreadable(error: OSError) -> None:
        if error.filename == os.fspath(folder):
            raise error
        on_failure(os.fsdecode(error.filename), explain(error))

    written = output if is_url(output) else Path(os.path.realpath(output))  # where links go in a circle too
    stems: set[Path] = set()
    for current, folders, names in os.walk(folder, onerror=unreadable):
        here = Path(current)
        stems |= {stem for name in names if name.endswith(".tree.json") for stem in _listed_stems(here, name)}
        folders[:] = [name for name in folders if recursive and _may_hold_songs(here / name, written)]
        for file in map(here.joinpath, names):
            if file.is_file() and is_audio_name(file) and file not in stems:
                yield file


def _listed_stems(folder: Path, manifest: str) -> Iterator[Path]:
    """The stems of a manifest of a folder that several songs share."""
    from stemtree.separation.output.manifest import read_manifest
    from stemtree.separation.output.runs import runs_of, stem_rows

    for run in runs_of(read_manifest(folder, manifest) or {}):
        yield from (folder / row["file"] for _, row in stem_rows(run))


def _may_hold_songs(folder: Path, written: Path) -> bool:
    """Whether a folder is neither hidden nor one of stems."""
    return not (folder.name.startswith(".") or folder.resolve() == written or (folder / "tree.json").exists())


def _has_folders(folder: Path) -> bool:
    return any(entry.is_dir() and not entry.name.startswith(".") for entry in folder.iterdir())
