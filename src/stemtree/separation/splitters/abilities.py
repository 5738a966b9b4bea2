"""What splitters can divide, told without torch and without their weights.

The splitters answer by the functions of this module too, so that a plan of abilities is the plan of the splitters.
"""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from importlib import util
from pathlib import Path
from typing import Protocol

from stemtree.errors import HierarchyError, ModelError, SplitterError, StemtreeError
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, from_dict, is_within, join, load, match
from stemtree.masks.partition import Partition

DEFAULT_HIERARCHY = "ms21"
"""What is separated into where nothing says otherwise."""

DEFAULT_MODEL = Path(__file__).with_name("default_model")
"""The trained model that divides everything under ``accompaniment`` of MS21."""

DRUM_MODEL = Path(__file__).with_name("drum_pieces")
"""The trained model that divides the drum set of MS21_DEEP."""

QUERY_MODEL = Path(__file__).with_name("query_model")
"""The trained model that takes an example of what to separate; not there until one is published."""

CARD = "model.json"
"""What says, beside the weights, what a trained model is."""

PACKAGE_NAMES = ("demucs", "openunmix", "unblend")
"""Separators of other projects that may be installed beside this package."""

NODE_NAMES = {
    "vocals": ("vocals", "vocal"),
    "drums": ("drums", "percussion"),
    "bass": ("bass",),
    "other": ("other",),
    "accompaniment": ("accompaniment",),
}
"""Names of the nodes that stems in the tradition of MUSDB18 are outputs for."""


class Division(Protocol):
    """What both splitters and their abilities tell."""

    @property
    def hierarchy(self) -> Hierarchy | None:
        """See `Splitter.hierarchy`."""
        ...

    def outputs(self, hierarchy: Hierarchy, node: NodePath) -> tuple[NodePath, ...]:
        """See `Splitter.outputs`."""
        ...


@dataclass(frozen=True, slots=True)
class Analysis:
    """The transform that a splitter works on; see `stemtree.spectral.Stft`."""

    window: int = 4096
    hop: int = 1024
    sample_rate: int = 44100

    @property
    def proportions(self) -> tuple[Fraction, Fraction]:
        """See `Stft.proportions`."""
        return Fraction(self.window, self.sample_rate), Fraction(self.hop, self.sample_rate)


@dataclass(frozen=True, eq=False)
class Ability:
    """What a plan asks of a splitter.

    Parameters
    ----------
    name : str
        As users give it.
    find_outputs : callable
        See `Splitter.outputs`.
    hierarchy : Hierarchy, optional
        See `Splitter.hierarchy`.
    stft : Analysis
        The transform that its masks are for.
    """

    name: str
    find_outputs: Callable[[Hierarchy, NodePath], tuple[NodePath, ...]]
    hierarchy: Hierarchy | None = None
    stft: Analysis = Analysis()
    block_frames: int = 512

    def outputs(self, hierarchy: Hierarchy, node: NodePath) -> tuple[NodePath, ...]:
        """See `Splitter.outputs`."""
        return self.find_outputs(hierarchy, node)

    def provenance(self) -> dict[str, object]:
        """See `Splitter.provenance`."""
        return {"name": self.name}


