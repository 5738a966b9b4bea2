"""``stemtree corpus``: look at corpora, validate copies of them, and make them."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemtree.cli.cluster_option import ClusterOption, Workers
from stemtree.cli.command_list import CommandList
from stemtree.cli.corpus_options import In, Kind, Labels, SkipBad, read_corpus
from stemtree.cli.messages import markup, one_line, progress_bar, say, show
from stemtree.errors import counted

if TYPE_CHECKING:
    from rich.table import Table

    from stemtree.corpora.track import Corpus

app = typer.Typer(
    cls=CommandList,
    help="Look at corpora, validate copies of them, and make them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Root = Annotated[str, typer.Argument(metavar="ROOT", help="Read the corpus in this folder.")]


@app.command()
def check(
    root: Root,
    kind: Kind,
    hierarchy: In = None,
    labels: Labels = None,
    skip_bad: SkipBad = False,
    cluster: ClusterOption = None,
) -> None:
    """Validate a copy: what is wrong, where, and how often.

    Exits with 1 if anything is wrong, with --skip-bad only if nothing can be used.
    """
    from stemtree.corpora.check import check_corpus
    from stemtree.corpora.settings import CorpusSettings

    described = CorpusSettings(Path(root), kind, labels=labels)
    with progress_bar("checking") as progress:
        corpus = check_corpus(root, kind, described.hierarchy(hierarchy), progress)
    for problem in (*corpus.notes, *corpus.problems):
        say(f"{problem.kind}: {one_line(problem.message)}")
    counts = Counter(problem.kind for problem in corpus.problems)
    found = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    say(f"{counted(len(corpus.tracks), 'song')} can be read; {f'problems: {found}' if found else 'no problems'}")
    if not corpus.tracks or (corpus.problems and not skip_bad):
        raise typer.Exit(1)


@app.command()
def info(root: Root, kind: Kind, hierarchy: In = None, labels: Labels = None, skip_bad: SkipBad = False) -> None:
    """Print what a corpus holds: songs and hours per split, songs and stem hours per leaf; problems are counted."""
    from stemtree.corpora.load import load_corpus
    from stemtree.corpora.settings import CorpusSettings

    described = CorpusSettings(Path(root), kind, labels=labels)
    corpus = load_corpus(root, kind, described.hierarchy(hierarchy), skip_bad=True)
    for table in _tables(corpus):
        show(table, width=200)
    say("stems a song: on average; stem hours: the lengths of all stems, silence included")
    for problem in corpus.problems if skip_bad else ():
        say(problem.message, error=True)
    if corpus.problems:
        say(f"{counted(len(corpus.problems), 'problem')}: see stemtree corpus check", error=True)


@app.command()
def index(
    root: Root,
    kind: Kind,
    hierarchy: In = None,
    labels: Labels = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Write the index to this file (default: ROOT/salience-HIERARCHY.parquet).",
        ),
    ] = None,
    duration: Annotated[float, typer.Option(metavar="S", help="Cut songs into chunks of so many seconds.")] = 10.0,
    hop: Annotated[float, typer.Option(metavar="S", help="Begin a chunk every so many seconds.")] = 2.5,
    skip_bad: SkipBad = False,
    cluster: ClusterOption = None,
) -> None:
    """Measure how loud every node is in every chunk, for training; only songs that changed are measured again."""
    from stemtree.corpora.settings import CorpusSettings
    from stemtree.data.salience import Chunking, index_file, salience_index

    corpus, tree = read_corpus(CorpusSettings(Path(root), kind, labels=labels, skip_bad=skip_bad), hierarchy)
    file = output or index_file(corpus)
    with progress_bar("measuring") as progress:
        chunking = Chunking(duration, hop)
        measured = salience_index(corpus, tree, file, chunking, skip_bad=skip_bad, progress=progress)
    problems = corpus.problems + measured.problems
    for problem in measured.problems:
        say(problem.message, error=True)
    songs = len(corpus.tracks) - len(measured.problems)
    size = f"{counted(songs, 'song')}, {counted(len(measured.table), 'node')} in them, inner ones too"
    say(f"{file}: {size}; {counted(len(problems), 'problem')}")


@app.command()
def resample(
    root: Root,
    kind: Kind,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Write the copy into this folder.")],
    rate: Annotated[int, typer.Option(metavar="HZ", help="Resample to this rate.")] = 16000,
    stereo: Annotated[bool, typer.Option("--stereo", help="Keep channels instead of averaging them.")] = False,
    wav: Annotated[bool, typer.Option("--wav", help="Write FLAC as WAV, which is read several times as fast.")] = False,
    workers: Workers = None,
    skip_bad: SkipBad = False,
    cluster: ClusterOption = None,
) -> None:
    """Copy a corpus at another sample rate, in the same layout; songs that are in the copy already are left."""
    from stemtree.corpora.resample import resample_corpus
    from stemtree.corpora.resample_plan import ResampleSettings

    settings = ResampleSettings(rate, not stereo, wav)
    with progress_bar("resampling") as progress:
        problems = resample_corpus(root, kind, output, settings, workers=workers, skip_bad=skip_bad, progress=progress)
    for problem in problems:
        say(problem.message, error=True)
    left_out = sum(problem.kind == "unreadable" for problem in problems)
    say(f"{output}: {rate} Hz, {'stereo as it was' if stereo else 'mono'}, {counted(left_out, 'song')} left out")
    if left_out:
        raise typer.Exit(1)


@app.command()
def compose(
    count: Annotated[int, typer.Argument(metavar="N", help="Compose so many songs.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Write the MIDI files into this folder.")
    ],
    seed: Annotated[int, typer.Option(metavar="N", help="Draw every choice by this seed.")] = 0,
) -> None:
    """Compose songs as MIDI files, with MMA's bands and melodies on what they lack."""
    say(f"{output}: {counted(len(_compose(count, output, seed)), 'song')}")


