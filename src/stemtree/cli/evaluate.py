"""``stemtree evaluate`` and ``stemtree mean-mask``: how well nodes are estimated."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemtree.cli.cluster_option import ClusterOption, Workers
from stemtree.cli.corpus_options import In, Kind, Labels, SkipBad, read_corpus
from stemtree.cli.evaluate_query_tree import QUERY_TREE, TreeMeasuring, check_options, evaluate_query_tree
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
    Window,
    WindowHop,
    check_names,
    describe,
)
from stemtree.cli.evaluation_tables import absent_table, chunk_table, level_table, statistics_table
from stemtree.cli.given_options import refuse_given
from stemtree.cli.messages import one_line, progress_bar, say, show, stopped_by_user
from stemtree.cli.song_options import DeviceOption
from stemtree.devices import AUTO, check_name
from stemtree.errors import AudioError, OptionError, counted

if TYPE_CHECKING:
    import polars as pl

    from stemtree.hierarchy import Hierarchy, NodePath


_NAME_HELP = f"{MEASURE_HELP}, a model's folder or hf:OWNER/NAME, or query-tree[:RUN], query trees."
_TARGET_HELP = "Measure only chunks in which this node is salient, and of these the nodes on its path; can be repeated."
_FAMILY_HELP = "Measure only chunks in which another leaf of the target's family is salient too."
_QUERY_HELP = "Query with the target, or on purpose with another instrument of its family or of another family."
_LIKE_HELP = (
    "Ask query-tree with the examples in this folder, each named after its leaf (default: chunks of other songs)."
)
_PRESENT_HELP = "Leave instruments so far below the song out of query-tree (default: as the model tells)."
_CHUNKS_SAY = "--chunks says which chunks to measure"
_LEVEL_HELP = "Measure only the nodes of this level (1: leaves)."


def evaluate(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help=_NAME_HELP)],
    corpus: CorpusFolder,
    kind: Kind,
    split: Split = "test",
    hierarchy: In = None,
    labels: Labels = None,
    depth: Depth = None,
    node: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="Measure only this node; can be repeated.")
    ] = None,
    target: Annotated[list[str] | None, typer.Option(metavar="PATH", help=_TARGET_HELP)] = None,
    family: Annotated[bool, typer.Option("--family", help=_FAMILY_HELP)] = False,
    threshold: Annotated[float, typer.Option(metavar="DBFS", help="Call a node salient if it is louder.")] = -30.0,
    chunks: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Measure exactly the chunks of this list.")
    ] = None,
    write_chunks: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Write the list of the measured chunks.")
    ] = None,
    root: Root = "",
    level: Annotated[int | None, typer.Option(metavar="N", help=_LEVEL_HELP)] = None,
    output: RowsFile = None,
    workers: Workers = None,
    sample: Sample = None,
    seed: Seed = 0,
    duration: Duration = 10.0,
    hop: Hop = None,
    quiet: Annotated[
        float, typer.Option(metavar="DB", help="Count nodes so far below the mixture, and do not measure them.")
    ] = -30.0,
    stereo: Stereo = False,
    bss: Annotated[bool, typer.Option("--bss/--no-bss", help="Measure SIR and SAR, which is most of the cost.")] = True,
    absent: Annotated[
        bool, typer.Option("--absent", help="Measure how loud the estimates of absent nodes are, too.")
    ] = False,
    query: Annotated[str, typer.Option(metavar="target|family|other", help=_QUERY_HELP)] = "target",
    like: Annotated[Path | None, typer.Option(metavar="FOLDER", help=_LIKE_HELP)] = None,
    present: Annotated[float | None, typer.Option(metavar="DB", help=_PRESENT_HELP)] = None,
    window: Window = 1024,
    window_hop: WindowHop = 512,
    skip_bad: SkipBad = False,
    device: DeviceOption = AUTO,
    cluster: ClusterOption = None,
) -> None:
    """Measure how well the nodes of a corpus's songs are estimated."""
    check_name(device)
    described = describe(corpus, kind, split, labels, skip_bad)
    if name.partition(":")[0] == QUERY_TREE:
        check_options(context)
        how = TreeMeasuring(sample, seed, duration, threshold, quiet, not stereo)
        evaluate_query_tree(name.partition(":")[2], described, how, like, present, output, device)
        return
    _refuse_contradictions(context)
    root, targets = check_names(described, hierarchy, depth, root, target, node)
    from stemtree.data.salience import Chunking
    from stemtree.evaluation import evaluate as evaluation
    from stemtree.evaluation.chunk_list import list_all, read_chunks, select_chunks
    from stemtree.evaluation.chunk_list import write_chunks as write_list
    from stemtree.evaluation.chunks import choose_chunks
    from stemtree.evaluation.estimators.query_model import QueryModel
    from stemtree.evaluation.estimators.registry import make_estimator
    from stemtree.evaluation.settings import EvaluationSettings
    from stemtree.spectral import Stft

    songs, tree = read_corpus(described, hierarchy, depth=depth)
    listed = read_chunks(chunks) if chunks else None
    duration = listed.duration if listed else duration
    chunking = Chunking(duration, hop if hop is not None else duration, threshold)
    settings = EvaluationSettings(chunking, root, sample, seed, not stereo, quiet, min(1.0, duration), bss, query)
    if targets:
        listed = select_chunks(
            songs, tree, targets, chunking, with_family=family, sample=sample, seed=seed, skip_bad=skip_bad
        )
    possible = _possible_nodes(tree, node, level, root, listed.targets if listed else ())
    estimator = make_estimator(name, possible, Stft(window, window_hop, 16000), tree, device)
    if not isinstance(estimator, QueryModel):  # which draws queries from chunks that are not measured
        refuse_given(context, ("query",), f"'{name}' takes no queries")
        refuse_given(context, ("seed", "hop") if chunks else (), _CHUNKS_SAY)
    if write_chunks:
        listed = listed or list_all(choose_chunks(songs, chunking, sample, seed), chunking)
        write_list(listed, write_chunks)
    selected = possible if node else None
    if level is not None:
        selected = tuple(path for path in possible if path in estimator.nodes)
        if not selected:
            raise OptionError(f"'{name}' estimates no node of level {level}: it has {', '.join(estimator.nodes)}")
    advice = "the rows of finished songs are kept, run again to go on" if output else ""
    with stopped_by_user(advice), progress_bar("measuring") as progress:
        rows = evaluation.evaluate(
            estimator,
            songs,
            tree,
            settings,
            selection=evaluation.Selection(selected, listed),
            file=output,
            workers=workers,
            progress=progress,
        )
    _print(name, rows, tree, quiet, absent)


