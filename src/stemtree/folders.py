"""Finding files in folders."""

import os
from collections.abc import Iterator
from pathlib import Path

from stemtree.errors import OptionError


def files_below(folder: Path) -> Iterator[Path]:
    """Yield every file in a folder and the folders beneath it, in order of their names, links to folders followed.

    Parameters
    ----------
    folder : pathlib.Path
        Where to look; if it is no folder, nothing is found.

    Yields
    ------
    pathlib.Path
        A file; of a link that leads back to a folder above it, none.

    Raises
    ------
    OptionError
        If a folder cannot be read.
    """
    if folder.is_dir():
        yield from _files_below(folder, ())


def folder_name(folder: Path) -> str:
    """The name under which a folder was given, be it a link or ``.``."""
    return Path(os.path.abspath(folder)).name


def is_empty_folder(path: Path) -> bool:
    """Whether a path is a folder without anything in it."""
    return path.is_dir() and not any(path.iterdir())


def _files_below(folder: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    place = folder.resolve()
    if place in above:
        return
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise OptionError(f"cannot read the folder '{folder}': {error.strerror}; check its permissions") from None
    for entry in entries:
        if entry.is_dir():
            yield from _files_below(entry, (*above, place))
        else:
            yield entry
