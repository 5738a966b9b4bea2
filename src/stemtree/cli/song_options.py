"""Options of ``separate`` and ``query``, and the device of other commands."""

from typing import Annotated

import typer

StreamOption = Annotated[
    int | None,
    typer.Option(
        "--stream", metavar="N", min=0, help="Separate this audio stream of the files, from 0 (default: the first)."
    ),
]
TruncatedOption = Annotated[
    bool, typer.Option("--accept-truncated", help="Separate files that are cut off as far as they go.")
]
DeviceOption = Annotated[
    str,
    typer.Option(
        "-d", "--device", metavar="auto|cpu|cuda[:N]|mps", help="Compute here; auto: on a GPU if torch has one."
    ),
]
BatchOption = Annotated[
    int | None,
    typer.Option(
        "--batch",
        metavar="N",
        min=1,
        help="Compute so many blocks of 12 s at once (default: what a GPU holds; CPU: 1).",
    ),
]
JobsOption = Annotated[
    int | None,
    typer.Option(
        "-j",
        "--jobs",
        metavar="N",
        min=1,
        help="Separate N songs at once, and divide the threads among them (default: what should be fastest).",
    ),
]
