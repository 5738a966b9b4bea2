"""What splitters can divide, told without torch and without their weights.

The splitters answer by the functions of this module too, so that a plan of abilities is the plan of the splitters.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib import util
from pathlib import Path
from typing import Protocol

from stemtree.errors import HierarchyError, SplitterError, StemtreeError
from stemtree.hierarchy import (
    MIXTURE,
    Hierarchy,
    NodePath,
    Part,
    is_within,
    join,
    leaves_of,
    load,
    match,
    own_name,
)
from stemtree.hub import is_hub_name
from stemtree.masks.partition import Partition
from stemtree.separation.splitters.card_outline import Analysis, read_outline
from stemtree.separation.splitters.catalogue import category_of, stems_of
from stemtree.separation.splitters.stem_map_files import stem_map_of
from stemtree.separation.splitters.stem_maps import StemMap
from stemtree.separation.splitters.stem_parts import NODE_NAMES, SeparatorStems

FALLBACK_HIERARCHY = "ms21"
"""What is separated into where no splitter is made for a hierarchy."""

DEFAULT_MODEL = Path(__file__).with_name("default_model")
"""The trained model that divides everything under ``accompaniment`` of MS21."""

DRUM_MODEL = Path(__file__).with_name("drum_pieces")
"""The trained model that divides the drum set of MS21_DEEP."""

VOICE_MODEL = Path(__file__).with_name("voices")
"""The trained model that divides ``vocal`` of MS21 where it is named: ``--splitter voices``."""

NAMED_MODELS = {"voices": VOICE_MODEL}
"""Models that come along and divide songs only where ``--splitter`` names them."""

QUERY_MODEL = Path(__file__).with_name("query_model")
"""The trained model that takes an example of what to separate."""

MODEL_FORMS = "the folder of a trained model, or hf:OWNER/NAME"
"""How trained models are named."""

DEFAULT_MODELS = {"demucs": "htdemucs", "openunmix": "umxl", "pymss": "BS-Roformer-SW", "unblend": "htdemucs"}
"""Separators of other projects that may be installed beside this package, and the model of each if none is named."""


class Division(Protocol):
    """What both splitters and their abilities tell."""

    @property
    def hierarchy(self) -> Hierarchy | None:
        """See `Splitter.hierarchy`."""
        ...

    def parts(self, hierarchy: Hierarchy, node: NodePath) -> tuple[Part, ...]:
        """See `Splitter.parts`."""
        ...


@dataclass(frozen=True, eq=False)
class Ability:
    """What a plan asks of a splitter.

    Parameters
    ----------
    name : str
        As users give it.
    find_parts : callable
        See `Splitter.parts`.
    hierarchy : Hierarchy, optional
        See `Splitter.hierarchy`.
    stft : Analysis
        The transform that its masks are for.
    """

    name: str
    find_parts: Callable[[Hierarchy, NodePath], tuple[Part, ...]]
    hierarchy: Hierarchy | None = None
    stft: Analysis = field(default_factory=Analysis)
    block_frames: int = 512

    def parts(self, hierarchy: Hierarchy, node: NodePath) -> tuple[Part, ...]:
        """See `Splitter.parts`."""
        return self.find_parts(hierarchy, node)

    def provenance(self) -> dict[str, object]:
        """See `Splitter.provenance`."""
        return {"name": self.name}


def abilities(names: Sequence[str] = (), stem_maps: Mapping[str, StemMap] | None = None) -> list[Ability] | None:
    """The abilities of splitters by their names, with the default ones after them; see `make_splitters`.

    Parameters
    ----------
    names : sequence of str
        In order of precedence.
    stem_maps : mapping of str to StemMap, optional
        By the names of the splitters whose stems they say the nodes of.

    Returns
    -------
    list of Ability or None
        None if one of them tells what it divides only once it is loaded.

    Raises
    ------
    SplitterError
        If there is no such splitter.
    ModelError
        If a model has no card.
    """
    maps = stem_maps or {}
    found = [ability(name, maps.get(name)) for name in (*names, str(DEFAULT_MODEL), "spleeter", str(DRUM_MODEL))]
    known = [one for one in found if one is not None]
    return known if len(known) == len(found) else None


def ability(name: str, stem_map: StemMap | None = None) -> Ability | None:
    """The ability of one splitter; see `abilities`."""
    if name == "spleeter":
        return Ability(name, _each(two_stems))
    if name in NAMED_MODELS:
        return _of_model(str(NAMED_MODELS[name]))
    package, _, model = name.partition(":")
    if package in DEFAULT_MODELS:
        check_installed(package)
        model = model or DEFAULT_MODELS[package]
        if (stems := stems_of(package, model, stem_map)) is None:
            return None
        found = stem_map or stem_map_of(package, model, category_of(package, model), stems)
        return Ability(name, SeparatorStems(f"{package}'s model '{model}'", stems, found).parts)
    check_is_model(name)
    return _of_model(name)


def check_installed(package: str) -> None:
    """Raise SplitterError unless another project's separator is installed."""
    if util.find_spec(package) is None:
        raise SplitterError(f"the separator {package} is not installed: run `pip install {package}`")


