"""``stemtree hierarchy``: look at hierarchies and check one's own."""

from typing import TYPE_CHECKING, Annotated

import typer

from stemtree.cli.command_list import CommandList
from stemtree.cli.messages import markup, say
from stemtree.cli.messages import show as show_drawing
from stemtree.errors import counted

if TYPE_CHECKING:
    from rich.tree import Tree

    from stemtree.hierarchy import Hierarchy

app = typer.Typer(
    cls=CommandList,
    help="Look at hierarchies, or check your own.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
def list_all() -> None:
    """List the hierarchies that come with the package."""
    from stemtree.hierarchy import available, load

    for name in available():
        hierarchy = load(name)
        say(f"{name:10} {hierarchy.levels} levels, {len(hierarchy.leaves()):2} leaves  {hierarchy.description}")


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Draw this hierarchy: a name, or a YAML file.")],
    level: Annotated[
        int | None, typer.Option(metavar="N", help="Draw the tree down to this level only (1: the leaves).")
    ] = None,
) -> None:
    """Draw a hierarchy as a tree."""
    from stemtree.hierarchy import load

    hierarchy = load(name)
    bottom = hierarchy.at_level(level) if level is not None else ()
    show_drawing(_draw(hierarchy, bottom))


@app.command()
def check(file: Annotated[str, typer.Argument(metavar="FILE.yaml", help="Check this file.")]) -> None:
    """Check that a YAML file describes a hierarchy."""
    from stemtree.hierarchy import load

    hierarchy = load(file)
    labels = sum(len(hierarchy.node(leaf).labels) for leaf in hierarchy.leaves())
    say(
        f"{file}: a hierarchy of {counted(hierarchy.levels, 'level')}, {counted(len(hierarchy.paths), 'node')}, "
        f"{counted(len(hierarchy.leaves()), 'leaf', 'leaves')} and {counted(labels, 'label')}"
    )


def _draw(hierarchy: "Hierarchy", bottom: tuple[str, ...]) -> "Tree":
    """Draw every node with its level, going no deeper than `bottom`."""
    from rich.tree import Tree

    drawing = Tree(f"mixture [dim]({markup(hierarchy.name)})[/]")

    def grow(branch: Tree, path: str) -> None:
        for child in hierarchy.children(path) if path not in bottom else ():
            below = branch.add(f"{markup(hierarchy.node(child).name)} [dim]{hierarchy.level(child)}[/]")
            grow(below, child)

    grow(drawing, "")
    return drawing
