"""Contradictions between the labels of stems and of their raw tracks, in metadata of MedleyDB's layout.

The thesis (3.1.3) found by hand that raw tracks contradict their stem's label, and that labels of different levels
stand side by side. Both are found here, and stems and raw tracks that lack the other.
"""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import permutations, product
from pathlib import Path
from typing import Any

import yaml

from stemtree.audio import is_audio_name
from stemtree.corpora.layout import read_metadata
from stemtree.corpora.track import Problem
from stemtree.errors import CorpusError
from stemtree.folders import files_below
from stemtree.hierarchy import Hierarchy, NodePath, is_within, load, own_name
from stemtree.hierarchy.labels import normal_form

_METADATA = "_METADATA.yaml"
_NUMBER = re.compile(r"_RAW_(\d+)_\d+\.\w+$")


def check_labels(
    root: str | os.PathLike[str], progress: Callable[[int, int], None] | None = None
) -> tuple[int, list[Problem]]:
    """Check all metadata files below a folder.

    Kinds of problems: ``contradiction`` (a raw track's label is neither its stem's nor a part of it, or one track has
    labels of different instruments), ``levels`` (a label beside one that it is a part of), ``no label``, ``unknown
    label``, ``stem without raws``, ``raw without stem``, ``wrong stem`` (a raw track's file is numbered after another
    stem), ``missing file`` and ``metadata``. Files are compared with the metadata where the song's folder is there.

    Parameters
    ----------
    root : path-like
        A corpus of MedleyDB's or MS21's layout, or a folder of its metadata files.
    progress : callable, optional
        Called with the number of songs done, and of all songs.

    Returns
    -------
    count : int
        Number of songs that could be read.
    problems : list of Problem
        In order of the songs.

    Raises
    ------
    CorpusError
        If there is no such folder, or no metadata file below it.
    """
    folder = Path(root)
    files = [file for file in files_below(folder) if file.name.endswith(_METADATA)]
    if not files:
        raise CorpusError(f"'{folder}' holds no files called …{_METADATA}: give a folder in MedleyDB's layout")
    count, problems = 0, list[Problem]()
    for done, file in enumerate(files, 1):
        name = file.name.removesuffix(_METADATA)
        try:
            song = _read_song(file, name)
        except CorpusError as error:
            problems.append(Problem(name, "metadata", str(error)))
        except (KeyError, TypeError, AttributeError):
            message = f"the metadata '{file}' do not list stems as MedleyDB's do: make them again"
            problems.append(Problem(name, "metadata", message))
        else:
            count += 1
            problems += [*_check_stems(song), *_check_levels_of_stems(song), *_check_files(song)]
        if progress:
            progress(done, len(files))
    return count, problems


@dataclass(frozen=True, slots=True)
class _Item:
    """A stem or a raw track: its name in the metadata, its labels, its file."""

    name: str
    labels: tuple[str, ...]
    file: str

    @property
    def quoted_labels(self) -> str:
        """Its labels, as messages name them."""
        return " and ".join(f"'{label}'" for label in self.labels)


@dataclass(frozen=True, slots=True)
class _Stem:
    """A stem and its raw tracks."""

    item: _Item
    raws: tuple[_Item, ...]


@dataclass(frozen=True, slots=True)
class _Song:
    """A song's metadata.

    Parameters
    ----------
    name : str
        Its name.
    stems : list of _Stem
        In order of their names.
    stem_dir, raw_dir : pathlib.Path
        Folders of the stems' and the raw tracks' files.
    sums : list of str
        Files in `stem_dir` that are sums of stems.
    """

    name: str
    stems: list[_Stem]
    stem_dir: Path
    raw_dir: Path
    sums: list[str]


def _read_song(file: Path, name: str) -> _Song:
    data = read_metadata(file)
    stems = [_read_stem(name, content) for name, content in sorted(data["stems"].items())]
    folder = file.parent if file.parent.name == name else file.parent.parent / "Audio" / name
    stem_dir, raw_dir = (folder / str(data.get(key) or "-") for key in ("stem_dir", "raw_dir"))
    sums = [str(stem["filename"]) for stem in (data.get("musdb_stems") or {}).values()]
    return _Song(name, stems, stem_dir, raw_dir, sums)


def _read_stem(name: str, content: dict[str, Any]) -> _Stem:
    raws = content.get("raw") or {}
    tracks = (_read_item(f"{name}/{key}", raw) for key, raw in sorted(raws.items()))
    return _Stem(_read_item(name, content), tuple(tracks))


def _read_item(name: str, content: dict[str, Any]) -> _Item:
    instrument = content["instrument"]
    labels = instrument if isinstance(instrument, list) else [instrument]
    return _Item(name, tuple(map(str, labels)), str(content.get("filename") or ""))


def _check_stems(song: _Song) -> Iterator[Problem]:
    """Check the labels of every stem, and those of its raw tracks against it."""
    for stem in song.stems:
        yield from _check_item(song.name, stem.item)
        if not stem.raws:
            message = f"stem {stem.item.name} of '{song.name}' ({stem.item.quoted_labels}) lists no raw tracks"
            yield Problem(song.name, "stem without raws", message)
        for raw in stem.raws:
            if raw.labels != stem.item.labels:
                yield from _check_item(song.name, raw)
            yield from _check_number(song.name, stem, raw)
        yield from _check_raw_labels(song.name, stem)
        where = f"raw tracks of {stem.item.name} of '{song.name}'"
        yield from _check_levels(song.name, where, [raw.labels for raw in stem.raws])


