"""What ``stemtree separate --list`` prints: the nodes that can be had, what they are called and what makes them."""

from collections.abc import Sequence

from stemtree.cli.messages import markup, say, show
from stemtree.errors import OptionError
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath
from stemtree.separation.plan import Plan
from stemtree.separation.preview import preview


def list_nodes(
    hierarchy: Hierarchy | None,
    splitters: Sequence[str],
    depth: int | None,
    nodes: Sequence[str],
    stem_maps: Sequence[str] = (),
) -> None:
    """Print the tree that songs would be separated into, without loading any weights.

    Raises
    ------
    OptionError
        If a splitter tells what it divides only once it is loaded.
    StemtreeError
        See `preview`.
    """
    plan = preview(hierarchy, splitters, depth, nodes, stem_maps)
    if plan is None:
        raise OptionError("what such a model separates is known only once it is loaded: list without its name")
    from rich.tree import Tree

    drawing = Tree(f"{markup(plan.tree.name)}  [dim]made by: also called[/]")
    branches = {MIXTURE: drawing}
    for path in plan.tree.paths:
        parent = path.rpartition("/")[0]
        called = ", ".join(alias for alias, meant in plan.tree.aliases if meant == (path,))
        made_by = ", ".join(_makers(plan, path))
        name = markup(plan.tree.node(path).name)
        branches[path] = branches[parent].add(f"{name}  [dim]{markup(made_by)}{': ' * bool(called)}{markup(called)}[/]")
    show(drawing)
    for meant in dict.fromkeys(meant for _, meant in plan.tree.aliases if len(meant) > 1):
        called = ", ".join(alias for alias, nodes in plan.tree.aliases if nodes == meant)
        say(f"{called}: {' + '.join(path.rpartition('/')[2] for path in meant)}")
    for note in plan.notes:
        say(note)


def _makers(plan: Plan, path: NodePath) -> list[str]:
    """The names of the splitters whose masks a node or its parts are."""
    makers = {part: step.splitter for step in plan.steps if step.splitter for part in step.numbers}
    parts = dict(zip(plan.trunk.rows, plan.numbers, strict=True))
    tree = plan.trunk.cut if path in plan.trunk.cut else plan.tree
    wanted = [part for row in tree.leaves(path) for part in parts[row]]
    if plan.whole is None and (path,) in plan.made and plan.made.index((path,)) in makers:
        wanted = [plan.made.index((path,))]
    names = (str(makers[part].provenance()["name"]) for part in wanted if part in makers)
    return list(dict.fromkeys(names))
