"""What a separator would do, told without torch and without weights."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from stemtree.errors import AudioError, ModelError, OptionError, SplitterError
from stemtree.hierarchy import Hierarchy, find_all, load
from stemtree.separation.plan import Plan, plan_walk
from stemtree.separation.splitters.abilities import (
    DEFAULT_MODELS,
    FALLBACK_HIERARCHY,
    QUERY_MODEL,
    abilities,
    ability,
    can_serve,
    cannot_serve,
    has_stems,
    takes_no_example,
)
from stemtree.separation.splitters.card_outline import read_outline
from stemtree.separation.splitters.catalogue import stems_of
from stemtree.separation.splitters.stem_map_files import StemMaps, stem_maps_for
from stemtree.separation.splitters.stem_maps import STEM_HIERARCHY

if TYPE_CHECKING:
    from stemtree.separation.splitters.base import Splitter


def query_model(model: str | os.PathLike[str] | None) -> Path:
    """The folder of a model for queries: the one that comes along where none is given.

    Raises
    ------
    ModelError
        If none is given and none comes along.
    """
    if model is not None:
        return Path(model)
    if not (QUERY_MODEL / "model.safetensors").is_file():
        raise ModelError(
            "no model for queries is installed: train one with `stemtree train qbe -o RUN` and give it with --model RUN"
        )
    return QUERY_MODEL


def check_presence(present_db: float | None) -> None:
    """Raise OptionError unless an instrument can be so loud, in dB relative to the song."""
    if present_db is not None and not present_db < 0:
        raise OptionError(f"an instrument {present_db:g} dB above the song cannot be: give a loudness below 0 dB")


def check_folder(folder: object, stretch: object, level: object) -> None:
    """Raise OptionError unless all that is asked for can be asked of a folder of examples."""
    if stretch is not None:
        raise OptionError(f"'{folder}' is a folder of examples: a stretch (from) is one of a single recording")
    if level is not None:
        raise OptionError(f"the examples in '{folder}' make a whole tree: leave out the level, or give one example")


def preview_query(
    model: str | os.PathLike[str] | None, like: str | os.PathLike[str] | None, level: int | None = None
) -> None:
    """Check what `query_separator` is given before anything is loaded, as far as files and the model's card tell.

    Raises
    ------
    AudioError, ModelError
        If the example or the model cannot be read.
    OptionError
        If the model takes no query or has no such level, or if a folder's examples are not named after what it knows.
    """
    try:
        os.stat("." if like is None else like)
    except OSError as error:
        raise AudioError(f"cannot read '{like}': {error.strerror}; check the path and its permissions") from None
    model = query_model(model)
    card = read_outline(model)
    if card is not None and not card.takes_query:
        raise OptionError(takes_no_example(model))
    if card is not None and like is not None and os.path.isdir(like):
        from stemtree.separation.splitters.example_folder import find_examples, query_targets

        find_examples(Path(like), *query_targets(model, card.training, card.tree.name, card.nodes))
    if card is None or level is None:
        return
    levels = sorted(card.tree.levels - node.count("/") for node in card.nodes)
    if level not in levels:
        raise OptionError(f"the model '{model}' has no level {level}: give one of {levels}")


def preview(
    hierarchy: Hierarchy | None = None,
    splitters: Sequence[str] = (),
    depth: int | None = None,
    nodes: Iterable[str] = (),
    stem_maps: StemMaps = (),
) -> Plan | None:
    """Plan a walk before anything is loaded, so that wrong names and trees are answered at once.

    Parameters
    ----------
    hierarchy, depth, nodes
        See `plan_walk`.
    splitters : sequence of str
        Names of splitters, in order of precedence; the default ones come after them.
    stem_maps : StemMaps
        See `stem_maps_for`.

    Returns
    -------
    Plan or None
        With abilities in the place of splitters; None if a splitter tells what it divides only once it is loaded.

    Raises
    ------
    HierarchyError, SplitterError, ModelError
        As `make_splitters` and `plan_walk` do.
    """
    maps = stem_maps_for(stem_maps, [name for name in splitters if has_stems(name)])
    for name, stem_map in maps.items():
        package, _, model = name.partition(":")
        stems = stems_of(package, model or DEFAULT_MODELS[package], stem_map)
        stem_map.check(hierarchy or load(STEM_HIERARCHY), stems)
    able = abilities(splitters, maps)
    if hierarchy is not None:
        for name in splitters:
            known = ability(name, maps.get(name))
            if known is not None and not can_serve(known, hierarchy):
                raise SplitterError(cannot_serve(name, hierarchy))
    if able is None:
        tree = load(FALLBACK_HIERARCHY) if hierarchy is None else hierarchy
        find_all(tree, nodes, depth)
        return None
    return plan_walk(hierarchy, cast("Sequence[Splitter]", able), depth, nodes)
