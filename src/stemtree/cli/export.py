"""``stemtree export``: a separated song for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from stemtree.cli.messages import progress_bar, say


def export(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Export the song in this folder, which stemtree separate wrote.")
    ],
    kind: Annotated[
        str,
        typer.Option(
            "--as",
            metavar="stem.mp4|daw|trackswitch|zip",
            help="Write stem.mp4: Native Instruments' stem file; daw: numbered files of 24 bits and a Reaper project; "
            "trackswitch: configuration and folder of that player; zip: the stems in one file.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="PATH", help="Write to this file or folder (default: beside DIR)."),
    ] = None,
    codec: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Encode stem.mp4 as aac (default) or alac; trackswitch as flac, mp3 or ogg."),
    ] = None,
    part: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="Make this node a part of stem.mp4; up to four, which add up to the song."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Write a separated song for DJ software, an audio workstation, another player, or as one file."""
    from stemtree.page.export import export as write

    with progress_bar(kind) as progress:
        written = write(folder, kind, output, codec=codec, parts=part or (), overwrite=overwrite, progress=progress)
    say(written)