def abilities(names: Sequence[str] = ()) -> list[Ability] | None:
    """The abilities of splitters by their names, with the default ones after them; see `make_splitters`.

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
    found = [ability(name) for name in (*names, str(DEFAULT_MODEL), "spleeter", str(DRUM_MODEL))]
    known = [one for one in found if one is not None]
    return known if len(known) == len(found) else None


def ability(name: str) -> Ability | None:
    """The ability of one splitter; see `abilities`."""
    if name == "spleeter":
        return Ability(name, two_stems)
    package, _, model = name.partition(":")
    if package in PACKAGE_NAMES:
        if util.find_spec(package) is None:
            raise SplitterError(f"the separator {package} is not installed: run `pip install {package}`")
        return None if model else Ability(name, partial(mixture_stems, ("drums", "bass", "other", "vocals")))
    if not os.path.exists(name):  # unlike pathlib's, it takes a name of any length
        names = ", ".join(("spleeter", *PACKAGE_NAMES))
        raise SplitterError(f"there is no splitter '{name}': give {names}, or the folder of a trained model")
    return _of_model(Path(name))


def can_serve(splitter: Division, asked: Hierarchy) -> bool:
    """Whether a splitter splits a node of a hierarchy, or one of those that the hierarchy is made of."""
    trees = [asked]
    with suppress(HierarchyError):  # its own is not here, or does not tell apart what the plan will name
        whole = splitter.hierarchy or load(DEFAULT_HIERARCHY)
        trees += [whole] if match(asked, whole, whole) is not None else []
    inner = ((tree, node) for tree in trees for node in (MIXTURE, *tree.paths) if not tree.is_leaf(node))
    return any(splitter.outputs(tree, node) for tree, node in inner)


def cannot_serve(name: str, hierarchy: Hierarchy) -> str:
    """The message on a splitter that is of no use for a hierarchy."""
    return f"the splitter '{name}' can split nothing of the hierarchy '{hierarchy.name}': leave one of them out"


def two_stems(hierarchy: Hierarchy, node: NodePath) -> tuple[NodePath, ...]:
    """Vocals and accompaniment, if `node` is the mixture, or an only child of it, and these are its children."""
    children = hierarchy.children(node)
    vocals = [child for child in children if child.rpartition("/")[2] in NODE_NAMES["vocals"]]
    accompaniment = [child for child in children if child.rpartition("/")[2] in NODE_NAMES["accompaniment"]]
    is_mixture = hierarchy.leaves(node) == hierarchy.leaves()
    return (*vocals, *accompaniment) if is_mixture and len(children) == 2 and vocals and accompaniment else ()


def mixture_stems(stems: Sequence[str], hierarchy: Hierarchy, node: NodePath) -> tuple[NodePath, ...]:
    """Nodes named like a separator's stems, or vocals and accompaniment, if they are all of the mixture."""
    if hierarchy.leaves(node) != hierarchy.leaves():  # neither the mixture nor an only child of it
        return ()
    for names in (tuple(dict.fromkeys(stems)), ("vocals", "accompaniment")):
        outputs = [path for name in names for path in _find(hierarchy, node, name)]
        leaves = [leaf for path in outputs for leaf in hierarchy.leaves(path)]
        if len(outputs) == len(names) and sorted(leaves) == sorted(hierarchy.leaves(node)):
            return tuple(outputs)
    return ()


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


def _find(hierarchy: Hierarchy, node: NodePath, name: str) -> Sequence[NodePath]:
    """The highest node beneath `node` that has one of the names of a stem; none or one."""
    paths = [path for path in hierarchy.descendants(node) if path.rpartition("/")[2] in NODE_NAMES[name]]
    return sorted(paths, key=lambda path: path.count("/"))[:1]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the card of a trained model tells of its nodes; see `stemtree.model.Card`.

    Parameters
    ----------
    tree : Hierarchy
        What the model separates its mixture into.
    nodes : tuple of NodePath
        Those that it estimates masks of.
    whole : Hierarchy
        The hierarchy that it was made for.
    stft : Analysis
        Its transform.
    """

    tree: Hierarchy
    nodes: tuple[NodePath, ...]
    whole: Hierarchy
    stft: Analysis


def read_card(model: str | os.PathLike[str]) -> ModelCard | None:
    """Read the card of a trained model; None if it is not one of ours, as loading the model will say.

    Raises
    ------
    ModelError
        If there is none.
    """
    folder = Path(model)
    place = folder.parent if folder.name in (CARD, "model.safetensors") else folder
    try:
        card = json.loads((place / CARD).read_bytes())
        tree = from_dict(card["hierarchy"], card["tree"])
        whole = load(card["hierarchy"]) if card.get("root") else tree
        return ModelCard(tree, tuple(card["nodes"]), whole, Analysis(**card["stft"]))
    except OSError as error:
        raise ModelError(f"cannot read the model '{place}': {error.strerror or error}; check the path") from None
    except (HierarchyError, ValueError, TypeError, KeyError, AttributeError, ZeroDivisionError):
        return None


def _of_model(folder: Path) -> Ability | None:
    """The ability of a trained model by its card; None if that is not one of ours or cannot divide its tree."""
    card = read_card(folder)
    if card is None:
        return None
    try:
        parts = Partition(card.tree, card.nodes).part_nodes
    except StemtreeError:
        return None
    if not model_parts(parts, card.tree, MIXTURE):  # loading it says so, and what to do
        return None
    name = {DEFAULT_MODEL: "the default model", DRUM_MODEL: "the model of drum pieces"}.get(folder, str(folder))
    return Ability(name, partial(model_parts, parts), card.whole, card.stft)
