"""Splitters by the names that users give them."""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeAlias

from stemtree.errors import SplitterError
from stemtree.hierarchy import Hierarchy, load
from stemtree.separation.splitters.abilities import (
    DEFAULT_MODEL,
    DRUM_MODEL,
    NAMED_MODELS,
    can_serve,
    cannot_serve,
    check_is_model,
    has_stems,
)
from stemtree.separation.splitters.base import Splitter
from stemtree.separation.splitters.external import ExternalSplitter
from stemtree.separation.splitters.external_loading import load_package
from stemtree.separation.splitters.external_packages import PACKAGES
from stemtree.separation.splitters.shipped import LazyModelSplitter
from stemtree.separation.splitters.spleeter import Spleeter
from stemtree.separation.splitters.stem_map_files import StemMaps, stem_maps_for
from stemtree.separation.splitters.stem_maps import STEM_HIERARCHY, StemMap
from stemtree.separation.splitters.trained import TrainedSplitter

Splitters: TypeAlias = str | os.PathLike[str] | Splitter | Iterable[str | os.PathLike[str] | Splitter]
"""Splitters as a user gives them: names as `make_splitters` takes them, objects, or several of both."""

_BY_NAME: dict[str, Callable[[], Splitter]] = {
    "spleeter": Spleeter,
    **{name: partial(LazyModelSplitter, model) for name, model in NAMED_MODELS.items()},
}


def default_splitters() -> list[Splitter]:
    """The default model for the accompaniment, Spleeter for vocals and accompaniment, a model for the drum set."""
    return [TrainedSplitter(DEFAULT_MODEL), Spleeter(), LazyModelSplitter(DRUM_MODEL)]


def make_splitters(
    names: Sequence[str],
    hierarchy: Hierarchy | None = None,
    stem_maps: StemMaps = (),
) -> list[Splitter]:
    """Make splitters by their names, in order of precedence, and the default ones after them.

    Parameters
    ----------
    names : sequence of str
        ``spleeter``; ``voices``, a model that divides the voices; a separator that is installed beside this package
        (``demucs``, ``openunmix``, ``pymss``, ``unblend``, with ``:MODEL`` for another than its default model); the
        folder of a trained model; or ``hf:OWNER/NAME``, one on the Hugging Face hub.
    hierarchy : Hierarchy, optional
        One that every named splitter must be able to split a node of, or to make a sum of.
    stem_maps : StemMaps
        What the stems of other separators are; see `stem_maps_for`.

    Raises
    ------
    SplitterError
        If there is no such splitter, if a separator or its weights are not installed, or if it can split no node of
        `hierarchy`.
    ModelError, OptionError
        If a model cannot be used.
    """
    maps = stem_maps_for(stem_maps, [name for name in names if has_stems(name)])
    named = [_make_splitter(name, maps.get(name)) for name in names]
    for name, stem_map in maps.items():
        splitter = named[names.index(name)]
        assert isinstance(splitter, ExternalSplitter)
        stem_map.check(hierarchy or load(STEM_HIERARCHY), splitter.package.sources)
    if hierarchy is not None:
        for name, splitter in zip(names, named, strict=True):
            if not can_serve(splitter, hierarchy):
                raise SplitterError(cannot_serve(name, hierarchy))
    return [*named, *default_splitters()]


def splitters_of(given: Splitters | None) -> list[str | Splitter]:
    """What a user gave as splitters, one by one: names as strings, and objects."""
    if given is None:
        return []
    entries = [given] if isinstance(given, str | os.PathLike) or not isinstance(given, Iterable) else given
    found = [os.fspath(entry) if isinstance(entry, os.PathLike) else entry for entry in entries]
    for entry in found:
        if not isinstance(entry, str) and not hasattr(entry, "masks"):
            raise SplitterError(f"{entry!r} is no splitter: give a name, or an object with its methods")
    return found


def find_splitters(
    given: Sequence[str | Splitter], hierarchy: Hierarchy | None = None, stem_maps: StemMaps = ()
) -> Sequence[Splitter]:
    """Splitters in their order, those of names made by `make_splitters`.

    The default ones come after them where there is a name, or nothing at all; objects alone are all there is.

    Parameters
    ----------
    given : sequence of str or Splitter
        From `splitters_of`.
    hierarchy, stem_maps
        See `make_splitters`.
    """
    names = [entry for entry in given if isinstance(entry, str)]
    objects = [entry for entry in given if not isinstance(entry, str)]
    if objects and not names:
        stem_maps_for(stem_maps, ())
        return objects
    made = iter(make_splitters(names, hierarchy, stem_maps))
    return [next(made) if isinstance(entry, str) else entry for entry in given] + list(made)


def _make_splitter(name: str, stem_map: StemMap | None) -> Splitter:
    if name in _BY_NAME:
        return _BY_NAME[name]()
    package, _, model = name.partition(":")
    if package in PACKAGES:
        return ExternalSplitter(load_package(package, model), stem_map)
    check_is_model(name)
    return TrainedSplitter(name)
