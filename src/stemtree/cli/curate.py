"""``stemtree curate``: from raw multitracks to a hierarchical dataset in steps, each with files in and files out."""

import math
from pathlib import Path
from typing import Annotated

import typer

from stemtree.cli import curate_stems
from stemtree.cli.cluster_option import ClusterOption
from stemtree.cli.command_list import CommandList
from stemtree.cli.messages import one_line, progress_bar, say
from stemtree.cli.problem_report import count_kinds, print_problems
from stemtree.errors import OptionError, counted

app = typer.Typer(
    cls=CommandList,
    help="Build a hierarchical dataset from folders of raw multitracks.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Folder = Annotated[
    Path, typer.Option("-o", "--output", metavar="DIR", help="Write songs and reports into this folder.")
]


def gather(
    listing: Annotated[
        str, typer.Argument(metavar="LISTING", help="Gather the songs of this list: a CSV file or a saved page.")
    ],
    output: Folder,
    tries: Annotated[int, typer.Option(min=1, metavar="N", help="Try a download so often.")] = 5,
    keep_archives: Annotated[bool, typer.Option("--keep-archives", help="Leave archives that were unpacked.")] = False,
    no_previews: Annotated[bool, typer.Option("--no-previews", help="Do not fetch the previews.")] = False,
    most_gb: Annotated[float, typer.Option(min=0, metavar="GB", help="Refuse archives that unpack to more.")] = 40.0,
    most_files: Annotated[int, typer.Option(min=1, metavar="N", help="Refuse archives of more files.")] = 2000,
) -> None:
    """Fetch and unpack a library's songs; run it again to go on where it stopped."""
    from stemtree.curation.gather.archives import UnpackLimits
    from stemtree.curation.gather.download import DownloadSettings
    from stemtree.curation.gather.library import gather as run
    from stemtree.curation.gather.song import GatherSettings

    if math.isinf(most_gb):
        raise OptionError(f"--most-gb {most_gb} is no size: give a number of gigabytes")
    settings = GatherSettings(
        UnpackLimits(bytes=int(most_gb * 2**30), files=most_files),
        DownloadSettings(tries=tries),
        keep_archives,
        not no_previews,
    )
    with progress_bar("gathering") as progress:
        songs, problems = run(listing, output, settings, progress)
    for one in songs:
        if one.reason:
            say(f"{one.status}: {one_line(one.song)}: {one_line(one.reason)}")
        elif one.left_out and one.status == "unpacked":
            say(f"left out: {one_line(one.song)}: {one_line(', '.join(one.left_out))}")
    print_problems(problems)
    outcomes = [one.status for one in songs]
    say(f"{output}: {counted(len(songs), 'song')}; {count_kinds(outcomes)}")
    if "failed" in outcomes or "quarantined" in outcomes:
        raise typer.Exit(1)


def annotate(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER|NAMES.csv",
            help="Annotate the songs in this folder's folders, or those of a CSV file: song,file.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="ANNOTATION.csv", help="Write the annotation to this file.")
    ],
    review_share: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Mark this share for review (default: 0.1), and list it."),
    ] = None,
    songs: Annotated[
        Path | None, typer.Option(metavar="SONGS.csv", help="Write what holds for whole songs to this file.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(metavar="FILE.safetensors", help="Use these weights, from stemtree curate fit.")
    ] = None,
) -> None:
    """Propose a label for every file, from its name and those beside it; corrections made earlier stay."""
    from stemtree.curation.annotation.classifier.classifier import load_classifier
    from stemtree.curation.annotation.propose import annotate as run
    from stemtree.curation.annotation.propose import check_song_level, write_song_level
    from stemtree.curation.annotation.table import TO_REVIEW

    if songs:
        check_song_level(songs, output)
    model = load_classifier(weights) if weights else None
    done = run(source, output, 0.1 if review_share is None else review_share, model)
    if songs:
        write_song_level(songs, done.rows)
    print_problems(done.problems)
    marked = sorted((row for row in done.rows if row.review == TO_REVIEW), key=lambda row: row.confidence or 0)
    for row in marked if review_share is not None else ():
        say(f"{row.confidence or 0:.2f}  {one_line(row.song)} / {one_line(row.file)}: {row.label}")
    count = len({row.song for row in done.rows})
    size = f"{counted(len(done.rows), 'file')} of {counted(count, 'song')}"
    say(f"{output}: {size}; {done.kept} settled by a person, {len(marked)} to review")


def listen(
    root: Annotated[str, typer.Argument(metavar="FOLDER", help="Listen to the songs in this folder's folders.")],
    annotation: Annotated[str, typer.Option(metavar="ANNOTATION.csv", help="Mark doubtful rows in this file.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="EVIDENCE.csv", help="Write what files sound like to this file.")
    ],
    cluster: ClusterOption = None,
) -> None:
    """Listen to the files of an annotation, and mark rows for review where the sound speaks against the label."""
    from stemtree.curation.annotation.listen import listen as run

    with progress_bar("listening") as progress:
        evidence = run(root, annotation, output, progress)
    for one in evidence:
        if one.doubts:
            say(f"{one_line(one.song)} / {one_line(one.file)}: {one_line('; '.join(one.doubts))}")
    doubtful = counted(sum(bool(one.doubts) for one in evidence), "sounds unlike its label", "sound unlike their label")
    say(f"{output}: {counted(len(evidence), 'file')}, {doubtful}")


def fit(
    labels: Annotated[
        str,
        typer.Argument(metavar="LABELS.csv", help="Learn from this table that people have corrected: song,file,label."),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE.safetensors", help="Write the weights to this file.")
    ],
    folds: Annotated[int, typer.Option(min=2, metavar="N", help="Divide songs so often for the cross-validation.")] = 5,
) -> None:
    """Fit the classifier of file names and how certain it is, and print how good both are on songs left out."""
    from stemtree.curation.annotation.classifier.cross_validation import fit_and_measure
    from stemtree.curation.annotation.table import read_annotation

    rows = read_annotation(labels)
    with progress_bar("fitting") as progress:
        model, accuracies = fit_and_measure(
            [(row.song, row.file) for row in rows], [row.label for row in rows], folds, progress=progress
        )
    say("fold  exact  instrument  of all  10 % reviewed  calibration error")
    for name, one in accuracies.items():
        figures = (one.exact, one.instrument, one.instrument_of_all, one.reviewed, one.calibration_error)
        say(f"{name:5} " + "  ".join(f"{figure:.4f}" for figure in figures))
    say(
        "shares of files of songs left out; exact: the label is right; instrument: its instrument is, where it has one;"
        "\nof all: the same of all files; 10 % reviewed: exact, once the least certain tenth is corrected"
    )
    model.save(output)
    say(f"{output}: {counted(len(model.features), 'feature')}")


def check(
    root: Annotated[
        str, typer.Argument(metavar="ROOT", help="Check the songs in this folder: MedleyDB's layout, or its metadata.")
    ],
) -> None:
    """Find labels of raw tracks and stems that contradict each other, and stems or raw tracks without the other."""
    from stemtree.curation.annotation.contradictions import check_labels

    with progress_bar("checking") as progress:
        count, problems = check_labels(root, progress)
    print_problems(problems)
    say(f"{counted(count, 'song')}; {count_kinds(problem.kind for problem in problems)}")
    if problems:
        raise typer.Exit(1)


for command in (  # in the order in which they are used
    gather,
    annotate,
    listen,
    curate_stems.bleed,
    curate_stems.stems,
    check,
    curate_stems.split,
    curate_stems.stats,
    fit,
):
    app.command()(command)
