"""Which splitters a walk needs for the nodes that are asked for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stemtree.errors import HierarchyError, SplitterError
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath
from stemtree.separation.splitters.base import Splitter


@dataclass(frozen=True, slots=True)
class Step:
    """One node to split.

    Parameters
    ----------
    node : NodePath
        What is split.
    splitter : Splitter or None
        None for an only child, which is its parent.
    outputs : tuple of NodePath
        The nodes that the splitter makes masks of.
    targets : tuple of NodePath
        For each output the node of the planned tree that it is part of: itself, or a leaf above it.
    """

    node: NodePath
    splitter: Splitter | None
    outputs: tuple[NodePath, ...]
    targets: tuple[NodePath, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A walk: the tree it yields, the nodes of it that were asked for, and its steps from the mixture downward."""

    tree: Hierarchy
    wanted: tuple[NodePath, ...]
    steps: tuple[Step, ...]

    @property
    def splitters(self) -> tuple[Splitter, ...]:
        """Those that take output, each once."""
        return tuple(dict.fromkeys(step.splitter for step in self.steps if step.splitter is not None))


def make_plan(
    hierarchy: Hierarchy, splitters: Sequence[Splitter], depth: int | None = None, nodes: Iterable[NodePath] = ()
) -> Plan:
    """Plan a walk that serves a whole hierarchy, or only some of its nodes.

    Parameters
    ----------
    hierarchy : Hierarchy
        What to separate into.
    splitters : sequence of Splitter
        For each node the first that can split it serves.
    depth : int, optional
        How many generations under the mixture to serve; unset, all.
    nodes : iterable of NodePath
        The nodes asked for; none means all. What lies below them is left together, so that nothing is computed for it.

    Raises
    ------
    HierarchyError
        If a node does not exist.
    SplitterError
        If no splitter serves a node that must be split, or if the splitters disagree on the analysis.
    """
    tree = hierarchy if depth is None else hierarchy.prune(depth)
    asked = set(nodes)
    for path in asked:
        tree.node(path)
        if path == MIXTURE:
            raise HierarchyError("the mixture itself is no node to separate: name one beneath it")
    wanted = tuple(path for path in tree.paths if path in asked)
    above = {ancestor for path in wanted for ancestor in tree.ancestors(path)}
    if wanted:
        tree = tree.cut(lambda path: path not in above)
    plan = Plan(tree, wanted or tree.paths, tuple(_steps(hierarchy, tree, splitters, MIXTURE)))
    if len({(splitter.stft, splitter.block_frames) for splitter in plan.splitters}) > 1:
        kinds = ", ".join(f"{type(splitter).__name__} {splitter.stft}" for splitter in plan.splitters)
        raise SplitterError(f"the splitters of one walk must share one analysis: {kinds}; choose others")
    return plan


def prune_to_served(hierarchy: Hierarchy, splitters: Sequence[Splitter]) -> Hierarchy:
    """Cut a hierarchy where no splitter at hand goes deeper.

    Raises
    ------
    SplitterError
        If not even the mixture can be split.
    """

    def reached(node: NodePath) -> set[NodePath]:
        _, outputs = _find(hierarchy, splitters, node)
        higher = hierarchy.ancestors(node)
        split = {above for output in outputs for above in hierarchy.ancestors(output) if above not in higher}
        return split.union(*(reached(output) for output in outputs))

    inner = reached(MIXTURE)
    if MIXTURE not in inner:
        raise _unserved(hierarchy, MIXTURE)
    return hierarchy.cut(lambda path: path not in inner)


def _steps(full: Hierarchy, tree: Hierarchy, splitters: Sequence[Splitter], node: NodePath) -> Iterable[Step]:
    if tree.is_leaf(node):
        return
    splitter, outputs = _find(full, splitters, node)
    if not outputs:
        raise _unserved(full, node)
    targets = tuple(next(above for above in (output, *full.ancestors(output)) if above in tree) for output in outputs)
    yield Step(node, splitter, outputs, targets)
    for target in dict.fromkeys(targets):
        yield from _steps(full, tree, splitters, target)


def _find(
    hierarchy: Hierarchy, splitters: Sequence[Splitter], node: NodePath
) -> tuple[Splitter | None, tuple[NodePath, ...]]:
    children = hierarchy.children(node)
    if len(children) > 1:
        for splitter in splitters:
            if outputs := splitter.outputs(hierarchy, node):
                return splitter, outputs
        return None, ()
    return None, children


def _unserved(hierarchy: Hierarchy, node: NodePath) -> SplitterError:
    whole = f"'{node}'" if node else "the mixture"
    names = ", ".join(child.rpartition("/")[2] for child in hierarchy.children(node))
    less = f", or go only to --depth {node.count('/') + 1}" if node else ", or choose another hierarchy"
    return SplitterError(
        f"no splitter at hand splits {whole} of hierarchy '{hierarchy.name}' into "
        f"{names}: give Separator one that is trained for them{less}"
    )
