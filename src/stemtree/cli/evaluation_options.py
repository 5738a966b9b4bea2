"""Options of the commands that measure what is estimated of a corpus's songs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stemtree.corpora.settings import CorpusSettings
    from stemtree.hierarchy import NodePath

MEASURE_HELP = "Measure this: separate[:SPLITTER], raw:PACKAGE, mixture, oracle:irm|ibm|psa, mean:FILE"
"""What can be measured, beside trained models."""

CorpusFolder = Annotated[str, typer.Option("--corpus", metavar="ROOT", help="Read the corpus in this folder.")]
Root = Annotated[str, typer.Option("--root", metavar="PATH", help="Take this node for the mixture.")]
Depth = Annotated[int | None, typer.Option(metavar="N", help="Take only so many generations of the tree.")]
Sample = Annotated[int | None, typer.Option(metavar="N", help="Draw only so many chunks from all.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Draw chunks by this seed.")]
Duration = Annotated[float, typer.Option(metavar="SECONDS", help="Cut songs into chunks of this length.")]
Hop = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="Begin a chunk every so many seconds (default: the duration).")
]
Window = Annotated[
    int,
    typer.Option(
        metavar="SAMPLES", help="Use windows of this length at 16 kHz for oracle masks, or those that are fitted."
    ),
]
WindowHop = Annotated[
    int, typer.Option(metavar="SAMPLES", help="Use this hop at 16 kHz for oracle masks, or those that are fitted.")
]
Split = Annotated[str, typer.Option(metavar="NAME|all", help="Take the songs of this split.")]
RowsFile = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE.parquet", help="Keep every row in this file; a stopped run goes on."),
]
Stereo = Annotated[bool, typer.Option("--stereo", help="Keep channels instead of averaging them.")]


def describe(root: str, kind: str, split: str, labels: Path | None, skip_bad: bool) -> "CorpusSettings":
    """Where a corpus is and what is taken of it."""
    from stemtree.corpora.settings import CorpusSettings

    return CorpusSettings(Path(root), kind, None if split == "all" else split, labels, skip_bad)


def check_names(
    described: "CorpusSettings",
    hierarchy: str | None,
    depth: int | None,
    root: str,
    targets: list[str] | None,
    nodes: list[str] | None,
) -> "tuple[NodePath, tuple[NodePath, ...]]":
    """Find root and targets, and see that the nodes exist, before anything heavy is loaded."""
    from stemtree.hierarchy import find_all, find_node

    tree = described.hierarchy(hierarchy)
    find_all(tree, nodes or (), depth)
    return find_node(tree, root, depth), find_all(tree, targets or (), depth)
