"""The steps of a walk: which splitter divides which part of the mixture into which, from the mixture downward."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stemtree.errors import SplitterError
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, Part, leaves_of, node_above, own_name, part_of, shown

if TYPE_CHECKING:
    from stemtree.separation.splitters.base import Splitter

_Tried = frozenset[tuple[int, NodePath]]
"""Which splitters, by their places among all, have divided what a part comes from, and what they took it for."""


@dataclass(frozen=True, slots=True)
class Step:
    """The split of one part of the mixture.

    Parts have numbers in the order in which they are made; the mixture is 0. Two of them may be of the same node: where
    a separator has an accordion of its own, the other woodwinds come from what it leaves.

    Parameters
    ----------
    node : NodePath
        What the splitter takes it for: the node that it is, or one above several nodes.
    splitter : Splitter or None
        None for an only child, which equals its parent.
    outputs : tuple of Part
        What the splitter makes masks of.
    targets : tuple of Part
        For each output what it is in the planned tree: itself, or a leaf above it. Empty if none of it is in what is
        divided.
    divided : int
        The number of what is divided.
    numbers : tuple of int
        For each output the number of the part that it becomes, or is added to; -1 if it has no target.
    """

    node: NodePath
    splitter: Splitter | None
    outputs: tuple[Part, ...]
    targets: tuple[Part, ...]
    divided: int = 0
    numbers: tuple[int, ...] = ()

    @property
    def kept(self) -> list[int]:
        """The places of the outputs that have a target."""
        return [place for place, target in enumerate(self.targets) if target]


@dataclass
class StepList:
    """The steps that yield a tree.

    Parameters
    ----------
    hierarchy : Hierarchy
        What splitters are asked for.
    tree : Hierarchy
        The same with some branches cut.
    splitters : sequence of Splitter
        In order of precedence.

    Attributes
    ----------
    steps : list of Step
        Parents before their children.
    made : list of Part
        Every part by its number.
    """

    hierarchy: Hierarchy
    tree: Hierarchy
    splitters: Sequence[Splitter]
    steps: list[Step] = field(default_factory=list)
    made: list[Part] = field(default_factory=lambda: [(MIXTURE,)])

    def fill(self) -> StepList:
        """Add all steps; raise SplitterError if a part that must be split has no splitter."""
        self._divide(0, frozenset())
        return self

    @property
    def whole_nodes(self) -> bool:
        """Whether every part is one node, and every node one part."""
        several = any(len(part) != 1 for step in self.steps for part in (*step.outputs, *step.targets))
        return not several and len(set(self.made)) == len(self.made)

    def numbers_of(self, leaves: Iterable[NodePath]) -> tuple[int, ...]:
        """The numbers of the parts that add up to some leaves of the tree."""
        divided = {step.divided for step in self.steps}
        last = [(number, self._homes(part)) for number, part in enumerate(self.made) if number not in divided]
        return tuple(number for leaf in leaves for number, homes in last if homes == {leaf})

    def whole_of(self, numbers: Sequence[int]) -> tuple[int, ...]:
        """The one part that was divided into all of these and nothing else, or these where there is none."""
        found = [number for number in self._divided if set(self._ends(number)) == set(numbers)]
        return (found[-1],) if numbers and found else tuple(numbers)

    @property
    def _divided(self) -> list[int]:
        return [step.divided for step in self.steps]

    def _ends(self, number: int) -> Iterator[int]:
        """The parts that are not divided and come from one that is."""
        below = [part for step in self.steps if step.divided == number for part in step.numbers if part >= 0]
        if number not in self._divided:
            yield number
        for part in below:
            yield from self._ends(part)

    def _divide(self, number: int, tried: _Tried) -> None:
        part = self.made[number]
        if self._is_finished(part):
            return
        found = find_step(self.hierarchy, self.splitters, part, tried)
        if found is None:
            raise no_splitter(self.hierarchy, part)
        step, tried = found
        targets = tuple(self._target(within(self.hierarchy, output, part)) for output in step.outputs)
        numbers = {target: len(self.made) + place for place, target in enumerate(dict.fromkeys(filter(None, targets)))}
        self.made += numbers
        of_outputs = tuple(numbers.get(target, -1) for target in targets)
        self.steps.append(Step(step.node, step.splitter, step.outputs, targets, number, of_outputs))
        for below in numbers.values():
            self._divide(below, tried)

    def _is_finished(self, part: Part) -> bool:
        is_inner = len(part) == 1 and part[0] in self.tree and not self.tree.is_leaf(part[0])
        return not is_inner and len(self._homes(part)) == 1

    def _target(self, part: Part) -> Part:
        """A part as it is in the tree."""
        if len(part) == 1 and part[0] in self.tree:
            return part
        homes = self._homes(part)
        return tuple(homes) if len(homes) == 1 else part

    def _homes(self, part: Part) -> set[NodePath]:
        """The leaves of the tree that hold a part."""
        lines = ((leaf, *self.hierarchy.ancestors(leaf)) for leaf in leaves_of(self.hierarchy, part))
        return {next(node for node in line if node in self.tree) for line in lines}


def find_step(
    hierarchy: Hierarchy, splitters: Sequence[Splitter], part: Part, tried: _Tried
) -> tuple[Step, _Tried] | None:
    """The split of a part into all that its splitter can tell apart, and what has been tried beneath it.

    Several nodes together are divided by a splitter of a node above them, as far as its outputs are among them.

    Returns
    -------
    (Step, set) or None
        Without targets; None for a leaf, or if there is no splitter.
    """
    children = hierarchy.children(part[0])
    if len(part) == 1 and len(children) < 2:
        return (Step(part[0], None, (children,), ()), tried) if children else None
    lowest = node_above(hierarchy, part)
    nodes = (lowest,) if len(part) == 1 else (lowest, *hierarchy.ancestors(lowest))
    for place, splitter in enumerate(splitters):
        for node in nodes:
            if (place, node) in tried or not (outputs := splitter.parts(hierarchy, node)):
                continue
            if len(part) == 1 or sum(bool(within(hierarchy, output, part)) for output in outputs) > 1:
                return Step(node, splitter, outputs, ()), tried | {(place, node)}
    return None


def pieces(
    hierarchy: Hierarchy, splitters: Sequence[Splitter], part: Part = (MIXTURE,), tried: _Tried = frozenset()
) -> Iterator[Part]:
    """All that splitters can divide a part into, as far as they go."""
    found = find_step(hierarchy, splitters, part, tried)
    if found is None:
        yield part
        return
    step, tried = found
    for output in step.outputs:
        if inside := within(hierarchy, output, part):
            yield from pieces(hierarchy, splitters, inside, tried)


def within(hierarchy: Hierarchy, part: Part, other: Part) -> Part:
    """What of a part is in another; empty if nothing is."""
    if other == (MIXTURE,) or part == other:
        return part
    leaves = set(leaves_of(hierarchy, other))
    inside = [leaf for leaf in leaves_of(hierarchy, part) if leaf in leaves]
    return part if len(inside) == len(leaves_of(hierarchy, part)) else part_of(hierarchy, inside)


def no_splitter(hierarchy: Hierarchy, part: Part) -> SplitterError:
    """The error on a part that must be split and has no splitter."""
    node = node_above(hierarchy, part)
    among = hierarchy.children(node) if len(part) == 1 else part
    children = ", ".join(own_name(child) for child in among)
    remedy = f"ask only for '{node}'" if node else "choose another hierarchy"
    return SplitterError(
        f"no splitter at hand splits {shown(part)} of hierarchy '{hierarchy.name}' into {children}: give a splitter "
        f"that is trained for them, or {remedy}"
    )
