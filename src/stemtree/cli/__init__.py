"""The command line: parsing and printing only."""

import sys
from typing import Annotated

import typer

from stemtree.cli import compare, corpus, curate, evaluate, experiment, export, hierarchy, query, separate, train, view
from stemtree.cli.messages import one_line
from stemtree.errors import StemtreeError
from stemtree.version import __version__

# Plain help: rich's boxes cost a third of the start-up time and wrap paths.
app = typer.Typer(
    name="stemtree",
    help="Separate songs into trees of stems that add up to them exactly.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("separate", cls=separate.SeparateCommand)(separate.separate)
app.command("view")(view.view)
app.command("export")(export.export)
app.command("query")(query.query)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("mean-mask")(evaluate.mean_mask)
app.command("compare")(compare.compare)
app.add_typer(hierarchy.app, name="hierarchy")
app.add_typer(experiment.app, name="experiment")
app.add_typer(corpus.app, name="corpus")
app.add_typer(curate.app, name="curate")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stemtree {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Take what comes before the command."""


def main() -> None:
    """Run the command line; errors of ours are one sentence on stderr."""
    try:
        app()
    except StemtreeError as error:
        typer.echo(f"stemtree: {one_line(error)}", err=True)
        sys.exit(1)
