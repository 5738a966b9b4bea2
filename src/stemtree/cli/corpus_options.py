"""The options that describe a corpus, the same for every command that reads one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemtree.cli.messages import say

if TYPE_CHECKING:
    from stemtree.corpora.settings import CorpusSettings
    from stemtree.corpora.track import Corpus
    from stemtree.hierarchy import Hierarchy

Kind = Annotated[
    str,
    typer.Option(
        metavar="KIND",
        help="Read the corpus in this layout: slakh, slakh-split2, slakh-redux, musdb18, musdb18-hq, dsd100, medleydb, "
        "moisesdb, ms21 or folder.",
    ),
]
In = Annotated[
    str | None,
    typer.Option(
        "--hierarchy", metavar="NAME|FILE", help="Look labels up in this hierarchy instead of the corpus's own."
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Look your own labels up in this file: YAML lines of 'label: path of a leaf'."),
]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave out what cannot be used, and report it.")]


def read_corpus(
    described: "CorpusSettings", hierarchy: "str | Hierarchy | None", *, depth: int | None = None
) -> "tuple[Corpus, Hierarchy]":
    """Load a corpus and its hierarchy, pruned to `depth` generations; print what was left out.

    Raises
    ------
    StemtreeError
        See `CorpusSettings.hierarchy` and `CorpusSettings.load`.
    """
    tree = described.hierarchy(hierarchy)
    if depth is not None:
        tree = tree.prune(depth)
    corpus = described.load(tree)
    for problem in corpus.problems:
        say(problem.message, error=True)
    return corpus, tree
