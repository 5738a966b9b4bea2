"""Finished files take the place of others in a song's folder: all of them, or none."""

import errno
import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from stemtree.staging import without_empty_folders

_ASIDE = ".replaced"
"""The folder, within the hidden one, where what is replaced lies until all is done."""


def exchange(staged: Path, folder: Path, manifest: str, files: Sequence[str], others: Sequence[str] = ()) -> None:
    """Move finished files and their manifest into a folder; if anything keeps them from it, all is as it was.

    At any moment the manifest that is there lists no file that is not what it says; some may be missing.

    Parameters
    ----------
    staged : pathlib.Path
        Holds what is finished; on the same file system as the folder.
    folder : pathlib.Path
        Where it goes.
    manifest : str
        Name of the manifest.
    files : sequence of str
        The other finished files, by their paths in both.
    others : sequence of str
        Files in the folder that go.

    Raises
    ------
    OSError
        If a file cannot be moved.
    """
    replaced = (*files, *others)
    with ExitStack() as stack:
        for file in files:
            stack.enter_context(without_empty_folders((folder / file).parent))
        try:
            _set_aside(staged / _ASIDE, folder, manifest, replaced)
            os.replace(staged / manifest, folder / manifest)
            for file in files:
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                os.replace(staged / file, folder / file)
        except BaseException:  # Ctrl-C too
            _put_back(staged, folder, manifest, files, replaced)
            raise


def _set_aside(aside: Path, folder: Path, manifest: str, files: Sequence[str]) -> None:
    """Take files out of the folder; the manifest is copied, since others may read it at any time."""
    aside.mkdir()
    if (folder / manifest).is_file():
        shutil.copy2(folder / manifest, aside / manifest)
    for file in files:
        if not os.path.lexists(folder / file):
            continue
        if (folder / file).is_dir() and not (folder / file).is_symlink():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(folder / file))
        (aside / file).parent.mkdir(parents=True, exist_ok=True)
        os.replace(folder / file, aside / file)


def _put_back(staged: Path, folder: Path, manifest: str, files: Sequence[str], replaced: Sequence[str]) -> None:
    """Undo what was done; where each file lies now says what that is."""
    aside = staged / _ASIDE
    back = [(folder / file, staged / file) for file in files if not os.path.lexists(staged / file)]
    if not os.path.lexists(staged / manifest):
        is_new = not os.path.lexists(aside / manifest)
        back.append((folder / manifest, staged / manifest) if is_new else (aside / manifest, folder / manifest))
    back += [(aside / file, folder / file) for file in replaced if os.path.lexists(aside / file)]
    for source, target in back:
        with suppress(OSError):  # whatever else can be put back is
            os.replace(source, target)
