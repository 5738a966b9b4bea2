"""The plan of a walk: which splitter divides which node, from the mixture downward.

Planning asks splitters only what they can divide, so that it goes without torch and without weights; see
`stemtree.separation.splitters.abilities`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stemtree.errors import HierarchyError, SplitterError
from stemtree.hierarchy import (
    MIXTURE,
    Hierarchy,
    Match,
    NodePath,
    Part,
    find_all,
    find_nodes,
    is_within,
    leaves_of,
    load,
    match,
)
from stemtree.separation.splitters.abilities import FALLBACK_HIERARCHY
from stemtree.separation.steps import Step, StepList, no_splitter, pieces
from stemtree.separation.trunk import Trunk

if TYPE_CHECKING:
    from stemtree.separation.splitters.base import Splitter
    from stemtree.spectral import Stft


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
    made : tuple of Part
        Every part that the steps make, by its number.
    numbers : tuple of tuple of int
        For each of `Trunk.rows` the numbers of the parts whose sum it is.
    notes : tuple of str
        A sentence on each way in which the tree is not the hierarchy asked for.
    whole : Hierarchy, optional
        The hierarchy that the steps divide, if that is not the one asked for or if their parts are not all nodes.
    """

    tree: Hierarchy
    wanted: tuple[NodePath, ...]
    steps: tuple[Step, ...]
    made: tuple[Part, ...]
    numbers: tuple[tuple[int, ...], ...]
    notes: tuple[str, ...] = ()
    whole: Hierarchy | None = None

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
        from stemtree.spectral import Stft

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
    tree, wanted = _choose(hierarchy, nodes, depth)
    steps, rows = StepList(hierarchy, tree, splitters).fill(), [tree.leaves(row) for row in Trunk(tree).rows]
    return _planned(tree, wanted, steps, rows, None if steps.whole_nodes else hierarchy)


def plan_walk(
    hierarchy: Hierarchy | None, splitters: Sequence[Splitter], depth: int | None = None, nodes: Iterable[str] = ()
) -> Plan:
    """Plan a walk that yields a hierarchy that the splitters are made for, or one whose nodes are sums of theirs.

    Parameters
    ----------
    hierarchy : Hierarchy, optional
        What to separate into. By default that of the first splitter that is made for one (or one that continues it, if
        another splitter of the same analysis is made for that), or MS21, as deep as the splitters go.
    splitters, depth, nodes
        See `make_plan`.

    Raises
    ------
    HierarchyError
        If a node does not exist, if a name may be several, or if nodes cannot be told apart.
    SplitterError
        See `make_plan`.
    """
    nodes = tuple(nodes)
    if hierarchy is None:
        tree = _default_hierarchy(splitters)
        if nodes:
            return make_plan(tree, splitters, depth, nodes)
        served = prune_to_served(tree, splitters)
        return make_plan(tree, splitters, nodes=(served if depth is None else served.prune(depth)).paths)
    try:
        return make_plan(hierarchy, splitters, depth, nodes)
    except SplitterError as failure:
        whole, matched = _best_match(hierarchy, splitters, failure)
    return _plan_match(hierarchy, whole, matched, splitters, depth, nodes)


def _default_hierarchy(splitters: Sequence[Splitter]) -> Hierarchy:
    made_for = [(made, _analysis(splitter)) for splitter in splitters if (made := splitter.hierarchy) is not None]
    if not made_for:
        return load(FALLBACK_HIERARCHY)
    first, analysis = made_for[0]
    alike = (made for made, of_other in made_for if of_other == analysis)  # others cannot go on in the same walk
    return next((deeper for deeper in alike if deeper.continues(first)), first)


def _best_match(asked: Hierarchy, splitters: Sequence[Splitter], failure: SplitterError) -> tuple[Hierarchy, Match]:
    """The hierarchy that splitters are made for of which `asked` is made with the most leaves, and how it is."""
    wholes = [asked, *_made_for(splitters), load(FALLBACK_HIERARCHY)]
    found: list[tuple[Hierarchy, Match]] = []
    refusals: list[HierarchyError] = []
    for whole in {tree.paths: tree for tree in reversed(wholes)}.values():
        try:
            matched = match(asked, prune_to_served(whole, splitters), whole)
        except SplitterError:
            continue
        except HierarchyError as refusal:
            refusals.append(refusal)
            continue
        if matched is not None and len(matched.parts) > 1:
            found.append((whole, matched))
    if not found:
        raise (refusals[-1] if refusals else failure) from None
    # Of equals the shallowest: what lies beneath its leaves need not be told apart.
    return max(reversed(found), key=lambda pair: (len(pair[1].parts), -len(pair[0].continued)))


def _made_for(splitters: Sequence[Splitter]) -> Iterator[Hierarchy]:
    for splitter in splitters:
        with suppress(HierarchyError):  # a model whose hierarchy was a file that is not here
            if (made := splitter.hierarchy) is not None:
                yield made


