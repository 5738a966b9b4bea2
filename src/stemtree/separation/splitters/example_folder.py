"""Folders of examples, one for each leaf, told without torch and without weights."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from stemtree.audio import is_audio_name
from stemtree.errors import AudioError, HierarchyError, OptionError, suggest
from stemtree.hierarchy import Hierarchy, NodePath, depth, find_nodes, is_within, load, own_name


def query_targets(
    folder: object, training: Mapping[str, Any], hierarchy: str, nodes: Collection[NodePath]
) -> tuple[Hierarchy, tuple[NodePath, ...]]:
    """The hierarchy of the songs that a model was trained on, and those of its nodes that it learned to look for.

    Parameters
    ----------
    folder : object
        The model's, for messages.
    training, hierarchy, nodes
        Of its card, see `stemtree.model_card.Card`.

    Raises
    ------
    OptionError
        If the card does not say so, or if the model does not make a mask for each level of their paths.
    """
    targets = tuple(training.get("targets", ()))
    if not targets:
        raise OptionError(f"the card of '{folder}' names no 'targets' in 'training': add what it learned")
    if {depth(node) for node in nodes} != set(range(1, depth(targets[0]) + 1)):
        raise OptionError(f"the model '{folder}' answers only to some levels of a path: train it on all of them")
    try:
        known = load(str(training.get("hierarchy", hierarchy.partition(",")[0])))
        for target in targets:
            known.node(target)
    except HierarchyError as error:
        raise OptionError(f"what the model '{folder}' learned to look for is not at hand: {error}") from None
    return known, targets


def find_examples(folder: Path, hierarchy: Hierarchy, targets: Sequence[NodePath]) -> dict[NodePath, Path]:
    """Find the examples in a folder and the nodes that they are named after.

    Parameters
    ----------
    folder : pathlib.Path
        Of recordings, each named after a node by any name that `stemtree.hierarchy.find_nodes` knows. An instrument
        that the hierarchy has beneath what the model tells apart stands for the node above it.
    hierarchy : Hierarchy
        Of the model.
    targets : sequence of NodePath
        What the model tells apart; of one depth.

    Returns
    -------
    dict of NodePath to pathlib.Path
        In the order of the hierarchy.

    Raises
    ------
    AudioError
        If the folder cannot be read or holds no recording.
    OptionError
        If a file is named after nothing that the model knows, or if two are examples of one leaf.
    """
    try:
        files = sorted(file for file in folder.iterdir() if file.is_file() and is_audio_name(file))
    except OSError as error:
        raise AudioError(f"cannot read '{folder}': {error.strerror}; check the path and its permissions") from None
    if not files:
        raise AudioError(f"the folder '{folder}' holds no recordings: put an example of each instrument into it")
    found: dict[NodePath, Path] = {}
    for file in files:
        node = _node_of(file, hierarchy, targets)
        for other in found:
            if is_within(node, other) or is_within(other, node):
                what = f"of '{node}'" if node == other else f"of '{node}' and '{other}', one within the other"
                raise OptionError(f"'{found[other].name}' and '{file.name}' are examples {what}: keep one of them")
        found[node] = file
    return {node: found[node] for node in sorted(found, key=hierarchy.paths.index)}


def _node_of(file: Path, hierarchy: Hierarchy, targets: Sequence[NodePath]) -> NodePath:
    """The node that a file is named after, no deeper than what the model tells apart."""
    try:
        named = find_nodes(hierarchy, file.stem)
    except HierarchyError as error:
        raise OptionError(f"nobody knows the instrument of the example '{file.name}': {error}") from None
    nodes = {"/".join(node.split("/")[: depth(targets[0])]) for node in named}
    if len(nodes) > 1:
        listed = " and ".join(f"'{node}'" for node in sorted(nodes))
        raise OptionError(f"the example '{file.name}' is named after {listed}: name it after one of them")
    (node,) = nodes
    if not any(is_within(target, node) for target in targets):
        names = [own_name(target) for target in targets]
        hint = suggest(file.stem, names) or f"; it knows {', '.join(names)}"
        raise OptionError(f"the model has not learned the instrument of the example '{file.name}'{hint}")
    return node