def check_is_model(name: str) -> None:
    """Raise SplitterError unless a name that is no separator's may be a model's."""
    if not is_hub_name(name) and not os.path.exists(name):  # unlike pathlib's, it takes a name of any length
        names = ", ".join(("spleeter", *DEFAULT_MODELS, *NAMED_MODELS))
        raise SplitterError(f"there is no splitter '{name}': give {names}, {MODEL_FORMS}")


def has_stems(name: str) -> bool:
    """Whether a splitter is another project's separator, whose stems a stem map translates into nodes."""
    return name.partition(":")[0] in DEFAULT_MODELS


def can_serve(splitter: Division, asked: Hierarchy) -> bool:
    """Whether a splitter splits a node of a hierarchy, or tells nodes of it apart in the one that it is made for."""
    if any(splitter.parts(asked, node) for node in _inner(asked)):
        return True
    with suppress(HierarchyError):  # its own is not here, or does not tell apart what the plan will name
        whole = splitter.hierarchy or load(FALLBACK_HIERARCHY)
        if (matched := match(asked, whole, whole)) is None:
            return False
        home = {part: leaf for leaf, parts in matched.parts.items() for part in parts}
        found = [
            [leaf for part in splitter.parts(whole, node) for leaf in leaves_of(whole, part)] for node in _inner(whole)
        ]
        return any(len({home[leaf] for leaf in leaves}) > 1 for leaves in found)
    return False


def _inner(hierarchy: Hierarchy) -> Iterator[NodePath]:
    return (node for node in (MIXTURE, *hierarchy.paths) if not hierarchy.is_leaf(node))


def cannot_serve(name: str, hierarchy: Hierarchy) -> str:
    """The message on a splitter that is of no use for a hierarchy."""
    return f"the splitter '{name}' can split nothing of the hierarchy '{hierarchy.name}': leave one of them out"


def takes_no_example(model: object) -> str:
    """The message on a model that separates songs, where one is needed that takes a query."""
    return f"the model '{model}' takes no example: use stemtree separate --splitter"


def two_stems(hierarchy: Hierarchy, node: NodePath) -> tuple[NodePath, ...]:
    """Vocals and accompaniment, if `node` is the mixture, or an only child of it, and these are its children."""
    children = hierarchy.children(node)
    vocals = [child for child in children if own_name(child) in NODE_NAMES["vocals"]]
    accompaniment = [child for child in children if own_name(child) in NODE_NAMES["accompaniment"]]
    is_mixture = hierarchy.leaves(node) == hierarchy.leaves()
    return (*vocals, *accompaniment) if is_mixture and len(children) == 2 and vocals and accompaniment else ()


def model_parts(parts: Sequence[NodePath], hierarchy: Hierarchy, node: NodePath) -> tuple[NodePath, ...]:
    """A model's parts within `node`, if the model divides `node` or a node above it, which another one split."""
    for root in (node, *hierarchy.ancestors(node)):
        here = [join(root, part) for part in parts]
        if here and all(part in hierarchy for part in here):
            covered = {leaf for part in here for leaf in hierarchy.leaves(part)}
            within = tuple(part for part in here if root == node or (part != node and is_within(part, node)))
            if within and covered == set(hierarchy.leaves(root)):
                return within
    return ()


_NAMES = {
    str(DEFAULT_MODEL): "the default model",
    str(DRUM_MODEL): "the model of drum pieces",
    str(VOICE_MODEL): "the model of voices",
}


def _of_model(model: str) -> Ability | None:
    """The ability of a trained model by its card; None if that is not one of ours or cannot divide its tree."""
    card = read_outline(model)
    if card is None:
        return None
    try:
        parts = Partition(card.tree, card.nodes).part_nodes
    except StemtreeError:
        return None
    if not model_parts(parts, card.tree, MIXTURE):  # loading it says so, and what to do
        return None
    return Ability(_NAMES.get(model, model), _each(partial(model_parts, parts)), card.whole, card.stft)


def _each(
    find: Callable[[Hierarchy, NodePath], tuple[NodePath, ...]],
) -> Callable[[Hierarchy, NodePath], tuple[Part, ...]]:
    """Nodes as parts of one node each."""
    return lambda hierarchy, node: tuple((output,) for output in find(hierarchy, node))
