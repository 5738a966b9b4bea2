"""What is wrong with the labels of stems and their raw tracks, where metadata are laid out as MedleyDB's.

The thesis (3.1.3) found by eye that raw tracks contradict their stem's label, and that labels of different levels stand
side by side; both are looked for here, with stems and raw tracks that lack the other.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
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
from stemtree.errors import CorpusError, HierarchyError
from stemtree.hierarchy import Hierarchy, is_within, load
from stemtree.hierarchy.labels import normal_form

_METADATA = "_METADATA.yaml"
_NUMBER = re.compile(r"_RAW_(\d+)_\d+\.\w+$")


@dataclass(frozen=True, slots=True)
class _Part:
    """A stem or a raw track: its name in the metadata, its labels, its file."""

    name: str
    labels: tuple[str, ...]
    file: str


@dataclass(frozen=True, slots=True)
class _Stem:
    part: _Part
    raws: tuple[_Part, ...]


def check_labels(root: str | os.PathLike[str]) -> tuple[int, list[Problem]]:
    """Check all metadata files below a folder.

    Kinds of problems: ``contradiction`` (a raw track's label is neither its stem's nor a part of it, or one track has
    labels of different instruments), ``levels`` (a label beside one that it is a part of), ``no label``, ``unknown
    label``, ``stem without raws``, ``raw without stem``, ``wrong stem`` (a raw track's file is numbered after another
    stem), ``missing file`` and ``metadata``. Files are compared with the metadata where the song's folder is there.

    Parameters
    ----------
    root : path-like
        A corpus of MedleyDB's or MS21's layout, or a folder of its metadata files.

    Returns
    -------
    count : int
        Songs that could be read.
    problems : list of Problem
        In order of the songs.

    Raises
    ------
    CorpusError
        If there is no such folder, or no metadata file below it.
    """
    folder = Path(root)
    files = sorted(folder.glob(f"**/*{_METADATA}")) if folder.is_dir() else []
    if not files:
        raise CorpusError(f"'{folder}' holds no files called …{_METADATA}: give a folder in MedleyDB's layout")
    count, problems = 0, []
    for file in files:
        song = file.name.removesuffix(_METADATA)
        try:
            data = read_metadata(file)
            stems = [_stem(name, content) for name, content in sorted(data["stems"].items())]
        except CorpusError as error:
            problems.append(Problem(song, "metadata", str(error)))
        except (KeyError, TypeError, AttributeError):
            message = f"the metadata '{file}' do not list stems as MedleyDB's do: make them again"
            problems.append(Problem(song, "metadata", message))
        else:
            count += 1
            found = (*_check_stems(song, stems), *_check_song(song, stems), *_check_files(file, song, data, stems))
            problems += [Problem(song, kind, message) for kind, message in found]
    return count, problems


def _stem(name: str, content: dict[str, Any]) -> _Stem:
    raws = content.get("raw") or {}
    return _Stem(_part(name, content), tuple(_part(f"{name}/{key}", raw) for key, raw in sorted(raws.items())))


def _part(name: str, content: dict[str, Any]) -> _Part:
    given = content["instrument"]
    labels = given if isinstance(given, list) else [given]
    return _Part(name, tuple(str(label) for label in labels), str(content.get("filename") or ""))


def _check_stems(song: str, stems: list[_Stem]) -> Iterator[tuple[str, str]]:
    for stem in stems:
        yield from _check_part(song, stem.part)
        if not stem.raws:
            yield "stem without raws", f"stem {stem.part.name} of '{song}' ({_named(stem.part)}) lists no raw tracks"
        unlike: dict[tuple[str, str], list[str]] = defaultdict(list)
        for raw in stem.raws:
            yield from () if raw.labels == stem.part.labels else _check_part(song, raw)
            number, wanted = _NUMBER.search(raw.file), re.search(r"\d+", stem.part.name)
            if number and wanted and int(number[1]) != int(wanted[0]):
                yield (
                    "wrong stem",
                    f"'{raw.file}' of '{song}' is numbered after stem {number[1]} and stands in {stem.part.name}",
                )
            if kind := _misfit(stem.part, raw):
                unlike[kind, _named(raw)].append(raw.name.rpartition("/")[2])
        for (kind, label), names in unlike.items():
            yield kind, f"stem {stem.part.name} of '{song}' is {_named(stem.part)} and its {', '.join(names)} {label}"
        yield from _check_levels(f"raw tracks of {stem.part.name} of '{song}'", [raw.labels for raw in stem.raws])


def _check_part(song: str, part: _Part) -> Iterator[tuple[str, str]]:
    """What is wrong with the labels of one stem or raw track by themselves."""
    leaves = set()
    for label in part.labels:
        if _is_nothing(label):
            yield "no label", f"{part.name} of '{song}' is labelled '{label}', which names no instrument"
        elif (leaf := _leaf(label)) is None:
            yield "unknown label", f"{part.name} of '{song}' has the label '{label}', which no hierarchy knows"
        else:
            leaves.add(leaf)
    if len(leaves) > 1:
        yield "contradiction", f"{part.name} of '{song}' has labels of several instruments: {_named(part)}"
    yield from _check_levels(f"labels of {part.name} of '{song}'", [(label,) for label in part.labels])


def _misfit(stem: _Part, raw: _Part) -> str | None:
    """Why a raw track does not belong to its stem by the labels."""
    if any(fits(above, below) for above in stem.labels for below in raw.labels):
        return None
    if all(map(_is_nothing, stem.labels)) or all(map(_is_nothing, raw.labels)):
        return "no label" if set(stem.labels) != set(raw.labels) else None
    return "levels" if any(fits(below, above) for above in stem.labels for below in raw.labels) else "contradiction"


def _check_song(song: str, stems: list[_Stem]) -> Iterator[tuple[str, str]]:
    yield from _check_levels(f"stems of '{song}'", [stem.part.labels for stem in stems])


def _check_levels(where: str, parts: list[tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    """Labels of different parts of which one takes the other in; parts that are labelled alike count as one."""
    found: dict[str, list[str]] = defaultdict(list)
    distinct = list(dict.fromkeys(parts))
    for above, below in permutations(distinct, 2):
        for broad, narrow in product(above, below):
            if normal_form(narrow) in _parts().get(normal_form(broad), ()) and narrow not in found[broad]:
                found[broad].append(narrow)
    for broad, names in found.items():
        if names:
            listed = ", ".join(f"'{name}'" for name in names)
            yield "levels", f"{where}: '{broad}' stands beside {listed}, which it takes in"


def _check_files(file: Path, song: str, data: dict[str, Any], stems: list[_Stem]) -> Iterator[tuple[str, str]]:
    """Compare with the files, where there are any."""
    folder = file.parent if file.parent.name == song else file.parent.parent / "Audio" / song
    stem_dir, raw_dir = (folder / str(data.get(key) or "-") for key in ("stem_dir", "raw_dir"))
    sums = [str(stem["filename"]) for stem in (data.get("musdb_stems") or {}).values()]  # of stems, not of raw tracks
    for place, files in (
        (stem_dir, [stem.part.file for stem in stems] + sums),
        (raw_dir, [raw.file for stem in stems for raw in stem.raws]),
    ):
        if not place.is_dir():
            continue
        there = {entry.name for entry in place.iterdir() if is_audio_name(entry)}
        listed = set(files)
        kind = "stem without raws" if place == stem_dir else "raw without stem"
        yield from (("missing file", f"'{place / name}' is listed and missing") for name in sorted(listed - there))
        yield from ((kind, f"'{place / name}' is there and not listed") for name in sorted(there - listed))


def fits(above: str, below: str) -> bool:
    """Whether a raw track with the label `below` can be part of a stem with the label `above`."""
    first, second = normal_form(above), normal_form(below)
    if first == second or second in _parts().get(first, ()):
        return True
    tree = load("ms21")
    nodes = [path for path in tree.paths if normal_form(path.rpartition("/")[2]) == first]
    leaf = _look_up(tree, below)
    return leaf is not None and any(is_within(leaf, node) for node in nodes)


def _leaf(label: str) -> str | None:
    return next((leaf for tree in ("medleydb", "ms21") if (leaf := _look_up(load(tree), label))), None) or next(
        (path for path in load("ms21").paths if normal_form(path.rpartition("/")[2]) == normal_form(label)), None
    )


def _look_up(tree: Hierarchy, label: str) -> str | None:
    try:
        return tree.leaf(label)
    except HierarchyError:
        return None


def _is_nothing(label: str) -> bool:
    return normal_form(label) in _parts()["nothing"]


@cache
def _parts() -> dict[str, frozenset[str]]:
    """By a label's normal form, those of the labels that it takes in."""
    data = yaml.safe_load((resources.files("stemtree.curation.annotation") / "levels.yaml").read_text("utf-8"))
    return {normal_form(label): frozenset(map(normal_form, below)) for label, below in data.items()}


def _named(part: _Part) -> str:
    return " and ".join(f"'{label}'" for label in part.labels)