@app.command()
def render(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="ROOT", help="Write the corpus into this folder.")],
    midis: Annotated[
        list[str] | None, typer.Argument(metavar="MIDI...", help="Render these General MIDI files.", show_default=False)
    ] = None,
    compose: Annotated[
        int | None, typer.Option(metavar="N", help="Compose so many songs in ROOT/midi, instead of MIDI files.")
    ] = None,
    soundfont: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[LABEL=]FILE",
            help="Draw sounds from this SF2, SF3 or SFZ, for all parts or those that LABEL means; can be repeated "
            "(default: pretty_midi's, a small one).",
        ),
    ] = None,
    drums: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Draw drum kits from this soundfont or SFZ; can be repeated."),
    ] = None,
    rate: Annotated[int, typer.Option(metavar="HZ", help="Write stems at this sample rate.")] = 44100,
    mono: Annotated[bool, typer.Option("--mono", help="Write mono instead of stereo with panning.")] = False,
    redraw: Annotated[bool, typer.Option("--redraw", help="Give parts instruments of any class.")] = False,
    redraw_bass: Annotated[
        bool, typer.Option("--redraw-bass", help="Redraw basses too: they and other instruments change places.")
    ] = False,
    skip_parts: Annotated[
        bool, typer.Option("--skip-parts", help="Leave parts out that no soundfont given has a sound for.")
    ] = False,
    double: Annotated[bool, typer.Option("--double", help="Let a second instrument play some parts too.")] = False,
    vary: Annotated[bool, typer.Option("--vary", help="Change keys, octaves, and sizes of instruments.")] = False,
    effects: Annotated[
        bool, typer.Option("--effects", help="Add equalisers, amplifiers, compressors and rooms.")
    ] = False,
    amplifiers: Annotated[
        bool, typer.Option("--amplifiers", help="Send electric guitars through amplifiers, chords as a whole.")
    ] = False,
    takes: Annotated[int, typer.Option(metavar="N", help="Render each song so often, with other choices.")] = 1,
    excerpt: Annotated[
        float | None, typer.Option(metavar="S", help="Render only so many seconds of each take.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|A:B:C",
            help="Put the songs into ROOT/train, ROOT/validation or ROOT/test; or divide them, such as 8:1:1.",
        ),
    ] = None,
    hierarchy: Annotated[
        str, typer.Option(metavar="NAME", help="Leave parts out that this hierarchy has no leaf for.")
    ] = "ms21",
    format: Annotated[str, typer.Option(metavar="wav|flac", help="Write stems in this format.")] = "wav",
    seed: Annotated[int, typer.Option(metavar="N", help="Draw every choice by this seed.")] = 0,
    workers: Workers = None,
    skip_bad: SkipBad = False,
    cluster: ClusterOption = None,
) -> None:
    """Render MIDI files into a corpus in Slakh's layout; songs that are there are left."""
    from stemtree.errors import OptionError
    from stemtree.rendering.packages import default_soundfont
    from stemtree.rendering.render import render_corpus
    from stemtree.rendering.settings import RenderSettings

    if bool(midis) == bool(compose):
        raise OptionError("what is to be rendered: give MIDI files, or --compose N")
    named = [_named_soundfont(text) for text in soundfont or [str(default_soundfont())]]
    settings = RenderSettings(
        soundfonts=tuple(dict.fromkeys(file for file, _ in named)),
        drum_soundfonts=tuple(drums or ()),
        sample_rate=rate,
        stereo=not mono,
        redraw=redraw,
        redraw_bass=redraw_bass,
        double=double,
        vary=vary,
        effects=effects,
        amplifiers=amplifiers,
        takes=takes,
        excerpt=excerpt,
        hierarchy=hierarchy,
        split=split,
        container=format,
        seed=seed,
        plays=tuple((file, label) for file, label in named if label),
        skip_parts=skip_parts,
    )
    midis = _compose(compose, output / "midi", seed) if compose else midis or []
    with progress_bar("rendering") as progress:
        problems = render_corpus(midis, output, settings, workers=workers, skip_bad=skip_bad, progress=progress)
    for problem in problems:
        say(problem.message, error=True)
    made = len(set(map(Path, midis))) * takes - len(problems)
    say(f"{output}: {counted(made, 'song')}, {len(problems)} left out")
    if problems:
        raise typer.Exit(1)


