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
    if (folder / PAGE / SOURCES).is_file() and not _stems_are_those_of(folder / PAGE):
        shutil.rmtree(folder / PAGE)


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
