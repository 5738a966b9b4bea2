"""``stemtree models``: the trained models on this machine."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from stemtree.cli.messages import markup, say, show
from stemtree.errors import OptionError

if TYPE_CHECKING:
    from stemtree.separation.splitters.models import KnownModel

_RUNS = "runs"
"""Where the guides put what is trained."""


def models(
    folders: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FOLDER...]", help="List the models in these folders too (default: runs, if there)."),
    ] = None,
    one: Annotated[
        str | None,
        typer.Option(
            "--show", metavar="NAME|FOLDER|hf:OWNER/NAME", help="Print all that this model's card tells, no list."
        ),
    ] = None,
) -> None:
    """List the models that are here: licence, what they divide, cost, and measured figures."""
    from stemtree.separation.splitters.models import (
        SPLEETER_CPU_SECONDS,
        SPLEETER_PARAMETERS,
        models_here,
        page_of,
        spleeter_size,
    )

    if one is not None and folders:
        raise OptionError("--show prints one model and no list: leave out the folders")
    if one is not None:
        say(page_of(one).partition("\n---\n\n")[2].rstrip())
        return
    from rich.table import Table

    if folders is None and os.path.isdir(_RUNS):
        folders = [_RUNS]
    table = Table(box=None)
    for heading in ("model", "licence", "divides", "into", "parameters", "MB", "CPU s per s", "improvement, dB"):
        table.add_column(heading, overflow="fold")
    for model in models_here(folders or ()):
        table.add_row(*map(markup, _row(model)))
    if size := spleeter_size():
        cost = f"{SPLEETER_PARAMETERS / 1e6:.1f} M", _megabytes(size), _cost(SPLEETER_CPU_SECONDS)
        table.add_row("spleeter", "MIT", "any: song", "vocals, accompaniment", *cost, "")
    show(table, width=120)
    say("CPU s per s: of the network, per second of 44.1 kHz stereo, in one thread; ? where it is not known")
    say("improvement: of SI-SDR, mean over chunks, by levels of the tree: families (highest) / instruments (leaves)")


def _row(model: "KnownModel") -> list[str]:
    figures = "\n".join(
        f"{corpus} {' / '.join(f'{gained:+.1f}' for gained in levels)}" for corpus, levels in model.figures.items()
    )
    parameters = f"{model.parameters / 1e6:.2g} M" if model.parameters else "?"
    licence = model.licence or "not given"
    cost = parameters, _megabytes(model.size), _cost(model.cpu_seconds)
    return [model.name, licence, model.divides, ", ".join(model.leaves), *cost, figures]


def _cost(seconds: float | None) -> str:
    return f"{seconds:.2g}" if seconds else "?"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f}"