def _named_soundfont(text: str) -> tuple[Path, str]:
    """File and label of ``LABEL=FILE``; no label where the whole is a file's name."""
    label, equals, file = text.partition("=")
    return (Path(file), label) if equals and not Path(text).exists() else (Path(text), "")


def _compose(count: int, folder: Path, seed: int) -> list[str]:
    from stemtree.rendering.compose import compose_songs

    with progress_bar("composing") as progress:
        return [str(file) for file in compose_songs(count, folder, seed, progress=progress)]


def _tables(corpus: "Corpus") -> "list[Table]":
    from rich.table import Table

    splits = Table("split", "songs", "hours", "stems a song")
    for split in dict.fromkeys(track.split for track in corpus.tracks):
        tracks = [track for track in corpus.tracks if track.split == split]
        hours = sum(track.duration for track in tracks) / 3600
        stems = sum(len(track.stems) for track in tracks) / len(tracks)
        splits.add_row(markup(split or "(none)"), str(len(tracks)), f"{hours:.2f}", f"{stems:.1f}")
    leaves = Table("leaf", "songs", "stems", "stem hours")
    held = Counter(stem.leaf for track in corpus.tracks for stem in track.stems)
    for leaf, count in sorted(held.items()):
        tracks = [track for track in corpus.tracks if track.stems_of(leaf)]
        hours = sum(track.duration * len(track.stems_of(leaf)) for track in tracks) / 3600
        leaves.add_row(leaf, str(len(tracks)), str(count), f"{hours:.2f}")
    return [splits, leaves]
