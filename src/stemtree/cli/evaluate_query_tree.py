"""``stemtree evaluate query-tree``: trees made of queries against the true ones."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from stemtree.cli.corpus_options import read_corpus
from stemtree.cli.evaluation_tables import chunk_table, found_table
from stemtree.cli.given_options import refuse_given
from stemtree.cli.messages import progress_bar, say, show, stopped_by_user
from stemtree.errors import OptionError, counted

if TYPE_CHECKING:
    from stemtree.corpora.settings import CorpusSettings

QUERY_TREE = "query-tree"
"""Name of what is measured."""

_TAKEN = {
    *("name", "corpus", "kind", "split", "labels", "skip_bad", "like", "present", "threshold", "output", "sample"),
    *("seed", "duration", "quiet", "stereo", "device"),
}
"""The parameters of ``stemtree evaluate`` that it takes."""


def check_options(context: typer.Context) -> None:
    """Raise OptionError if an option was given that says nothing here."""
    others = {parameter.name or "" for parameter in context.command.params} - _TAKEN
    refuse_given(context, others, f"'{QUERY_TREE}' measures whole songs' trees")


@dataclass(frozen=True, slots=True)
class TreeMeasuring:
    """Options of ``stemtree evaluate`` that say what of the songs is measured; ``sample`` counts songs here."""

    sample: int | None
    seed: int
    duration: float
    threshold: float
    quiet: float
    mono: bool


def evaluate_query_tree(
    model: str,
    described: "CorpusSettings",
    how: TreeMeasuring,
    like: Path | None,
    present: float | None,
    output: Path | None,
    device: str,
) -> None:
    """Measure the trees of songs, and print which leaves were found and how well nodes were separated."""
    from stemtree.separation.preview import check_presence, preview_query, query_model
    from stemtree.separation.splitters.card_outline import read_outline
    from stemtree.separation.splitters.example_folder import query_targets

    folder = query_model(model or None)
    check_presence(present)
    if like is not None and not like.is_dir():
        raise OptionError(f"'{like}' is no folder: give one with an example of each leaf, or none")
    preview_query(folder, like)
    card = read_outline(folder)
    hierarchy = query_targets(folder, card.training, card.tree.name, card.nodes)[0] if card else None
    songs, _ = read_corpus(described, hierarchy)
    from stemtree.data.salience import Chunking
    from stemtree.evaluation import found_leaves, query_tree, tables
    from stemtree.evaluation.settings import EvaluationSettings

    settings = EvaluationSettings(
        Chunking(how.duration, how.duration, how.threshold),
        seed=how.seed,
        mono=how.mono,
        quiet=how.quiet,
        window=min(1.0, how.duration),
        bss=False,
    )
    chosen = query_tree.draw_songs(songs, how.sample, how.seed)
    advice = "the rows of finished songs are kept, run again to go on" if output else ""
    with stopped_by_user(advice), progress_bar("measuring") as progress:
        rows, tree = query_tree.evaluate_query_tree(
            folder,
            songs,
            settings,
            examples=like,
            present_db=present,
            songs=chosen,
            file=output,
            device=device,
            progress=progress,
        )
    for problem in rows.problems:
        say(problem, error=True)
    say(f"{QUERY_TREE} of {folder}: {counted(len(chosen) - len(rows.problems), 'song')}, dB")
    if rows.leaves.height:
        show(found_table(found_leaves.found_figures(rows.leaves)), width=240)
        threshold, f1 = found_leaves.fitted_presence(rows.leaves)
        if not math.isnan(f1):
            say(f"the threshold that tells most of these leaves right: --present {threshold:.1f}, F1 {f1:.2f}")
        summary = tables.summarise(rows.nodes, tree)
        show(chunk_table(summary, tables.status_counts(rows.nodes, tree)), width=240)
        say("undefined: a node is there and counted, and not in the tree")
    if rows.problems:
        raise typer.Exit(1)
