"""``stemtree query``: separate the instrument that an example is a recording of."""

import glob
import os
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemtree.cli.song_options import (
    FILES_HELP,
    BatchOption,
    DeviceOption,
    OverwriteOption,
    PageOption,
    StreamOption,
    TruncatedOption,
    check_page,
)
from stemtree.cli.song_work import Reading, Wishes
from stemtree.cli.songs import answer_missing, separate_songs
from stemtree.devices import AUTO, check_name
from stemtree.errors import OptionError
from stemtree.memory import check_room_for_torch, no_collection
from stemtree.storage import is_url, to_path
from stemtree.threads import choose_waiting

if TYPE_CHECKING:
    from stemtree.separation.query_tree import QueryTree
    from stemtree.separation.separator import Separator
    from stemtree.separation.time_range import TimeRange


def query(
    files: Annotated[
        list[str],
        typer.Argument(metavar="SONG...", help=FILES_HELP),
    ],
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="EXAMPLE|FOLDER",
            help="Look for the instrument of this recording, or for those of a folder of them, each named after its "
            "leaf: the result is their tree.",
        ),
    ] = None,
    stretch: Annotated[
        str | None,
        typer.Option("--from", metavar="0:12-0:18", help="Take this stretch of EXAMPLE, or without one of the song."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", help="Use this trained model, which must take queries (default: the one that comes along)."
        ),
    ] = None,
    level: Annotated[
        int | None, typer.Option(metavar="N", help="Separate only this level of the path, 1 being the instrument.")
    ] = None,
    present: Annotated[
        float | None,
        typer.Option(
            metavar="DB",
            help="Leave out instruments of FOLDER so far below the song in every 12 s (default: as the model tells).",
        ),
    ] = None,
    output: Annotated[
        str,
        typer.Option(
            "-o", "--output", metavar="DIR", help="Write the songs' folders into this one, or to s3://BUCKET/DIR."
        ),
    ] = "stems",
    overwrite: OverwriteOption = False,
    stream: StreamOption = None,
    accept_truncated: TruncatedOption = False,
    device: DeviceOption = AUTO,
    batch: BatchOption = None,
    jobs: Annotated[
        int,
        typer.Option(
            "-j", "--jobs", metavar="N", min=1, help="Separate N songs at once, and divide the threads among them."
        ),
    ] = 1,
    page: PageOption = None,
) -> None:
    """Separate every level of the path that an example points at: the instrument, its family, and so on upward.

    Of a folder of examples, one for each leaf, separate the whole tree.
    """
    from stemtree.separation.preview import check_folder, check_presence, preview_query
    from stemtree.separation.time_range import to_time_range

    check_page(page)
    check_name(device)
    if like is None and stretch is None:
        raise OptionError(
            "nothing says what to look for: give --like EXAMPLE, or --from 0:12-0:18 for a stretch of the song in "
            "which it plays alone"
        )
    wanted = None if stretch is None else to_time_range(stretch)
    is_pattern = not os.path.exists(files[0]) and glob.has_magic(files[0]) and not is_url(files[0])
    if like is None and (len(files) > 1 or Path(files[0]).is_dir() or is_pattern):
        raise OptionError("--from takes a stretch of one song: give one, or the recording to take it from (--like)")
    if like is None and os.path.exists(files[0]) and stat.S_ISFIFO(os.stat(files[0]).st_mode):
        raise OptionError(
            f"--from takes a stretch of a song, which is read twice then, and '{files[0]}' is a pipe: save it as a "
            "file, or give --like"
        )
    if like is None and is_url(files[0]):
        raise OptionError(f"--from takes a stretch of a song of this machine: fetch '{files[0]}', or give --like")
    is_folder = like is not None and like.is_dir()
    if is_folder:
        check_folder(like, stretch, level)
    elif present is not None:
        raise OptionError("--present says which instruments of a folder of examples are there: give one with --like")
    check_presence(present)
    preview_query(model, like, level)
    answer_missing(files)
    check_room_for_torch()
    choose_waiting()
    from stemtree.audio import OutputFormat

    reading = Reading(stream, accept_truncated)
    make: Callable[[], Separator | QueryTree]
    if like is not None and is_folder:
        make = partial(_query_tree, model, like, present, device, batch)
    else:
        example, read = (files[0], reading) if like is None else (like, Reading())
        make = partial(_query_separator, model, example, wanted, read, level, device, batch)
    separate_songs(files, make, OutputFormat(), Wishes(to_path(output), overwrite, page, reading, jobs=jobs))


def _query_tree(model: Path | None, like: Path, present: float | None, device: str, batch: int | None) -> "QueryTree":
    from stemtree.separation.preview import query_model

    with no_collection():
        from stemtree.separation.query_tree import QueryTree

    return QueryTree(query_model(model), like, present, device=device, batch=batch)


def _query_separator(
    model: Path | None,
    example: str | Path,
    stretch: "TimeRange | None",
    reading: Reading,
    level: int | None,
    device: str,
    batch: int | None,
) -> "Separator":
    with no_collection():
        from stemtree.separation.query import query_separator
        from stemtree.separation.splitters.example import read_example

    recording = read_example(example, stretch, stream=reading.stream, accept_truncated=reading.accept_truncated)
    return query_separator(model, recording, level, device=device, batch=batch)
