"""The command line: parsing and printing only."""

import io
import re
import signal
import sys
from typing import Annotated, Any

import typer

from stemtree.cli import (
    compare,
    confusion,
    corpus,
    curate,
    evaluate,
    experiment,
    export,
    hierarchy,
    models,
    query,
    separate,
    train,
    view,
)
from stemtree.cli.command_list import CommandList
from stemtree.cli.local_command import refuse_urls
from stemtree.cli.messages import explain, printable, say, stopped_by_user
from stemtree.cli.song_options import PageCommand
from stemtree.cli.streams import tolerant_streams
from stemtree.processes import was_terminated
from stemtree.version import __version__

_INTERRUPTED = 130
"""The status after Ctrl-C."""


class _Commands(CommandList):
    """All commands; typer by itself ends without a word at Ctrl-C."""

    def invoke(self, ctx: Any) -> Any:
        with stopped_by_user():
            return super().invoke(ctx)


# Plain help: rich's boxes cost a third of the start-up time and wrap paths.
app = typer.Typer(
    name="stemtree",
    cls=_Commands,
    help="Separate songs into trees of stems that add up to them exactly.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("separate", cls=PageCommand)(separate.separate)
app.command("models")(models.models)
app.command("view")(view.view)
app.command("export")(export.export)
app.command("query", cls=PageCommand)(query.query)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("confusion")(confusion.confusion)
app.command("mean-mask")(evaluate.mean_mask)
app.command("compare")(compare.compare)
app.add_typer(hierarchy.app, name="hierarchy")
app.add_typer(experiment.app, name="experiment")
app.add_typer(corpus.app, name="corpus")
app.add_typer(curate.app, name="curate")
refuse_urls(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"stemtree {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Handle the options before the command's name."""


def main() -> None:
    """Run the command line; whatever goes wrong is one sentence on standard error."""
    with tolerant_streams() as output:
        status = _run()
        output.flush()
        if output.failure is not None and not isinstance(output.failure, BrokenPipeError):
            say(f"cannot print ({output.failure.strerror}): send the output elsewhere, or make room there", error=True)
            status = status or 1
    sys.exit(status)


def _run() -> int:
    """Run the command and return its exit status."""
    try:
        # in its own mode typer prints what is wrong with an option as raw bytes
        status = app(prog_name="stemtree", standalone_mode=False)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:
        if hasattr(error, "show") and hasattr(error, "exit_code"):  # click's or, in some releases, typer's own
            return _print_usage_error(error)
        say(explain(error), error=True)
        return 1
    if status == _INTERRUPTED and was_terminated():
        return 128 + signal.SIGTERM
    return status if isinstance(status, int) else 0


def _print_usage_error(error: Any) -> int:
    """Print what is wrong with options and arguments, with escapes for what is not text, and return the exit status."""
    text = io.StringIO()
    error.show(file=text)
    message = re.sub(r"\\udc([89a-f][0-9a-f])", r"\\x\1", text.getvalue().rstrip())  # as messages show such bytes
    print(printable(message, keep="\n\t"), file=sys.stderr, flush=True)
    return int(error.exit_code)
