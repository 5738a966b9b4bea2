"""The plan of a walk: which splitter divides which node, from the mixture downward."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from stemtree.errors import HierarchyError, SplitterError
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, depth, find_all
from stemtree.separation.splitters.base import Splitter
from stemtree.separation.trunk import Trunk
from stemtree.spectral import Stft


@dataclass(frozen=True, slots=True)
class Step:
    """The split of one node.

    Parameters
    ----------
    node : NodePath
        The node.
    splitter : Splitter or None
        None for an only child, which equals its parent.
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
    """What a walk separates, and how.

    Parameters
    ----------
    tree : Hierarchy
        The tree that the walk yields; its leaves may be inner nodes of the hierarchy asked for.
    wanted : tuple of NodePath
        The nodes of the tree that were asked for.
    steps : tuple of Step
        Parents before their children.
    """

    tree: Hierarchy
    wanted: tuple[NodePath, ...]
    steps: tuple[Step, ...]

    @property
    def trunk(self) -> Trunk:
        """The nodes whose stems do not depend on what lies beneath continued ones."""
        return Trunk(self.tree)

    @property
    def splitters(self) -> tuple[Splitter, ...]:
        """The splitters of the steps, each once."""
        return tuple(dict.fromkeys(step.splitter for step in self.steps if step.splitter is not None))

    @property
    def stft(self) -> Stft:
        """The splitters' common transform; any will do for a tree of only children, which has no splitters."""
        return self.splitters[0].stft if self.splitters else Stft()

    @property
    def block_frames(self) -> int:
        """Frames in a block, the same for all splitters."""
        return self.splitters[0].block_frames if self.splitters else 512

    @property
    def context_frames(self) -> int:
        """Frames of context on both sides of a block: as many as any splitter takes."""
        return max((splitter.context_frames for splitter in self.splitters), default=0)


def make_plan(
    hierarchy: Hierarchy, splitters: Sequence[Splitter], depth: int | None = None, nodes: Iterable[str] = ()
) -> Plan:
    """Plan a walk that yields a whole hierarchy, or only some of its nodes.

    Parameters
    ----------
    hierarchy : Hierarchy
        What to separate into.
    splitters : sequence of Splitter
        In order of precedence: each node is split by the first that can.
    depth : int, optional
        Number of generations under the mixture; by default all.
    nodes : iterable of str
        The nodes wanted, by any names that `stemtree.hierarchy.find_nodes` knows; by default all. Nothing is computed
        that only nodes beneath them need.

    Raises
    ------
    HierarchyError
        If a node does not exist, or if a name may be several.
    SplitterError
        If a node that must be split has no splitter, or if the splitters' transforms or blocks differ.
    """
    tree = hierarchy if depth is None else hierarchy.prune(depth)
    named = find_all(tree, nodes)
    if MIXTURE in named:
        raise HierarchyError("the mixture itself is no node to separate: name one beneath it")
    wanted = tuple(path for path in tree.paths if path in named) or tree.paths
    if named:
        to_split = {ancestor for path in named for ancestor in tree.ancestors(path)}
        tree = tree.cut(lambda path: path not in to_split)
    plan = Plan(tree, wanted, tuple(_steps(hierarchy, tree, splitters, MIXTURE)))
    if len({(splitter.stft, splitter.block_frames) for splitter in plan.splitters}) > 1:
        kinds = ", ".join(f"{type(splitter).__name__} {splitter.stft}" for splitter in plan.splitters)
        raise SplitterError(f"the splitters of one walk must share one analysis: {kinds}; choose others")
    return plan


def prune_to_served(hierarchy: Hierarchy, splitters: Sequence[Splitter]) -> Hierarchy:
    """Cut a hierarchy below the nodes that no splitter can split; raise SplitterError if the mixture is one of them."""

    def split_nodes(node: NodePath) -> set[NodePath]:
        step = _find_step(hierarchy, splitters, node)
        if step is None:
            return set()
        between = {above for output in step.outputs for above in hierarchy.ancestors(output)}
        return between.difference(hierarchy.ancestors(node)).union(*(split_nodes(output) for output in step.outputs))

    inner = split_nodes(MIXTURE)
    if not inner:
        raise _no_splitter(hierarchy, MIXTURE)
    return hierarchy.cut(lambda path: path not in inner)


def _steps(hierarchy: Hierarchy, tree: Hierarchy, splitters: Sequence[Splitter], node: NodePath) -> Iterator[Step]:
    """The steps at and beneath a node of `tree`, which is `hierarchy` with some branches cut."""
    if tree.is_leaf(node):
        return
    step = _find_step(hierarchy, splitters, node)
    if step is None:
        raise _no_splitter(hierarchy, node)
    lines = ((output, *hierarchy.ancestors(output)) for output in step.outputs)
    step = replace(step, targets=tuple(next(path for path in line if path in tree) for line in lines))
    yield step
    for target in dict.fromkeys(step.targets):
        yield from _steps(hierarchy, tree, splitters, target)


def _find_step(hierarchy: Hierarchy, splitters: Sequence[Splitter], node: NodePath) -> Step | None:
    """The split of a node into all that its splitter can tell apart; None for a leaf or if there is no splitter."""
    children = hierarchy.children(node)
    if len(children) == 1:
        return Step(node, None, children, children)
    for splitter in splitters if children else ():
        if outputs := splitter.outputs(hierarchy, node):
            return Step(node, splitter, outputs, outputs)
    return None


def _no_splitter(hierarchy: Hierarchy, node: NodePath) -> SplitterError:
    name = f"'{node}'" if node else "the mixture"
    children = ", ".join(child.rpartition("/")[2] for child in hierarchy.children(node))
    remedy = f"go only to --depth {depth(node)}" if node else "choose another hierarchy"
    return SplitterError(
        f"no splitter at hand splits {name} of hierarchy '{hierarchy.name}' into {children}: give a splitter that "
        f"is trained for them, or {remedy}"
    )
