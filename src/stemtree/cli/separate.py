"""``stemtree separate``: from songs to folders of stems."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperCommand

from stemtree.cli.songs import (
    BatchOption,
    DeviceOption,
    Reading,
    StreamOption,
    TruncatedOption,
    answer_missing,
    separate_songs,
)
from stemtree.devices import AUTO, check_name
from stemtree.errors import OptionError
from stemtree.memory import check_room_for_torch

if TYPE_CHECKING:
    from stemtree.audio import Width
    from stemtree.separation.output.layout import StemLayout
    from stemtree.separation.separator import Separator


class SeparateCommand(TyperCommand):
    """Lets ``--page`` be followed by what the page is to play."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read ``--page``, unless a codec follows, as ``--page=flac``."""
        following = [*args[1:], ""][: len(args)]
        pairs = zip(args, following, strict=True)
        named = [f"{one}=flac" if one == "--page" and other not in ("flac", "opus") else one for one, other in pairs]
        return super().parse_args(ctx, named)


def separate(
    context: typer.Context,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE...",
            help="Separate these songs, those in these folders, or those that these quoted globs match.",
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Write the songs' folders into this one.")
    ] = Path("stems"),
    hierarchy: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE", help="Separate into this tree (default: ms21_deep), as deep as can be served."
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
            help="Divide nodes with spleeter; demucs, openunmix, pymss or unblend, if installed (demucs:MODEL for "
            "another model); or a trained model, by its folder. Repeated: each node with the first that can split it.",
        ),
    ] = None,
    stem_map: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[SPLITTER=]FILE", help="Take the stems of another separator for the nodes that this file says."
        ),
    ] = None,
    format: Annotated[str, typer.Option(metavar="wav|flac|ogg|mp3", help="Write stems in this format.")] = "wav",
    subtype: Annotated[
        str | None,
        typer.Option(metavar="pcm16|pcm24|float", help="Write samples of this width (default: the input's)."),
    ] = None,
    leaves: Annotated[
        bool, typer.Option("--leaves", help="Write only leaves: together they are the song, every sound once.")
    ] = False,
    flat: Annotated[
        bool, typer.Option("--flat", help="Write all into one folder, those that are sums of others into its sums/.")
    ] = False,
    active_only: Annotated[
        bool, typer.Option("--active-only", help="Leave out nodes that are hardly there, 30 dB below the song.")
    ] = False,
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Write the song without this node, as one file; can be repeated."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write all anew, over what is there.")] = False,
    list_only: Annotated[
        bool, typer.Option("--list", help="Print the nodes that can be had and their names; separate nothing.")
    ] = False,
    stream: StreamOption = None,
    accept_truncated: TruncatedOption = False,
    device: DeviceOption = AUTO,
    batch: BatchOption = None,
    page: Annotated[
        str | None,
        typer.Option(
            metavar="[opus]", help="Make a page to listen to it too, DIR/<song>/page; with opus, a small one."
        ),
    ] = None,
) -> None:
    """Separate songs into stems that add up to them: DIR/<song>/<node>.<ext> and DIR/<song>/tree.json."""
    from stemtree.cli.node_list import list_nodes
    from stemtree.hierarchy import load
    from stemtree.separation.preview import preview

    layout = _layout(node, leaves, flat, active_only, without, page)
    if page not in (None, "flac", "opus"):
        raise OptionError(f"a page cannot play '{page}': give --page alone, for FLAC, or --page opus")
    check_name(device)
    tree = None if hierarchy is None else load(hierarchy)
    if list_only:
        list_nodes(tree, splitter or (), depth, node or (), stem_map or ())
        return
    if not files:
        context.fail("Missing argument 'FILE...'.")
    named = node or without or ()
    if plan := preview(tree, splitter or (), depth, named, stem_map or ()):
        layout.stems(plan.tree, plan.wanted)  # names given to --without
    answer_missing(files)
    check_room_for_torch()
    from stemtree.audio import OutputFormat

    width = cast("Width | None", subtype)

    def separator() -> "Separator":
        from stemtree.separation.separator import Separator
        from stemtree.separation.splitters.registry import make_splitters

        splitters = make_splitters(splitter, hierarchy, stem_map or ()) if splitter else None
        return Separator(hierarchy, depth=depth, nodes=named, splitters=splitters, device=device, batch=batch)

    reading = Reading(stream, accept_truncated)
    separate_songs(files, separator, OutputFormat(format, width), output, overwrite, page, reading, layout)


def _layout(
    node: list[str] | None, leaves: bool, flat: bool, active_only: bool, without: list[str] | None, page: str | None
) -> "StemLayout":
    """Which stems are to be written; raises OptionError where options contradict each other."""
    from stemtree.errors import OptionError
    from stemtree.separation.output.layout import StemLayout

    if node and (leaves or without):
        other, remedy = ("--leaves", "leave one of them out") if leaves else ("--without", "give them in two runs")
        raise OptionError(f"--node and {other} both say what is written: {remedy}")
    if page and without:
        raise OptionError("a page shows nodes, and --without writes none: give --page in a run without it")
    return StemLayout(leaves, flat, active_only, tuple(without or ()))
