"""Options of ``separate`` and ``query``, and the device of other commands."""

from typing import Annotated, Any, ClassVar

import typer

from stemtree.cli.local_command import LocalCommand
from stemtree.errors import OptionError

FILES_HELP = "Separate these songs, those in these folders, or those that these quoted globs match."

OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Write all anew, over what is there.")]
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
PageOption = Annotated[
    str | None,
    typer.Option(
        "--page", metavar="[opus]", help="Make a page to listen to it too, DIR/<song>/page; with opus, a small one."
    ),
]


class PageCommand(LocalCommand):
    """Lets ``--page`` be followed by what the page is to play."""

    urls: ClassVar[frozenset[str]] = frozenset({"files", "output"})

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read ``--page``, unless a codec follows, as ``--page=flac``."""
        following = [*args[1:], ""][: len(args)]
        pairs = zip(args, following, strict=True)
        named = [f"{one}=flac" if one == "--page" and other not in ("flac", "opus") else one for one, other in pairs]
        return super().parse_args(ctx, named)


def check_page(page: str | None) -> None:
    """Raise OptionError unless a page can play it."""
    if page not in (None, "flac", "opus"):
        raise OptionError(f"a page cannot play '{page}': give --page alone, for FLAC, or --page opus")
