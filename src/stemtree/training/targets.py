"""What a model learns to separate: the tree of its masks, and the nodes whose signals an example must have."""

from dataclasses import dataclass
from typing import Any

from stemtree.errors import OptionError
from stemtree.hierarchy import REST, Hierarchy, NodePath, find_all, find_node, from_dict, join, own_name
from stemtree.training.settings import TrainSettings


@dataclass(frozen=True)
class TrainingTargets:
    """What a model learns to separate.

    Parameters
    ----------
    tree : Hierarchy
        What the model divides its mixture into.
    nodes : tuple of NodePath
        The nodes of `tree` that it makes masks for.
    example_indices : tuple of int
        For each of `nodes` its index among the nodes of an example.
    example_nodes : tuple of NodePath or None
        The nodes of an example, in the hierarchy of the corpora; None for the path of the example's own target.
    sampled : tuple of NodePath
        The nodes that chunks are sampled for.
    """

    tree: Hierarchy
    nodes: tuple[NodePath, ...]
    example_indices: tuple[int, ...]
    example_nodes: tuple[NodePath, ...] | None
    sampled: tuple[NodePath, ...]


def with_paths(settings: TrainSettings, hierarchy: Hierarchy) -> TrainSettings:
    """Settings whose targets and sub-tree are paths, where they may be any names of nodes; see `find_nodes`.

    A name of several nodes, such as ``guitar``, is as many targets for a network that takes queries.

    Raises
    ------
    HierarchyError
        If the hierarchy has no such node, or a name means several where one is wanted.
    """
    if settings.takes_query:
        targets = find_all(hierarchy, settings.targets)
    else:
        targets = tuple(find_node(hierarchy, name) for name in settings.targets)
    subtree = find_node(hierarchy, settings.subtree) if settings.subtree else settings.subtree
    return settings.model_copy(update={"targets": targets, "subtree": subtree})


def training_targets(settings: TrainSettings, hierarchy: Hierarchy) -> TrainingTargets:
    """Find what a run learns to separate: the paths of `settings.targets`, or a whole sub-tree.

    Parameters
    ----------
    settings : TrainSettings
        The run's; nodes by any of their names.
    hierarchy : Hierarchy
        That of the corpora.

    Raises
    ------
    HierarchyError
        If the hierarchy has no such node.
    OptionError
        If targets differ in depth, or have no such level, or the sub-tree has no node at these levels.
    """
    settings = with_paths(settings, hierarchy)
    return _paths(settings, hierarchy) if settings.targets else _subtree(settings, hierarchy)


def _subtree(settings: TrainSettings, hierarchy: Hierarchy) -> TrainingTargets:
    """All nodes of a sub-tree, or those at some levels; chunks are sampled for its leaves."""
    tree = hierarchy.subtree(settings.subtree) if settings.subtree else hierarchy
    tree = tree.prune(settings.depth) if settings.depth else tree
    nodes = tuple(path for path in tree.paths if not settings.levels or tree.level(path) in settings.levels)
    if not nodes:
        raise OptionError(
            f"no node is at the levels {list(settings.levels or ())}: give levels from 1 to {tree.levels}"
        )
    in_hierarchy = tuple(join(settings.subtree, path) for path in nodes)
    leaves = tuple(join(settings.subtree, path) for path in tree.paths if tree.is_leaf(path))
    return TrainingTargets(tree, nodes, tuple(range(len(nodes))), in_hierarchy, leaves)


def _paths(settings: TrainSettings, hierarchy: Hierarchy) -> TrainingTargets:
    """One tree for all targets: a chain of nodes, each with a sibling for the rest where the hierarchy has siblings.

    The nodes of a single target keep their names; those of several are called ``level_3/level_2/level_1``.
    """
    paths = [(*reversed(hierarchy.ancestors(target)[:-1]), target) for target in settings.targets]
    if unclear := next((path[-1] for path in paths if any(own_name(node) == REST for node in path)), None):
        raise OptionError(
            f"the path of '{unclear}' has a node '{REST}', which is what is left beside it: rename that node"
        )
    depth = len(paths[0])
    if any(len(path) != depth for path in paths):
        raise OptionError("the targets lie at different depths: name targets of equally long paths")
    for level in settings.levels or ():
        if level > depth:
            raise OptionError(f"there is no level {level} in a path of {depth}: give levels 1 to {depth}")
    generic = [f"level_{level}" for level in range(depth, 0, -1)]
    names = settings.targets[0].split("/") if len(paths) == 1 else generic
    chain: dict[str, Any] = {}
    for step in reversed(range(depth)):
        has_rest = any(hierarchy.siblings(path[step]) for path in paths)
        chain = {names[step]: chain} | ({REST: {}} if has_rest else {})
    leaf_first = tuple("/".join(names[:end]) for end in range(depth, 0, -1))
    indices = tuple(level - 1 for level in settings.levels or range(1, depth + 1))
    tree = from_dict(f"{hierarchy.name}, one path", chain)
    return TrainingTargets(tree, tuple(leaf_first[index] for index in indices), indices, None, settings.targets)
