"""The maps of other separators' stems: those that come along, in ``stem_maps.yaml``, and files of users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from stemtree.errors import HierarchyError, SplitterError
from stemtree.hierarchy.labels import normal_form
from stemtree.hierarchy.load import read_map
from stemtree.separation.splitters.stem_maps import ANY, PART_OF, Line, StemMap

StemMaps: TypeAlias = str | Path | Sequence[str | Path] | Mapping[str, str | Path]
"""A file with a map, or several, each with ``SPLITTER=`` before it where there are several splitters; or files by
splitters."""

SHIPPED = Path(__file__).with_name("stem_maps.yaml")


def stem_map_of(package: str, model: str, category: str, stems: Sequence[str]) -> StemMap:
    """The map that comes along for a model of another separator.

    Parameters
    ----------
    package, model : str
        As on the command line.
    category : str
        Of the model in the package's own catalogue; empty if it has none.
    stems : sequence of str
        The names that the model has for what it makes.
    """
    names, maps = [f"{package}:{model}", f"{package}:{category}/{model}"], shipped_maps()
    for one in maps:
        if any(fnmatch(name, pattern) for name in names for pattern in one.models):
            return one
    return next(one for one in maps if not one.models and all(one.line(stem) for stem in stems))


@cache
def shipped_maps() -> tuple[StemMap, ...]:
    """The maps that come along, in order."""
    return tuple(_parse(entry) for entry in _shipped()["maps"])


def read_stem_map(file: str | Path) -> StemMap:
    """Read a map of a user's own.

    Raises
    ------
    SplitterError
        If it cannot be read or is no map.
    """
    try:
        return _parse(read_map(Path(file), "stem map"), str(file))
    except HierarchyError as error:
        raise SplitterError(str(error)) from None


def stem_maps_for(given: StemMaps, splitters: Sequence[str]) -> dict[str, StemMap]:
    """Read maps of a user's own, by the splitters that they are for.

    Parameters
    ----------
    given : StemMaps
        The files.
    splitters : sequence of str
        Names of the splitters that have stems.

    Raises
    ------
    SplitterError
        If it is not clear which splitter a file is for, or if it is no map.
    """
    found: dict[str, StemMap] = {}
    given = [given] if isinstance(given, str | Path) else given or ()
    pairs = given.items() if isinstance(given, Mapping) else [_named_file(str(text), splitters) for text in given]
    for splitter, file in pairs:
        if not splitters:
            raise SplitterError(
                f"the stem map '{file}' is for the splitter '{splitter}', which is not given: add --splitter {splitter}"
            )
        if splitter not in splitters or splitter in found:
            wrong = "has two stem maps" if splitter in found else f"is none of those given ({', '.join(splitters)})"
            raise SplitterError(f"the splitter '{splitter}' of the stem map '{file}' {wrong}: name another one")
        found[splitter] = read_stem_map(file)
    return found


def _named_file(text: str, splitters: Sequence[str]) -> tuple[str, str]:
    name, _, file = text.partition("=")
    if file and not Path(text).exists():
        return name, file
    if len(splitters) == 1:
        return splitters[0], text
    which = "there are several separators: give" if splitters else "no separator is given for it: name one with"
    raise SplitterError(f"the stem map '{text}' is for one separator, and {which} --stem-map SPLITTER={text}")


def listed_stems(package: str, model: str) -> tuple[str, ...] | None:
    """The stems of a model that stands in ``stem_maps.yaml``."""
    stems = _shipped()["models"].get(f"{package}:{model}")
    return None if stems is None else tuple(stems)


@cache
def _shipped() -> dict[str, Any]:
    content: dict[str, Any] = read_map(SHIPPED, "stem map")
    return content


def _parse(content: Any, file: str = "") -> StemMap:
    if not isinstance(content, dict) or not isinstance(content.get("stems"), dict) or not content["stems"]:
        raise SplitterError(f"the stem map '{file}' has no stems: under the key 'stems' map each stem to its node")
    known = ("stems", "divides") if file else ("stems", "divides", "models")
    for key in content:
        if key not in known:
            raise SplitterError(f"the stem map '{file}' has an unknown key '{key}': there are 'stems' and 'divides'")
    divides, models = content.get("divides", ""), tuple(content.get("models", ()))
    if not isinstance(divides, str):
        raise SplitterError(f"the stem map '{file}' divides {divides!r}: name one node")
    lines = tuple(_line(str(key), value, file) for key, value in content["stems"].items())
    seen: set[str] = set()
    for name in [name for line in lines for name in line.stems]:
        if name in seen:
            raise SplitterError(f"the stem map '{file}' has two lines for the stem '{name}': keep one")
        seen.add(name)
    return StemMap(lines, divides, models, file)


def _line(key: str, value: Any, file: str) -> Line:
    shares = isinstance(value, dict) and list(value) == [PART_OF]
    named = value[PART_OF] if shares else value
    names = [] if named is None else named if isinstance(named, list) else [named]
    if not all(isinstance(name, str) and normal_form(name) for name in names) or (shares and not names):
        raise SplitterError(
            f"the stem map '{file}' sends '{key}' to {value!r}: give a node, a list of nodes, 'part of' a node, or "
            "nothing"
        )
    stems = (ANY,) if key.strip() == ANY else tuple(normal_form(stem) for stem in key.split("+"))
    if not all(stems):
        raise SplitterError(f"the stem map '{file}' has a line without a stem, '{key}': name one")
    return Line(stems, tuple(names), shares)