def _plan_match(
    asked: Hierarchy,
    whole: Hierarchy,
    matched: Match,
    splitters: Sequence[Splitter],
    depth: int | None,
    nodes: tuple[str, ...],
) -> Plan:
    """Plan a walk down the hierarchy that splitters are made for, whose leaves are added up to those asked for."""
    full = matched.tree if depth is None else matched.tree.prune(depth)
    for name in nodes:
        try:
            find_nodes(full, name)
        except HierarchyError:  # a node of the hierarchy asked for that is not told apart, or none at all
            path = find_nodes(asked, name, depth)[0]
            raise SplitterError(_not_told_apart(asked, full, path)) from None
    notes = () if nodes or full.paths == (asked if depth is None else asked.prune(depth)).paths else matched.notes
    if all(parts == (leaf,) for leaf, parts in matched.parts.items()):  # the same tree, not as deep
        return replace(make_plan(asked, splitters, nodes=nodes or full.paths), notes=notes)
    tree, wanted = _choose(full, nodes)
    leaf_of = {part: _nearest(tree, leaf) for leaf, parts in matched.parts.items() for part in parts}

    def is_part(path: NodePath) -> bool:
        """Whether all of a node belongs to one leaf."""
        return len({leaf_of[part] for part in leaf_of if is_within(part, path)}) == 1

    walked = whole.cut(lambda path: path in leaf_of or is_part(path))
    rows = [tuple(part for part in walked.leaves() if _belongs(part, row, leaf_of)) for row in Trunk(tree).rows]
    return _planned(tree, wanted, StepList(whole, walked, splitters).fill(), rows, whole, notes)


def _planned(
    tree: Hierarchy,
    wanted: tuple[NodePath, ...],
    steps: StepList,
    rows: Sequence[tuple[NodePath, ...]],
    whole: Hierarchy | None,
    notes: tuple[str, ...] = (),
) -> Plan:
    """The plan of some steps; `rows` has for each of `Trunk.rows` the leaves of the walk that it consists of."""
    numbers, num_leaves = [steps.numbers_of(row) for row in rows], len(tree.leaves())
    numbers[num_leaves:] = [steps.whole_of(row) for row in numbers[num_leaves:]]
    return _checked(Plan(tree, wanted, tuple(steps.steps), tuple(steps.made), tuple(numbers), notes, whole))


def _choose(
    hierarchy: Hierarchy, nodes: Iterable[str], depth: int | None = None
) -> tuple[Hierarchy, tuple[NodePath, ...]]:
    """A tree without what only nodes need that are not wanted, and the paths of those that are."""
    named, tree = find_all(hierarchy, nodes, depth), hierarchy if depth is None else hierarchy.prune(depth)
    if MIXTURE in named:
        raise HierarchyError("the mixture itself is no node to separate: name one beneath it")
    if not named:
        return tree, tree.paths
    to_split = {ancestor for path in named for ancestor in tree.ancestors(path)}
    return tree.cut(lambda path: path not in to_split), tuple(path for path in tree.paths if path in named)


def _nearest(tree: Hierarchy, path: NodePath) -> NodePath:
    """The node of a tree at or above a path."""
    return path if path in tree else _nearest(tree, path.rpartition("/")[0])


def _belongs(part: NodePath, row: NodePath, leaf_of: dict[NodePath, NodePath]) -> bool:
    return any(is_within(leaf, row) and is_within(below, part) for below, leaf in leaf_of.items())


def _not_told_apart(asked: Hierarchy, tree: Hierarchy, path: NodePath) -> str:
    above = _nearest(tree, path)
    remedy = f"name '{above}', which holds it" if above else "name another"
    return f"no splitter at hand makes '{path}' of hierarchy '{asked.name}': {remedy}"


def _checked(plan: Plan) -> Plan:
    """The plan, unless its splitters cannot work on the same spectrogram."""
    if len({_analysis(splitter) for splitter in plan.splitters}) > 1:
        kinds = ", ".join(f"{splitter.provenance()['name']} {_described(splitter.stft)}" for splitter in plan.splitters)
        raise SplitterError(
            f"the splitters of one walk must share one analysis, and there are {kinds}: go less deep, or give a "
            "splitter for the nodes beneath that was trained on the same one"
        )
    return plan


def _analysis(splitter: Splitter) -> Hashable:
    """What splitters of one walk must have in common."""
    return splitter.stft.proportions, splitter.block_frames


def _described(stft: Stft) -> str:
    return f"(window {stft.window}, hop {stft.hop} at {stft.sample_rate} Hz)"


def prune_to_served(hierarchy: Hierarchy, splitters: Sequence[Splitter]) -> Hierarchy:
    """Cut a hierarchy below the nodes that no splitter can split; raise SplitterError if the mixture is one of them."""
    parts = [set(leaves_of(hierarchy, part)) for part in pieces(hierarchy, splitters)]

    def is_told_apart(node: NodePath) -> bool:
        """Whether no part holds some of a node and something beside it."""
        leaves = set(hierarchy.leaves(node))
        return all(part <= leaves or part.isdisjoint(leaves) for part in parts)

    apart = {path for path in hierarchy.paths if is_told_apart(path)}
    if not apart.issuperset(hierarchy.children()):
        raise no_splitter(hierarchy, (MIXTURE,))
    return hierarchy.cut(lambda path: not apart.issuperset(hierarchy.children(path)))
