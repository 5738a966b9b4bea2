"""``stemtree corpus``: look at corpora and validate copies of them."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stemtree.corpora.track import Corpus

app = typer.Typer(help="Look at corpora, and validate copies of them.", no_args_is_help=True, rich_markup_mode=None)

Root = Annotated[str, typer.Argument(metavar="ROOT", help="The corpus's folder.")]
Kind = Annotated[
    str,
    typer.Option(
        metavar="KIND",
        help="slakh, slakh-split2, slakh-redux, musdb18, musdb18-hq, medleydb, moisesdb, ms21 or folder.",
    ),
]
In = Annotated[str | None, typer.Option("--hierarchy", metavar="NAME|FILE", help="Instead of the corpus's own.")]


@app.command()
def check(root: Root, kind: Kind, hierarchy: In = None) -> None:
    """Validate a copy: what is wrong, where, and how often."""
    from stemtree.corpora.check import check_corpus

    corpus = check_corpus(root, kind, hierarchy)
    for problem in corpus.problems:
        typer.echo(f"{problem.kind}: {problem.message}")
    counts = Counter(problem.kind for problem in corpus.problems)
    found = ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "no problems"
    typer.echo(f"{len(corpus.tracks)} songs can be read; {found}")
    if corpus.problems:
        raise typer.Exit(1)


@app.command()
def info(root: Root, kind: Kind, hierarchy: In = None) -> None:
    """Print what a corpus holds: songs and hours per split, songs and stem hours per leaf."""
    from rich.console import Console

    from stemtree.corpora.load import load_corpus

    corpus = load_corpus(root, kind, hierarchy, skip_bad=True)
    console = Console(width=200, highlight=False)
    for table in _tables(corpus):
        console.print(table)
    if corpus.problems:
        typer.echo(f"{len(corpus.problems)} songs left out: see stemtree corpus check", err=True)


def _tables(corpus: "Corpus") -> "list[object]":
    from rich.table import Table

    splits = Table("split", "songs", "hours", "stems a song")
    for split in dict.fromkeys(track.split for track in corpus.tracks):
        tracks = [track for track in corpus.tracks if track.split == split]
        hours = sum(track.duration for track in tracks) / 3600
        stems = sum(len(track.stems) for track in tracks) / len(tracks)
        splits.add_row(split or "(none)", str(len(tracks)), f"{hours:.2f}", f"{stems:.1f}")
    leaves = Table("leaf", "songs", "stems", "stem hours")
    held = Counter(stem.leaf for track in corpus.tracks for stem in track.stems)
    for leaf, count in sorted(held.items()):
        tracks = [track for track in corpus.tracks if track.stems_of(leaf)]
        hours = sum(track.duration * len(track.stems_of(leaf)) for track in tracks) / 3600
        leaves.add_row(leaf, str(len(tracks)), str(count), f"{hours:.2f}")
    return [splits, leaves]