def _check_item(song: str, item: _Item) -> Iterator[Problem]:
    """Check the labels of one stem or raw track by themselves."""
    leaves = set()
    for label in item.labels:
        if _names_nothing(label):
            yield Problem(song, "no label", f"{item.name} of '{song}' is labelled '{label}', which names no instrument")
        elif (leaf := _leaf(label)) is None:
            message = f"{item.name} of '{song}' has the label '{label}', which no hierarchy knows"
            yield Problem(song, "unknown label", message)
        else:
            leaves.add(leaf)
    if len(leaves) > 1:
        message = f"{item.name} of '{song}' has labels of several instruments: {item.quoted_labels}"
        yield Problem(song, "contradiction", message)
    yield from _check_levels(song, f"labels of {item.name} of '{song}'", [(label,) for label in item.labels])


def _check_number(song: str, stem: _Stem, raw: _Item) -> Iterator[Problem]:
    """Compare the number of the stem in a raw track's file name with the stem's."""
    in_file, in_stem = _NUMBER.search(raw.file), re.search(r"\d+", stem.item.name)
    if in_file and in_stem and int(in_file[1]) != int(in_stem[0]):
        message = f"'{raw.file}' of '{song}' is numbered after stem {in_file[1]} and stands in {stem.item.name}"
        yield Problem(song, "wrong stem", message)


def _check_raw_labels(song: str, stem: _Stem) -> Iterator[Problem]:
    """Compare the labels of raw tracks with their stem's; tracks with the same fault and labels are one problem."""
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for raw in stem.raws:
        if kind := _misfit(stem.item, raw):
            names[kind, raw.quoted_labels].append(raw.name.rpartition("/")[2])
    for (kind, labels), raws in names.items():
        which = f"stem {stem.item.name} of '{song}' is {stem.item.quoted_labels}"
        yield Problem(song, kind, f"{which} and its {', '.join(raws)} {labels}")


def _misfit(stem: _Item, raw: _Item) -> str | None:
    """The kind of problem of a raw track whose labels do not belong to its stem's."""
    if any(can_contain(above, below) for above in stem.labels for below in raw.labels):
        return None
    if all(map(_names_nothing, stem.labels)) or all(map(_names_nothing, raw.labels)):
        return "no label" if set(stem.labels) != set(raw.labels) else None
    is_reversed = any(can_contain(below, above) for above in stem.labels for below in raw.labels)
    return "levels" if is_reversed else "contradiction"


def _check_levels_of_stems(song: _Song) -> Iterator[Problem]:
    yield from _check_levels(song.name, f"stems of '{song.name}'", [stem.item.labels for stem in song.stems])


def _check_levels(song: str, where: str, labels: list[tuple[str, ...]]) -> Iterator[Problem]:
    """Find labels of different items of which one contains the other; items with the same labels count as one."""
    narrow_labels: dict[str, list[str]] = defaultdict(list)
    for above, below in permutations(dict.fromkeys(labels), 2):
        for broad, narrow in product(above, below):
            is_contained = normal_form(narrow) in _contained_labels().get(normal_form(broad), ())
            if is_contained and narrow not in narrow_labels[broad]:
                narrow_labels[broad].append(narrow)
    for broad, narrow_ones in narrow_labels.items():
        if narrow_ones:
            listed = ", ".join(f"'{name}'" for name in narrow_ones)
            yield Problem(song, "levels", f"{where}: '{broad}' stands beside {listed}, which it takes in")


def _check_files(song: _Song) -> Iterator[Problem]:
    """Compare the metadata with the files, where these are there."""
    stem_files = {stem.item.file for stem in song.stems} | set(song.sums)
    raw_files = {raw.file for stem in song.stems for raw in stem.raws}
    for folder, listed, kind in (
        (song.stem_dir, stem_files, "stem without raws"),
        (song.raw_dir, raw_files, "raw without stem"),
    ):
        if not folder.is_dir():
            continue
        there = {entry.name for entry in folder.iterdir() if is_audio_name(entry)}
        for name in sorted(listed - there):
            yield Problem(song.name, "missing file", f"'{folder / name}' is listed and missing")
        for name in sorted(there - listed):
            yield Problem(song.name, kind, f"'{folder / name}' is there and not listed")


@cache
def can_contain(stem_label: str, raw_label: str) -> bool:
    """Whether a raw track with a label can belong to a stem with another."""
    broad, narrow = normal_form(stem_label), normal_form(raw_label)
    if broad == narrow or narrow in _contained_labels().get(broad, ()):
        return True
    tree = _tree("ms21")
    nodes = [path for path in tree.paths if _is_name(path, stem_label)]
    leaf = _look_up(tree, raw_label)
    return leaf is not None and any(is_within(leaf, node) for node in nodes)


@cache
def _leaf(label: str) -> NodePath | None:
    """The node of MedleyDB's or MS21's hierarchy that a label names."""
    for name in ("medleydb", "ms21"):
        if leaf := _look_up(_tree(name), label):
            return leaf
    return next((path for path in _tree("ms21").paths if _is_name(path, label)), None)


def _is_name(path: NodePath, label: str) -> bool:
    return normal_form(own_name(path)) == normal_form(label)


def _look_up(tree: Hierarchy, label: str) -> NodePath | None:
    return tree.leaf(label) if tree.knows(label) else None


@cache
def _tree(name: str) -> Hierarchy:
    """A definition of the package, read once."""
    return load(name)


def _names_nothing(label: str) -> bool:
    return normal_form(label) in _contained_labels()["nothing"]


@cache
def _contained_labels() -> dict[str, frozenset[str]]:
    """The labels that a label contains; all in normal form."""
    data = yaml.safe_load((resources.files("stemtree.curation.annotation") / "levels.yaml").read_text("utf-8"))
    return {normal_form(label): frozenset(map(normal_form, below)) for label, below in data.items()}
