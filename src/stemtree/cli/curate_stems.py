"""``stemtree curate stems``, ``bleed``, ``split`` and ``stats``: the second half of building a dataset."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from stemtree.cli.cluster_option import ClusterOption, Workers
from stemtree.cli.given_options import refuse_given
from stemtree.cli.messages import one_line, progress_bar, say
from stemtree.cli.problem_report import count_kinds, print_problems
from stemtree.errors import OptionError, counted

if TYPE_CHECKING:
    from stemtree.audio import Width
    from stemtree.corpora.track import Problem

AnnotationFile = Annotated[Path, typer.Option(metavar="CSV", help="Read labels from this table: song, file, label.")]
Songs = Annotated[Path | None, typer.Option(metavar="CSV", help="Read artists, titles and genres from this table.")]
HierarchyName = Annotated[str, typer.Option(metavar="NAME|FILE", help="Look labels up in this hierarchy.")]


def stems(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Mix the songs in this folder, each a folder of raw tracks.")
    ],
    annotation: AnnotationFile,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="ROOT", help="Write the corpus into this folder.")],
    songs: Songs = None,
    bleed: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Read what leaks from the table of stemtree curate bleed.")
    ] = None,
    drop_bleed: Annotated[bool, typer.Option("--drop-bleed", help="Leave out tracks that leak.")] = False,
    hierarchy: HierarchyName = "ms21",
    rate: Annotated[int, typer.Option(metavar="HZ", help="Write everything at this sample rate.")] = 44100,
    mono: Annotated[bool, typer.Option("--mono", help="Write mono instead of stereo.")] = False,
    subtype: Annotated[
        str,
        typer.Option(
            metavar="float|pcm24|pcm16",
            help="Write samples of this width; songs that would clip as integers are lowered.",
        ),
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
    cluster: ClusterOption = None,
) -> None:
    """Mix raw tracks into instrument stems, MUSDB-like stems and mixtures; songs that are there are left."""
    from stemtree.curation.stems.build import build_stems
    from stemtree.curation.stems.settings import StemSettings

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
    print_problems(report.notes, "note: ", error=True)
    print_problems(report.problems, error=True)
    described = f"{len(report.described)} described again (metadata alone)"
    outcome = f"{counted(len(report.made), 'song')} made, {described}, {len(report.kept)} kept"
    say(f"{output}: {outcome}; {count_kinds(problem.kind for problem in report.problems)}")
    if report.problems:
        raise typer.Exit(1)


def bleed(
    songs: Annotated[list[Path], typer.Argument(metavar="SONG...", help="Measure the raw tracks in these folders.")],
    annotation: AnnotationFile,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="CSV", help="Write the table to this file; other songs' rows stay."),
    ],
    hierarchy: HierarchyName = "ms21",
    threshold: Annotated[
        float, typer.Option(metavar="DB", help="Flag tracks of which another instrument explains this much.")
    ] = -50,
    workers: Workers = None,
    cluster: ClusterOption = None,
) -> None:
    """Measure what every track hears of other instruments, and flag those that leak."""
    from stemtree.curation.bleed.measure import BleedSettings, update_leaks

    settings = BleedSettings(hierarchy, threshold)
    with progress_bar("listening") as progress:
        report = update_leaks(songs, annotation, output, settings, workers=workers, progress=progress)
    print_problems(report.problems, error=True)
    rows = [row for row in report.rows if row.song in {*report.measured, *report.kept}]
    leaking = [row for row in rows if row.leak.leaks]
    for row in leaking:
        source = f"{one_line(row.leak.from_file)} ({row.leak.from_label})"
        say(
            f"{one_line(row.song)}: {one_line(row.file)} ({row.label}) hears {source}: "
            f"{row.leak.leak_db} dB, {row.leak.delay_ms} ms later"
        )
    say(
        f"{output}: {counted(len(report.measured), 'song')} measured, {len(report.kept)} kept; "
        f"{len(leaking)} of {len(rows)} tracks leak; {counted(len(report.problems), 'problem')}"
    )
    if report.problems:
        raise typer.Exit(1)


def split(
    context: typer.Context,
    root: Annotated[
        Path | None, typer.Argument(metavar="[ROOT]", help="Split this corpus, which stemtree curate stems made.")
    ] = None,
    songs: Songs = None,
    annotation: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Read labels from this table, with --songs and without ROOT.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="CSV", help="Write the splits to this file, where there is no ROOT."),
    ] = None,
    fixed: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Read splits that are given from this table.")
    ] = None,
    shares: Annotated[
        str, typer.Option(metavar="A,B,C", help="Give train, validation and test these shares of the songs.")
    ] = "0.84,0.06,0.10",
    anew: Annotated[bool, typer.Option("--anew", help="Forget the splits of an earlier run.")] = False,
) -> None:
    """Split songs so that no artist is in two splits and genres and instruments are spread alike."""
    from stemtree.curation.splits.tables import SPLITS_FILE, assign_to_table, songs_from_tables, split_corpus

    try:
        wanted = [float(share) for share in shares.split(",")]
    except ValueError:
        raise OptionError(f"the shares '{shares}' are not numbers: give three, such as 0.84,0.06,0.10") from None
    strange: list[Problem] = []
    if root is not None:
        refuse_given(context, ("songs", "annotation", "output"), f"'{root}' has songs and their splits within it")
        splits, table = split_corpus(root, wanted, fixed=fixed, anew=anew), root / SPLITS_FILE
    elif songs and annotation and output:
        if output.resolve() in (songs.resolve(), annotation.resolve()):
            raise OptionError(f"'{output}' is one of the tables that are read: write the splits elsewhere")
        found, strange = songs_from_tables(songs, annotation)
        splits, table = assign_to_table(found, output, wanted, fixed=fixed, anew=anew), output
    else:
        raise OptionError("there is nothing to split: give a corpus, or --songs, --annotation and -o")
    print_problems([*strange, *splits.problems], error=True)
    if splits.unknown:
        say(f"'{fixed}' names {counted(len(splits.unknown), 'song')} not among these, such as '{splits.unknown[0]}'")
    for name, distance in splits.distances.items():
        say(
            f"{name:10} {distance.songs:4} songs; from all songs: genres {distance.genre:.3f}, "
            f"instruments {distance.instrument:.3f}"
        )
    say("distances from all songs: the share of genres or instruments that would have to change")
    say(f"{table}: {counted(len(splits.of), 'song')}, {len(splits.problems)} in no split")
    if strange or splits.problems:
        raise typer.Exit(1)


def stats(
    corpora: Annotated[
        list[str],
        typer.Argument(metavar="[NAME=][KIND:]ROOT...", help="Describe these corpora; KIND as in corpus info."),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Write tables and figures into this folder.")
    ],
    songs: Annotated[
        list[Path] | None, typer.Option(metavar="CSV", help="Read genres of songs from this table; can be repeated.")
    ] = None,
    splits: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Read splits from this table for songs that do not tell theirs.")
    ] = None,
    no_figures: Annotated[bool, typer.Option("--no-figures", help="Write tables only.")] = False,
) -> None:
    """Write the thesis's statistics of corpora side by side, as tables and figures."""
    from stemtree.curation.statistics.report import write_report

    with progress_bar("reading") as progress:
        report = write_report(
            corpora, output, songs=songs or (), splits=splits, figures=not no_figures, progress=progress
        )
    print_problems(report.problems, error=True)
    say((output / "corpora.md").read_text("utf-8").partition("\n\n")[2].rstrip())
    say(f"{output}: {counted(len(report.files), 'file')}, {counted(len(report.problems), 'problem')}")
    if report.problems:
        raise typer.Exit(1)
