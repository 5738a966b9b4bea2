"""Raw multitracks and what a person has said of them: folders of songs, the annotation, the table of songs."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stemtree.audio import is_audio_name
from stemtree.corpora.track import Problem
from stemtree.curation.sessions.csv_tables import read_table
from stemtree.errors import CorpusError, HierarchyError
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
        As the annotation has it: the path below the song's folder, or the bare file name.
    path : pathlib.Path
        Where it is.
    label : str
        One of the annotation's labels.
    leaf : NodePath
        What the hierarchy makes of the label.
    """

    name: str
    path: Path
    label: str
    leaf: NodePath


@dataclass(frozen=True, slots=True)
class Session:
    """The raw tracks of one song.

    Parameters
    ----------
    song : str
        As in the annotation; the name of its folder.
    folder : pathlib.Path
        Where it lies.
    tracks : tuple of RawTrack
        What stems are made of, in order of the names.
    set_aside : tuple of str
        Names of tracks labelled as belonging to no stem.
    without_row : tuple of str
        Audio files that the annotation does not know.
    problems : tuple of Problem
        Tracks that cannot be used, and why.
    """

    song: str
    folder: Path
    tracks: tuple[RawTrack, ...]
    set_aside: tuple[str, ...] = ()
    without_row: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class SongFacts:
    """What a listing tells of a song.

    Parameters
    ----------
    title, artist : str
        As the listing spells them.
    genre, sub_genre : str
        The library's broad genre and its free description.
    vocal_quality : int or None
        0 where a person heard leakage in the vocal tracks, else 1; None where nobody listened.
    """

    title: str
    artist: str
    genre: str = ""
    sub_genre: str = ""
    vocal_quality: int | None = None


_COLUMNS = {
    "song": ("song", "music_title"),
    "title": ("title", "track_name"),
    "artist": ("artist", "artist_name"),
    "genre": ("genre", "broad_genre"),
    "sub_genre": ("sub_genre",),
    "vocal_quality": ("vocal_quality",),
}


def read_annotation(file: str | os.PathLike[str]) -> dict[str, list[tuple[str, str]]]:
    """Read an annotation, with the columns ``song``, ``file`` and ``label``, to each song's files and labels."""
    songs: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in read_table(file, ("song", "file", "label")):
        songs[row["song"]].append((row["file"], row["label"]))
    if not songs:
        raise CorpusError(f"the annotation '{file}' holds no rows: run stemtree curate annotate")
    return dict(songs)


def read_songs(file: str | os.PathLike[str]) -> dict[str, SongFacts]:
    """Read a table of songs: ``song`` (or ``Music_Title``), and any of title, artist, genres and vocal quality.

    Raises
    ------
    CorpusError
        If it cannot be read, holds no rows, or has a row without a name or two that tell different things of one song.
    """
    found: dict[str, SongFacts] = {}
    rows = read_table(file, ())
    if not rows:
        raise CorpusError(f"the table '{file}' holds no songs: give one with the column song and a row for each")
    if not {key for part in ("song", "artist", "title") for key in _COLUMNS[part]} & set(rows[0]):
        raise CorpusError(f"the table '{file}' lacks the column 'song': its first line must name it")
    for number, row in enumerate(rows, 2):
        cells = {name: next((row[key] for key in keys if row.get(key)), "") for name, keys in _COLUMNS.items()}
        song = cells["song"] or " - ".join(filter(None, (cells["artist"], cells["title"])))
        if not song:
            raise CorpusError(f"row {number} of the table '{file}' names no song: complete or remove it")
        guess = facts_from_name(song)
        quality = int(cells["vocal_quality"]) if cells["vocal_quality"] in ("0", "1") else None
        told = SongFacts(
            cells["title"] or guess.title, cells["artist"] or guess.artist, cells["genre"], cells["sub_genre"], quality
        )
        if found.setdefault(song, told) != told:
            raise CorpusError(f"'{song}' stands twice in '{file}', with different things told of it: keep one row")
    return found


def facts_from_name(song: str) -> SongFacts:
    """Artist and title of a song called ``Artist - Title``."""
    artist, dash, title = song.partition(" - ")
    return SongFacts(title.strip(), artist.strip()) if dash else SongFacts(song.strip(), "")


def find_sessions(
    root: str | os.PathLike[str], annotation: dict[str, list[tuple[str, str]]], hierarchy: Hierarchy
) -> Iterator[Session | Problem]:
    """Find the files of every song in an annotation.

    Names are compared in Unicode's composed form, since archives made on a Mac spell accents apart.

    Parameters
    ----------
    root : path-like
        Holds a folder for each song.
    annotation : dict
        From `read_annotation`.
    hierarchy : Hierarchy
        What labels are looked up in.

    Yields
    ------
    Session or Problem
        A song, in order of the names; a problem for a song without a folder, or a folder that no row mentions.

    Raises
    ------
    CorpusError
        If there is no such folder.
    """
    place = Path(root)
    if not place.is_dir():
        raise CorpusError(f"there is no folder '{root}': check the path")
    folders = {compose(entry.name): entry for entry in place.iterdir() if entry.is_dir() and entry.name[0] != "."}
    for song in sorted(annotation):
        folder = folders.pop(compose(song), None)
        if folder is None:
            yield Problem(song, "no folder", f"'{place}' holds no folder '{song}': unpack it, or remove its rows")
        else:
            yield read_session(folder, song, annotation[song], hierarchy)
    for name, folder in sorted(folders.items()):
        if any(_audio_files(folder)):
            yield Problem(name, "not annotated", f"the annotation has no rows for '{folder}': annotate it")


def read_session(folder: Path, song: str, rows: list[tuple[str, str]], hierarchy: Hierarchy) -> Session:
    """Match one song's rows with its files."""
    files, same = files_of(folder)
    tracks: list[RawTrack] = []
    set_aside, labels = [], dict[str, str]()
    problems = [
        Problem(song, "twice", f"'{song}' holds several files called '{name}', spelled apart: rename one")
        for name in same
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
    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def files_of(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """A song's audio files by their paths below its folder, composed; and the paths that several have once composed."""
    files: dict[str, Path] = {}
    same = []
    for file in sorted(_audio_files(folder)):
        name = compose(file.relative_to(folder).as_posix())
        if files.setdefault(name, file) != file:
            same.append(name)
    return files, same


def find_file(song: str, name: str, files: Mapping[str, Path]) -> str:
    """The file of `files_of` that a row means: by its path, or by its bare name where only one file has it.

    Raises
    ------
    CorpusError
        If there is none, or there are several.
    """
    wanted = compose(name).replace("\\", "/")
    if wanted in files:
        return wanted
    candidates = [key for key in files if compose(key.rpartition("/")[2]) == wanted]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise _BadRow("ambiguous", f"'{song}' holds several files called '{name}': write '{candidates[0]}' in its row")
    raise _BadRow("missing", f"'{song}' holds no file '{name}' that can be audio: copy it again, or remove its row")


def _audio_files(folder: Path) -> Iterator[Path]:
    files = (file for file in folder.rglob("*") if is_audio_name(file) and "__MACOSX" not in file.parts)
    return (file for file in files if file.is_file())


def compose(name: str) -> str:
    """A name in Unicode's composed form, without blanks around it, which tables lose."""
    return unicodedata.normalize("NFC", name).strip()
