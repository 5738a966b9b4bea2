"""``stemtree compare``: the difference of two configurations, and how sure it is."""

from pathlib import Path
from typing import Annotated

import typer

from stemtree.cli.messages import say, show
from stemtree.errors import OptionError


def compare(
    first: Annotated[
        Path,
        typer.Argument(metavar="A.parquet", help="Take the first run's rows from this file, which evaluate -o wrote."),
    ],
    second: Annotated[
        Path, typer.Argument(metavar="B.parquet", help="Take the second run's rows from this file, on the same chunks.")
    ],
    seed_of_first: Annotated[
        list[Path] | None, typer.Option("--a", metavar="FILE", help="Add rows of another seed of A; can be repeated.")
    ] = None,
    seed_of_second: Annotated[
        list[Path] | None, typer.Option("--b", metavar="FILE", help="Add rows of another seed of B; can be repeated.")
    ] = None,
    test: Annotated[
        str | None,
        typer.Option("--test-set", metavar="NAME", help="Take the rows of this test set, of an experiment's runs."),
    ] = None,
    confidence: Annotated[
        float,
        typer.Option(min=0.5, max=0.999, help="Give the interval that holds the difference with this probability."),
    ] = 0.95,
) -> None:
    """Compare the SI-SDR improvement of two runs, level by level, over seeds and songs."""
    import math

    from rich.table import Table

    from stemtree.experiments.comparison import compare_rows, read_rows

    runs = [first, *(seed_of_first or ())], [second, *(seed_of_second or ())]
    for files in runs:
        _refuse_repeated(files)
    levels = compare_rows(*([read_rows(file, test) for file in files] for files in runs), confidence=confidence)
    interval = f"{100 * confidence:g}% interval"
    table = Table("dB", "A", "B", "A - B", interval, "p", "songs", "chunks", "undefined")
    for column in table.columns[1:]:
        column.justify = "right"
    for level in levels:
        found = level.difference
        limits = "" if math.isnan(found.low) else f"{found.low:.2f} to {found.high:.2f}"
        means = (f"{value:.2f}" for value in (level.first, level.second, found.mean))
        counts = map(str, (level.songs, level.chunks, level.undefined))
        table.add_row(level.level, *means, limits, f"{found.p_value:.3f}", *counts)
    show(table, width=120)
    say(
        "songs, chunks: on which both were measured (a node of a chunk is one, unless chunks have targets); undefined: "
        "left out,\nan improvement is no number; p: how often a difference as large arises where there is none"
    )
    if math.isnan(levels[0].difference.low):
        say("there is no interval for fewer than 10 songs", error=True)
    elif not levels[0].difference.over_seeds:
        say("the interval is over songs alone; give a second seed of each with --a and --b", error=True)


def _refuse_repeated(files: list[Path]) -> None:
    """One run counted as two seeds would make any difference look surer than it is."""
    seen: set[Path] = set()
    for file in files:
        if file.resolve() in seen:
            raise OptionError(f"'{file}' is given twice for one run: give a file of another seed, or leave it out")
        seen.add(file.resolve())
