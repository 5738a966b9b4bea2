"""``stemtree confusion``: what is mistaken for what."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemtree.cli.cluster_option import Workers
from stemtree.cli.corpus_options import In, Kind, Labels, SkipBad, read_corpus
from stemtree.cli.evaluate import print_failures
from stemtree.cli.evaluation_options import (
    MEASURE_HELP,
    CorpusFolder,
    Depth,
    Duration,
    Hop,
    Root,
    RowsFile,
    Sample,
    Seed,
    Split,
    Stereo,
    check_names,
    describe,
)
from stemtree.cli.messages import progress_bar, say, show, stopped_by_user
from stemtree.cli.song_options import DeviceOption
from stemtree.devices import AUTO, check_name
from stemtree.errors import counted

if TYPE_CHECKING:
    from rich.table import Table

    from stemtree.evaluation.confusion import ConfusionTable

_LEAST = 0.01
"""Smaller shares are left out of the printed table."""


def confusion(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"{MEASURE_HELP}, a model's folder or hf:OWNER/NAME.")],
    corpus: CorpusFolder,
    kind: Kind,
    split: Split = "test",
    hierarchy: In = None,
    labels: Labels = None,
    depth: Depth = None,
    root: Root = "",
    output: RowsFile = None,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE.png|svg|pdf", help="Draw the table into this file.")
    ] = None,
    workers: Workers = None,
    sample: Sample = None,
    seed: Seed = 0,
    duration: Duration = 10.0,
    hop: Hop = None,
    quiet: Annotated[float, typer.Option(metavar="DB", help="Leave out nodes so far below the mixture.")] = -30.0,
    stereo: Stereo = False,
    skip_bad: SkipBad = False,
    device: DeviceOption = AUTO,
) -> None:
    """Measure what is mistaken for what: which estimated leaf the energy of each true leaf lands in."""
    check_name(device)
    if figure:
        from stemtree.evaluation.confusion_figure import check_figure

        check_figure(figure)
    described = describe(corpus, kind, split, labels, skip_bad)
    root, _ = check_names(described, hierarchy, depth, root, None, None)
    from stemtree.data.salience import Chunking
    from stemtree.evaluation.confusion import Confusion, summarise_confusion
    from stemtree.evaluation.confusion_figure import draw_confusion
    from stemtree.evaluation.estimators.registry import make_estimator
    from stemtree.evaluation.evaluate import evaluate
    from stemtree.evaluation.settings import EvaluationSettings

    songs, tree = read_corpus(described, hierarchy, depth=depth)
    chunking = Chunking(duration, hop if hop is not None else duration)
    settings = EvaluationSettings(chunking, root, sample, seed, not stereo, quiet, min(1.0, duration), bss=False)
    measured = Confusion(make_estimator(name, tree.descendants(root), hierarchy=tree, device=device))
    advice = "the rows of finished songs are kept, run again to go on" if output else ""
    with stopped_by_user(advice), progress_bar("measuring") as progress:
        rows = evaluate(measured, songs, tree, settings, file=output, workers=workers, progress=progress)
    if rows["failure"].is_not_null().all():
        print_failures(rows)
    summary = summarise_confusion(rows, tree)
    say(f"{name}: {counted(rows['track'].n_unique(), 'song')}, {counted(rows.n_unique(['track', 'start']), 'chunk')}")
    show(_table(summary), width=160)
    say(
        "% of a true leaf's energy, mean over the chunks in which it lies less than "
        + f"{-quiet:g} dB below the mixture"
    )
    if figure:
        draw_confusion(summary, "where the energy of each true leaf lands, %", figure)
    print_failures(rows)


def _table(summary: "ConfusionTable") -> "Table":
    from rich.table import Table

    table = Table("true leaf", "chunks", "where it belongs", "elsewhere", box=None)
    for row, (leaf, chunks) in enumerate(zip(summary.leaves, summary.chunks, strict=True)):
        others = [
            f"{estimated.rpartition('/')[2]} {100 * share:.0f}"
            for estimated, share in summary.taken_for(row)
            if share >= _LEAST
        ]
        table.add_row(leaf, str(chunks), f"{100 * summary.kept(row):.0f}", ", ".join(others))
    return table
