"""``stemtree view``: a separated song in the browser."""

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from stemtree.cli.messages import progress_bar, say


def view(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Show the song in this folder, which stemtree separate wrote.")
    ],
    port: Annotated[
        int, typer.Option(metavar="N", help="Serve the page on this port (default: any that is free).")
    ] = 0,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="TRUE_STEMS",
            help="Compare with the true stems: a folder of files named after the nodes, another separated song's "
            "folder, or with --kind a corpus.",
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="Read the corpus in this layout: slakh, musdb18, …, as in corpus info."),
    ] = None,
    track: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Compare with this song of the corpus (default: the one of this name)."),
    ] = None,
    remake: Annotated[bool, typer.Option("--remake", help="Make the page anew.")] = False,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Listen to a separated song: serves its page to this machine, and makes it first where there is none."""
    from stemtree.errors import OptionError
    from stemtree.page.make import find_page, make_page
    from stemtree.page.old import PAGE
    from stemtree.page.server import PageServer

    if reference is None and (kind or track):
        raise OptionError("--kind and --track say which true stems to compare with: give --reference as well")
    with ExitStack() as stack:
        found = None if remake else find_page(folder)
        if found is None:
            place = folder / PAGE
            if not os.access(folder, os.W_OK):  # such as a disc
                place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stemtree-"))) / PAGE
            with progress_bar("the page") as progress:
                found = make_page(folder, page=place, progress=progress)
        entry = "index.html"
        if reference is not None:
            entry = _compare(folder, found.parent, reference, kind, track)
        server = stack.enter_context(PageServer(folder, found.parent, port, entry))
        say(f"{server.address}\nCtrl-C ends it.")
        if open_browser:
            typer.launch(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("stopped", error=True)


def _compare(folder: Path, page: Path, reference: Path, kind: str | None, track: str | None) -> str:
    from stemtree.page.reference import write_reference
    from stemtree.page.tree import read_tree
    from stemtree.page.true_stems import read_reference

    stems = read_reference(read_tree(folder), reference, kind, track)
    with progress_bar("the true stems") as progress:
        return write_reference(stems, page, progress=progress).name
