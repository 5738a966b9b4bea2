"""``stemtree query``: separate the instrument that an example is a recording of."""

from pathlib import Path
from typing import Annotated

import typer

from stemtree.cli.songs import Reading, StreamOption, TruncatedOption, answer_missing, separate_songs
from stemtree.memory import check_room_for_torch


def query(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="SONG...",
            help="Separate these songs, those in these folders, or those that these quoted globs match.",
        ),
    ],
    like: Annotated[Path, typer.Option(metavar="EXAMPLE", help="Look for the instrument of this recording.")],
    model: Annotated[Path, typer.Option(metavar="RUN", help="Use this trained model, which must take queries.")],
    level: Annotated[
        int | None, typer.Option(metavar="N", help="Separate only this level of the path, 1 being the instrument.")
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Write the songs' folders into this one.")
    ] = Path("stems"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write all anew, over what is there.")] = False,
    stream: StreamOption = None,
    accept_truncated: TruncatedOption = False,
) -> None:
    """Separate every level of the path that an example points at: the instrument, its family, and so on upward."""
    from stemtree.separation.preview import preview_query

    preview_query(model, like, level)
    answer_missing(files)
    check_room_for_torch()
    from stemtree.audio import OutputFormat
    from stemtree.separation.query import query_separator

    reading = Reading(stream, accept_truncated)
    separate_songs(
        files, lambda: query_separator(model, like, level), OutputFormat(), output, overwrite, reading=reading
    )