def _refuse_contradictions(context: typer.Context) -> None:
    """Raise OptionError if options say two things, or something that is of no use with the others."""
    given = context.params
    if given["like"] is not None or given["present"] is not None:
        raise OptionError(f"--like and --present belong to '{QUERY_TREE}': leave them out")
    if given["node"] and given["level"] is not None:
        raise OptionError("--node and --level both say what to measure: give one of them")
    if given["chunks"]:
        refuse_given(context, ("target", "family", "sample", "duration"), _CHUNKS_SAY)
    if given["family"] and not given["target"]:
        raise OptionError("--family is about the family of a target: name one with --target, or leave --family out")
    if not given["name"].startswith("oracle:"):
        refuse_given(
            context, ("window", "window_hop"), f"windows are chosen for oracle masks, not for '{given['name']}'"
        )


def _possible_nodes(
    tree: "Hierarchy", nodes: list[str] | None, level: int | None, root: str, targets: "Sequence[NodePath]"
) -> "tuple[NodePath, ...]":
    """The nodes that the options ask for, whether or not the estimator estimates them."""
    from stemtree.hierarchy import find_all

    if nodes:
        return find_all(tree, nodes)
    if level is not None:
        return tree.at_level(level)
    on_paths = {node for target in targets for node in (target, *tree.ancestors(target))}
    return tuple(node for node in tree.descendants(root) if node in on_paths or not targets)


