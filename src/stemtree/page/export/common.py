"""What all exports share: where they go, what they are called, and the leaves' samples."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemtree.audio import READ_SAMPLES
from stemtree.errors import OptionError
from stemtree.page.stems import LeafReader, Steps, Width
from stemtree.page.tree import PageTree
from stemtree.staging import behind_link, staging

Progress = Callable[[int, int | None], None]

_ENDINGS = {"stem.mp4": ".stem.mp4", "daw": " (DAW)", "trackswitch": " (trackswitch)", "zip": ".zip"}
_LONGEST = 120

_MARK = {"daw": "READ ME.txt", "trackswitch": "player-config.json"}
"""Files by which an export of a folder is known."""


@dataclass(frozen=True)
class Export:
    """One export to be made.

    Parameters
    ----------
    tree : PageTree
        What is exported.
    codec : str
        How audio is encoded, where there is a choice.
    parts : tuple of int
        The nodes that are the parts of a stem file.
    progress : callable, optional
        Told how many samples are done, and of how many.
    """

    tree: PageTree
    codec: str
    parts: tuple[int, ...]
    progress: Progress | None

    def blocks(self) -> Iterator[list[Steps]]:
        """The leaves' integers, `READ_SAMPLES` samples at a time, in the widths that `LeafReader` has for them."""
        done = 0
        for block in LeafReader(self.tree).blocks(READ_SAMPLES):
            yield block
            done += len(block[0])
            if self.progress:
                self.progress(done, self.tree.num_samples)

    def signals(self, block: list[Steps], node: int) -> NDArray[np.float64]:
        """``(sample, channel)``: a node's signal in one block, the sum of its leaves."""
        total = np.zeros(block[0].shape)
        for leaf in self.tree.nodes[node].leaves:
            total += block[leaf] * self._widths[leaf].step
        return total

    @cached_property
    def _widths(self) -> tuple[Width, ...]:
        return tuple(LeafReader(self.tree).widths)


def file_name(name: str) -> str:
    """A name that every file system takes, close to the one given."""
    plain = re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", name).strip(" .")[:_LONGEST]
    return plain or "song"


def destination(tree: PageTree, kind: str, output: Path | None, overwrite: bool) -> Path:
    """Where an export goes; raises OptionError if something is there that must not be replaced."""
    target = output or tree.folder.resolve().parent / f"{file_name(tree.title)}{_ENDINGS[kind]}"
    if target.exists() and not overwrite:
        raise OptionError(f"'{target}' is there already: give --overwrite or another name with -o")
    is_folder = kind in ("daw", "trackswitch")
    if target.exists() and target.is_dir() != is_folder:
        raise OptionError(f"'{target}' is a {'folder' if target.is_dir() else 'file'}: give another name with -o")
    if is_folder and target.is_dir() and any(target.iterdir()) and not (target / _MARK[kind]).exists():
        raise OptionError(f"'{target}' holds something else than such an export: give another name with -o")
    inside, folder = target.resolve(), tree.folder.resolve()
    if folder == inside or (is_folder and folder.is_relative_to(inside)):
        raise OptionError(f"the export would replace the stems in '{tree.folder}': give another name with -o")
    return target


@contextmanager
def published(target: Path) -> Iterator[Path]:
    """A path to write to, which gets its final name when it is whole; of a link, it replaces what that leads to."""
    target = behind_link(target)
    with staging(target) as folder:
        partial = folder / target.name
        yield partial
        if target.is_dir():
            old = target.with_name(f".{target.name[:50]}.{os.getpid()}.old")
            target.rename(old)
            partial.rename(target)
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.replace(partial, target)
