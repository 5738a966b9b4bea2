"""How the nodes of a hierarchy were divided that are sums of what splitters make, for the manifest."""

from collections.abc import Mapping, Sequence
from typing import Any

from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, leaves_of, own_name
from stemtree.separation.plan import Plan
from stemtree.separation.steps import Step

SUM = "sum"
"""Name of an entry among the splitters of a manifest that says what children of a node are sums of."""


def sums_of(
    plan: Plan, whole: Hierarchy, provenance: Sequence[dict[str, object]]
) -> tuple[dict[NodePath, int | None], list[dict[str, Any]]]:
    """What divided each inner node of a plan's tree.

    Parameters
    ----------
    plan : Plan
        Whose steps divide nodes of `whole`.
    whole : Hierarchy
        The hierarchy that the splitters are made for.
    provenance : sequence of dict
        Of the plan's splitters.

    Returns
    -------
    split_by : dict
        For each inner node the number of what divides it, of the splitters, then of the sums; None for an only child.
    sums : list of dict
        Where a node's children are not just the outputs of one splitter, what they are: for each child the leaves of
        `whole`, and the splitters that tell them apart. They do not depend on what lies beneath the children.
    """
    rows = dict(zip(plan.trunk.rows, plan.numbers, strict=True))
    held = {
        path: {
            below
            for leaf in plan.tree.leaves(path)
            for part in rows[leaf]
            for below in leaves_of(whole, plan.made[part])
        }
        for path in (MIXTURE, *plan.tree.paths)
    }
    split_by: dict[NodePath, int | None] = {}
    sums: list[dict[str, Any]] = []
    for path in held:
        children = {child: held[child] for child in plan.tree.children(path)}
        if not children:
            continue
        steps = [step for step in plan.steps if step.splitter and _divides(step, plan, whole, children)]
        numbers = list(dict.fromkeys(plan.splitters.index(step.splitter) for step in steps if step.splitter))
        if not steps:
            split_by[path] = None
        elif len(steps) == 1 and _are_outputs(steps[0], plan, whole, children):
            split_by[path] = numbers[0]
        else:
            parts = {own_name(child): sorted(leaves) for child, leaves in children.items()}
            split_by[path] = len(provenance) + len(sums)
            sums.append({"name": SUM, "of": whole.name, "parts": parts, "by": [provenance[one] for one in numbers]})
    return split_by, sums


def _divides(step: Step, plan: Plan, whole: Hierarchy, children: Mapping[NodePath, set[NodePath]]) -> bool:
    """Whether outputs of a step are parts of different children."""
    held = [
        frozenset(child for child, leaves in children.items() if leaves & output)
        for output in _outputs(step, plan, whole)
    ]
    return len({parents for parents in held if parents}) > 1


def _are_outputs(step: Step, plan: Plan, whole: Hierarchy, children: Mapping[NodePath, set[NodePath]]) -> bool:
    """Whether the children are the outputs of a step, one by one."""
    outputs = _outputs(step, plan, whole)
    return len(outputs) == len(children) and all(leaves in outputs for leaves in children.values())


def _outputs(step: Step, plan: Plan, whole: Hierarchy) -> list[set[NodePath]]:
    """The leaves of what a step divides something into."""
    divided = set(leaves_of(whole, plan.made[step.divided]))
    return [divided.intersection(leaves_of(whole, step.outputs[place])) for place in step.kept]