def mean_mask(
    corpus: CorpusFolder,
    kind: Kind,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE.safetensors", help="Write the masks to this file.")
    ],
    split: Split = "train",
    hierarchy: In = None,
    labels: Labels = None,
    depth: Depth = None,
    root: Root = "",
    mask: Annotated[str, typer.Option(metavar="irm|ibm|psa", help="Average ideal masks of this kind.")] = "psa",
    sample: Sample = None,
    seed: Seed = 0,
    window: Window = 1024,
    window_hop: WindowHop = 512,
    skip_bad: SkipBad = False,
    device: DeviceOption = AUTO,
) -> None:
    """Fit a constant mask per node and bin, to be evaluated as mean:FILE."""
    check_name(device)
    from stemtree.evaluation.estimators.mean_mask import fit_mean_mask
    from stemtree.evaluation.settings import EvaluationSettings
    from stemtree.spectral import Stft

    stft = Stft(window, window_hop, 16000)
    described = describe(corpus, kind, split, labels, skip_bad)
    root, _ = check_names(described, hierarchy, depth, root, None, None)
    songs, tree = read_corpus(described, hierarchy, depth=depth)
    settings = EvaluationSettings(root=root, sample=sample, seed=seed)
    left_out: dict[str, AudioError] = {}
    with progress_bar("fitting") as progress:
        masks = fit_mean_mask(
            songs,
            tree.descendants(root),
            settings,
            kind=mask,
            stft=stft,
            device=device,
            progress=progress,
            left_out=left_out.__setitem__ if skip_bad else None,
        )
    masks.save(output)
    for song, error in left_out.items():
        say(f"'{song}' is left out: {error}", error=True)
    say(f"{output}: {counted(len(masks.nodes), 'node')}, {masks.fitted}")


def _print(name: str, rows: "pl.DataFrame", tree: "Hierarchy", quiet: float, with_absent: bool) -> None:
    from stemtree.evaluation import tables

    songs, chunks = rows["track"].n_unique(), rows.n_unique(["track", "start"])
    say(f"{name}: {counted(songs, 'song')}, {counted(chunks, 'chunk')}, dB")
    summary = tables.summarise(rows, tree)
    unasked = rows.filter(status="unasked")
    word = "unasked, no other song has it; " if len(unasked) else ""
    show(chunk_table(summary, tables.status_counts(rows, tree)), width=240)
    say(
        f"chunks of a node: counted, it was measured; quiet, it is {-quiet:g} dB or more below the mixture; alone, all "
        f"else is;\nabsent, it is silent; failed, it was not estimated; {word}"
        "undefined, counted, but a ratio is no number"
    )
    show(statistics_table(summary), width=240)
    if rows["target"].is_not_null().any():
        show(level_table(rows), width=240)
        say("chunks: those in which every level is counted; undefined: further ones, where an improvement is no number")
    if with_absent:
        show(absent_table(tables.absent_estimates(rows)), width=240)
        say("count: chunks in which the node is silent; p90: nine of ten estimates are less loud")
    if len(unasked):
        targets = ", ".join(f"'{target}'" for target in unasked["target"].unique(maintain_order=True))
        queries = counted(unasked.n_unique(["track", "start", "target"]), "query", "queries")
        say(f"{queries} not asked, for no other song has an example of {targets}: give more songs", error=True)
    print_failures(rows)
    if 0 < len(unasked) == len(rows):
        raise typer.Exit(1)


def print_failures(rows: "pl.DataFrame") -> None:
    """Print why chunks failed, and end the command with the status 1 if any did."""
    from stemtree.evaluation import tables

    failed = tables.failures(rows)
    for row in failed.iter_rows(named=True):
        first = f"the first '{row['track']}' at {row['start']} s"
        say(f"{counted(row['chunks'], 'chunk')} failed, {first}: {one_line(row['failure'])}", error=True)
    if len(failed):
        raise typer.Exit(1)
