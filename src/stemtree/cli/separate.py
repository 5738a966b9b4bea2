"""``stemtree separate``: from songs to folders of stems."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, cast

import typer

from stemtree.cli.cluster_option import ClusterOption
from stemtree.cli.given_options import refuse_given
from stemtree.cli.song_options import (
    FILES_HELP,
    BatchOption,
    DeviceOption,
    JobsOption,
    OverwriteOption,
    PageOption,
    StreamOption,
    TruncatedOption,
    check_page,
)
from stemtree.cli.song_report import Report
from stemtree.cli.song_work import Reading, Wishes
from stemtree.cli.songs import answer_missing, plan_songs, separate_songs
from stemtree.devices import AUTO, check_name, may_be_gpu
from stemtree.errors import OptionError
from stemtree.memory import check_room_for_torch, no_collection
from stemtree.storage import to_path
from stemtree.threads import Waiting, choose_waiting

if TYPE_CHECKING:
    from stemtree.audio import Width
    from stemtree.separation.output.layout import StemLayout
    from stemtree.separation.separator import Separator


def separate(
    context: typer.Context,
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE...", help=FILES_HELP),
    ] = None,
    recursive: Annotated[
        bool, typer.Option("-r", "--recursive", help="Look into folders within folders too; DIR gets the same folders.")
    ] = False,
    output: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            envvar="STEMTREE_OUTPUT",
            help="Write the songs' folders into this one, or to s3://BUCKET/DIR.",
        ),
    ] = "stems",
    hierarchy: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            envvar="STEMTREE_HIERARCHY",
            help="Separate into this tree (default: ms21_deep), as deep as can be served.",
        ),
    ] = None,
    two_stems: Annotated[
        str | None,
        typer.Option("--two-stems", metavar="NAME", help="Separate only this node and the rest of the song."),
    ] = None,
    sums: Annotated[
        list[str] | None,
        typer.Option(
            "--sum", metavar="NAME+NAME", help="Write only the sum of these nodes, as one file; can be repeated."
        ),
    ] = None,
    node: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Separate only this node, such as drums; can be repeated.")
    ] = None,
    depth: Annotated[
        int | None, typer.Option(metavar="N", help="Separate only so many generations of the tree.")
    ] = None,
    splitter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|PATH",
            envvar="STEMTREE_SPLITTER",
            help="Divide nodes with spleeter; voices, a model of lead and backing voices; demucs, openunmix, pymss or "
            "unblend, if installed (demucs:MODEL for another model); or a trained model, its folder or "
            "hf:OWNER/NAME. Repeated: each node with the first that can split it.",
        ),
    ] = None,
    stem_map: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[SPLITTER=]FILE", help="Take the stems of another separator for the nodes that this file says."
        ),
    ] = None,
    format: Annotated[
        str,
        typer.Option(metavar="wav|flac|ogg|mp3|m4a", envvar="STEMTREE_FORMAT", help="Write stems in this format."),
    ] = "wav",
    mp3_bitrate: Annotated[
        int | None, typer.Option(metavar="KBIT", help="Write MP3 at this many kbit/s, such as 320.")
    ] = None,
    subtype: Annotated[
        str | None,
        typer.Option(metavar="pcm16|pcm24|float", help="Write samples of this width (default: the input's)."),
    ] = None,
    leaves: Annotated[
        bool, typer.Option("--leaves", help="Write only leaves: together they are the song, every sound once.")
    ] = False,
    flat: Annotated[
        bool, typer.Option("--flat", help="Write all stems into one folder, sums of others into its sums/.")
    ] = False,
    filename: Annotated[
        str | None,
        typer.Option(
            metavar="TEMPLATE",
            help="Name files so within DIR (default: {track}/{path}.{ext}); {stem} and {trackext} can be had too.",
        ),
    ] = None,
    active_only: Annotated[
        bool, typer.Option("--active-only", help="Leave out nodes that are hardly there, 30 dB below the song.")
    ] = False,
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Write the song without this node, as one file; can be repeated."),
    ] = None,
    overwrite: OverwriteOption = False,
    list_only: Annotated[
        bool,
        typer.Option(
            "--list", "--list-nodes", help="Print the nodes that can be had and their names; separate nothing."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the files of each song, those that are there too, and end.")
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing but what goes wrong.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON for each song instead of its tree.")
    ] = False,
    stream: StreamOption = None,
    accept_truncated: TruncatedOption = False,
    device: DeviceOption = AUTO,
    batch: BatchOption = None,
    jobs: JobsOption = None,
    cluster: ClusterOption = None,
    page: PageOption = None,
) -> None:
    """Separate songs into stems that add up to them: DIR/<song>/<node>.<ext> and DIR/<song>/tree.json."""
    from stemtree.cli.node_list import list_nodes
    from stemtree.hierarchy import MIXTURE, load
    from stemtree.separation.output.filename import Filename
    from stemtree.separation.output.layout import StemLayout
    from stemtree.separation.preview import preview

    check_page(page)
    check_name(device)
    template = None if filename is None else Filename(filename)
    if template:
        template.check(format)
    layout = StemLayout(leaves, flat, active_only, tuple(without or ()), tuple(sums or ()), template)
    layout = _checked(layout if two_stems is None else layout.with_two_stems(two_stems), node, page)
    tree = None if hierarchy is None else load(hierarchy)
    named = node or layout.names
    if list_only:
        refuse_given(context, ("dry_run", "as_json", "quiet"), "--list prints nodes, and separates nothing")
        list_nodes(tree, splitter or (), depth, named, stem_map or ())
        return
    if not files:
        context.fail("Missing argument 'FILE...'.")
    reading, report = Reading(stream, accept_truncated), Report(quiet, as_json)
    wishes = Wishes(to_path(output), overwrite, page, reading, layout, recursive, report)
    if plan := preview(tree, splitter or (), depth, named, stem_map or ()):
        stems = layout.stems(plan.tree, plan.wanted)  # names given to --without
        children = {path: plan.tree.children(path) for path in (MIXTURE, *plan.tree.paths)}
        layout.files(stems, children, format, "song", "song.wav")
    answer_missing(files, wishes.report)
    waiting = Waiting.AS_SET
    if not dry_run:
        check_room_for_torch()
        waiting = choose_waiting()
    from stemtree.audio import OutputFormat

    written_as = OutputFormat(format, cast("Width | None", subtype), mp3_bitrate)
    if dry_run:
        if plan is None:
            raise OptionError("what such a model separates is known only once it is loaded: leave --dry-run out")
        plan_songs(files, plan, written_as, wishes)
        return

    if jobs is None and cluster is None and (waiting is Waiting.SLEEPING or may_be_gpu(device)):
        jobs = 1  # with cores that others use too nothing is won, and a GPU gets several blocks of one song instead
    make = partial(_make_separator, hierarchy, depth, named, splitter, stem_map, device, batch)
    separate_songs(files, make, written_as, replace(wishes, jobs=jobs, gpus=device.startswith("cuda")))


def _make_separator(
    hierarchy: str | None,
    depth: int | None,
    nodes: Sequence[str],
    splitter: list[str] | None,
    stem_map: list[str] | None,
    device: str,
    batch: int | None,
) -> "Separator":
    with no_collection():
        from stemtree.separation.separator import Separator

    return Separator(
        hierarchy, depth=depth, nodes=nodes, splitters=splitter, stem_maps=stem_map or (), device=device, batch=batch
    )


def _checked(layout: "StemLayout", node: list[str] | None, page: str | None) -> "StemLayout":
    """The layout, unless options contradict each other, which raises OptionError."""
    mixing = "--sum" if layout.sums else "--without" if layout.without else ""
    mixing = "--two-stems" if layout.sums and layout.without else mixing
    if node and (layout.leaves or mixing):
        other, remedy = ("--leaves", "leave one of them out") if layout.leaves else (mixing, "give them in two runs")
        raise OptionError(f"--node and {other} both say what is written: {remedy}")
    if page and mixing:
        what = "none" if mixing == "--without" else "other stems"
        raise OptionError(f"a page shows nodes, and {mixing} writes {what}: give --page in a run without it")
    if page and layout.filename and not layout.filename.has_song_folder:
        raise OptionError("a page lies in the song's own folder: begin --filename with {track}/, or leave --page out")
    return layout
