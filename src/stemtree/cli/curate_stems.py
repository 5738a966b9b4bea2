"""``stemtree curate stems``, ``bleed``, ``split`` and ``stats``: the second half of building a dataset."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from stemtree.cli.messages import one_line, progress_bar

if TYPE_CHECKING:
    from stemtree.audio import Width
    from stemtree.corpora.track import Problem

Annotation = Annotated[Path, typer.Option(metavar="CSV", help="Labels: song, file, label.")]
Songs = Annotated[Path | None, typer.Option(metavar="CSV", help="Artists, titles and genres of the songs.")]
HierarchyName = Annotated[str, typer.Option(metavar="NAME|FILE", help="What the labels are looked up in.")]
Workers = Annotated[int | None, typer.Option(metavar="N", help="Processes (default: one a core).")]


def stems(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of raw tracks for each song.")],
    annotation: Annotation,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="ROOT", help="The corpus's folder.")],
    songs: Songs = None,
    bleed: Annotated[Path | None, typer.Option(metavar="CSV", help="The table of stemtree curate bleed.")] = None,
    drop_bleed: Annotated[bool, typer.Option("--drop-bleed", help="Leave out tracks that leak.")] = False,
    hierarchy: HierarchyName = "ms21",
    rate: Annotated[int, typer.Option(metavar="HZ", help="Sample rate of all that is written.")] = 44100,
    mono: Annotated[bool, typer.Option("--mono", help="Mono instead of stereo.")] = False,
    subtype: Annotated[
        str, typer.Option(metavar="float|pcm24|pcm16", help="Integers lower songs that would clip.")
    ] = "float",
    as_thesis: Annotated[
        bool, typer.Option("--as-thesis", help="Leave instrument stems at -25 LUFS; they do not add up.")
    ] = False,
    recorded_balance: Annotated[
        bool, typer.Option("--recorded-balance", help="Do not level an instrument's tracks before adding them.")
    ] = False,
    automix: Annotated[bool, typer.Option("--automix", help="Spread takes of guitars and backing vocals.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Make songs without tracks that are no use.")] = False,
    workers: Workers = None,
) -> None:
    """Mix raw tracks into instrument stems, MUSDB-like stems and mixtures; songs that are there are left."""
    from stemtree.curation.mixdown import StemSettings
    from stemtree.curation.stems import build_stems

    settings = StemSettings(
        hierarchy=hierarchy,
        sample_rate=rate,
        stereo=not mono,
        width=cast("Width", subtype),
        as_thesis=as_thesis,
        recorded_balance=recorded_balance,
        automix=automix,
        drop_bleed=drop_bleed,
        skip_bad=skip_bad,
    )
    with progress_bar("mixing") as progress:
        report = build_stems(
            folder, annotation, output, settings, songs=songs, bleed=bleed, workers=workers, progress=progress
        )
    _print(report.notes, "note: ")
    _print(report.problems)
    counts = Counter(problem.kind for problem in report.problems)
    found = ", ".join(f"{count} {kind}" for kind, count in counts.most_common()) or "no problems"
    typer.echo(
        f"{output}: {len(report.made)} songs made, {len(report.described)} described again, {len(report.kept)} kept; "
        f"{found}"
    )
    if report.problems:
        raise typer.Exit(1)


def _print(problems: "Iterable[Problem]", prefix: str = "") -> None:
    for problem in problems:
        typer.echo(f"stemtree: {prefix}{problem.kind}: {one_line(problem.message)}", err=True)
