"""A page that lies beside stems already; apart from `make`, whose imports nobody needs who makes no page."""

import json
import shutil
from pathlib import Path

PAGE = "page"
"""Name of the folder."""

SOURCES = "sources.json"
"""The file in it that tells of the stems it was made from."""


def drop_page(folder: Path) -> None:
    """Take a song's page away if it is one of ours and of stems that were replaced."""
    page = folder / PAGE
    if (page / SOURCES).is_file() and not _stems_are_those_of(page):
        if page.is_symlink():  # what it leads to is somebody else's
            page.unlink()
        else:
            shutil.rmtree(page)


def _stems_are_those_of(page: Path) -> bool:
    """Whether the stems that a page was made from lie beside it still, by their sizes and times."""
    try:
        stems = json.loads((page / SOURCES).read_text("ascii"))["stems"].items()
        found = [((page.parent / file).stat(), known) for file, known in stems]
        return all(
            (status.st_size, status.st_mtime_ns) == (known["bytes"], known["mtime_ns"]) for status, known in found
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
