"""Sessions: the raw tracks of a song as files, matched with the labels that an annotation gives them."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from stemtree.audio import is_audio_name
from stemtree.corpora.track import Problem
from stemtree.curation.sessions.csv_tables import read_table
from stemtree.errors import CorpusError, HierarchyError
from stemtree.folders import files_below
from stemtree.hierarchy import Hierarchy, NodePath
from stemtree.hierarchy.labels import normal_form

SET_ASIDE = ("Unused", "Ambient_Microphone")
"""Labels of tracks that belong to no stem (thesis, 3.1.2)."""

_SET_ASIDE = frozenset(map(normal_form, SET_ASIDE))


@dataclass(frozen=True, slots=True)
class RawTrack:
    """One recorded file of a song.

    Parameters
    ----------
    name : str
        As in the annotation: the path below the song's folder, or the bare file name.
    path : pathlib.Path
        The file.
    label : str
        The annotation's label.
    leaf : NodePath
        The leaf of the hierarchy that the label belongs to.
    """

    name: str
    path: Path
    label: str
    leaf: NodePath

    @property
    def state(self) -> tuple[str, str, int, int]:
        """Name, leaf, size and time of change: what is made of the file may stay while these do."""
        status = self.path.stat()
        return self.name, self.leaf, status.st_size, status.st_mtime_ns


@dataclass(frozen=True, slots=True)
class Session:
    """The raw tracks of one song.

    Parameters
    ----------
    song : str
        As in the annotation; the name of its folder.
    folder : pathlib.Path
        The song's folder.
    tracks : tuple of RawTrack
        The tracks that stems are made of, in order of the names.
    set_aside : tuple of str
        Names of tracks labelled as belonging to no stem.
    without_row : tuple of str
        Audio files without a row in the annotation.
    problems : tuple of Problem
        Tracks that cannot be used, and why.
    """

    song: str
    folder: Path
    tracks: tuple[RawTrack, ...]
    set_aside: tuple[str, ...] = ()
    without_row: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


class FileLabel(NamedTuple):
    """A row of an annotation: a file of a song, and its label."""

    file: str
    label: str


def read_track_labels(file: str | os.PathLike[str]) -> dict[str, list[FileLabel]]:
    """Read the files and labels of every song from an annotation, a CSV file with the columns song, file and label.

    Raises
    ------
    CorpusError
        If the annotation cannot be read, lacks a column or holds no rows.
    """
    songs: dict[str, list[FileLabel]] = defaultdict(list)
    for row in read_table(file, ("song", "file", "label")):
        songs[row["song"]].append(FileLabel(row["file"], row["label"]))
    if not songs:
        raise CorpusError(f"the annotation '{file}' holds no rows: run stemtree curate annotate")
    return dict(songs)


def find_sessions(
    root: str | os.PathLike[str], labels: Mapping[str, Sequence[FileLabel]], hierarchy: Hierarchy
) -> Iterator[Session | Problem]:
    """Find the files of every song in an annotation.

    Parameters
    ----------
    root : path-like
        Holds a folder for each song.
    labels : mapping
        From `read_track_labels`.
    hierarchy : Hierarchy
        In which labels are looked up.

    Yields
    ------
    Session or Problem
        A song, in order of the names; a problem for a song without a folder, or a folder without a row.

    Raises
    ------
    CorpusError
        If there is no folder `root`.
    """
    place = Path(root)
    if not place.is_dir():
        raise CorpusError(f"there is no folder '{root}': check the path")
    folders = {name_key(entry.name): entry for entry in place.iterdir() if entry.is_dir() and entry.name[0] != "."}
    for song in sorted(labels):
        folder = folders.pop(name_key(song), None)
        if folder is None:
            yield Problem(song, "no folder", f"'{place}' holds no folder '{song}': unpack it, or remove its rows")
        else:
            yield read_session(folder, song, labels[song], hierarchy)
    for name, folder in sorted(folders.items()):
        if any(_find_audio(folder)):
            yield Problem(name, "not annotated", f"the annotation has no rows for '{folder}': annotate it")


def read_session(folder: Path, song: str, rows: Sequence[FileLabel], hierarchy: Hierarchy) -> Session:
    """Match one song's rows with its files."""
    files, duplicates = audio_files(folder)
    tracks: list[RawTrack] = []
    set_aside, labels = [], dict[str, str]()
    problems = [
        Problem(song, "twice", f"'{song}' holds several files called '{name}', spelled apart: rename one")
        for name in duplicates
    ]
    for name, label in sorted(rows):
        try:
            key = find_file(song, name, files)
            if labels.setdefault(key, label) != label:
                raise _BadRow("twice", f"'{name}' of '{song}' is both {labels[key]} and {label}: keep one row")
            if normal_form(label) in _SET_ASIDE:
                set_aside.append(name)
            elif not any(track.path == files[key] for track in tracks):
                tracks.append(RawTrack(name, files[key], label, hierarchy.leaf(label)))
        except _BadRow as bad:
            problems.append(Problem(song, bad.kind, str(bad)))
        except HierarchyError as unknown:
            problems.append(Problem(song, "label", f"'{name}' of '{song}': {unknown}"))
    without_row = tuple(name for name in sorted(files) if name not in labels)
    return Session(song, folder, tuple(tracks), tuple(set_aside), without_row, tuple(problems))


class _BadRow(CorpusError):
    """A row that no file belongs to, or that contradicts another."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def audio_files(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Find a song's audio files.

    Returns
    -------
    files : dict
        Each file by the `name_key` of its path below the folder.
    duplicates : list of str
        Keys that several files have.
    """
    files: dict[str, Path] = {}
    duplicates = []
    for file in sorted(_find_audio(folder)):
        name = name_key(file.relative_to(folder).as_posix())
        if files.setdefault(name, file) != file:
            duplicates.append(name)
    return files, duplicates


def find_file(song: str, name: str, files: Mapping[str, Path]) -> str:
    """Find the key in `audio_files` of a row's file: its path, or its bare name where only one file has it.

    Raises
    ------
    CorpusError
        If there is none, or there are several.
    """
    wanted = name_key(name).replace("\\", "/")
    if wanted in files:
        return wanted
    candidates = [key for key in files if name_key(key.rpartition("/")[2]) == wanted]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise _BadRow("ambiguous", f"'{song}' holds several files called '{name}': write '{candidates[0]}' in its row")
    raise _BadRow("missing", f"'{song}' holds no file '{name}' that can be audio: copy it again, or remove its row")


def name_key(name: str) -> str:
    """The form in which names of songs and files are compared.

    It is Unicode's composed form (NFC), since archives made on a Mac decompose accents, without the blanks around a
    name, which tables lose.
    """
    return unicodedata.normalize("NFC", name).strip()


def _find_audio(folder: Path) -> Iterator[Path]:
    files = (file for file in files_below(folder) if is_audio_name(file) and "__MACOSX" not in file.parts)
    return (file for file in files if file.is_file())
