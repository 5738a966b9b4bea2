"""A separated song for other programs: DJ software, audio workstations, another player, an archive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from stemtree.errors import OptionError, suggest
from stemtree.hierarchy import NodePath
from stemtree.page.export.archive import write_zip
from stemtree.page.export.common import Export, Progress, destination, published
from stemtree.page.export.daw import write_project
from stemtree.page.export.parts import choose_parts
from stemtree.page.export.stem_mp4 import write_stem_mp4
from stemtree.page.export.trackswitch import write_trackswitch
from stemtree.page.tree import read_tree

_WRITERS: dict[str, Callable[[Export, Path], None]] = {
    "stem.mp4": write_stem_mp4,
    "daw": write_project,
    "trackswitch": write_trackswitch,
    "zip": write_zip,
}

KINDS = tuple(_WRITERS)

_CODECS = {"stem.mp4": ("aac", "alac"), "trackswitch": ("flac", "mp3", "ogg")}
"""What a kind can be encoded as, its default first."""


def export(
    folder: Path,
    kind: str,
    output: Path | None = None,
    *,
    codec: str | None = None,
    parts: Sequence[NodePath] = (),
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write a separated song for another program.

    Parameters
    ----------
    folder : pathlib.Path
        The song's own, with its ``tree.json``.
    kind : str
        One of `KINDS`.
    output : pathlib.Path, optional
        The file or folder to write; by default beside the song's folder, named after the song.
    codec : str, optional
        Of ``stem.mp4``: ``aac`` or ``alac``; of ``trackswitch``: ``flac``, ``mp3`` or ``ogg``.
    parts : sequence of NodePath
        Of ``stem.mp4``: the nodes, four at most, that add up to the song; by default chosen from the tree.
    overwrite : bool
        Replace what is there.
    progress : callable, optional
        Told how many samples are done, and of how many.

    Returns
    -------
    pathlib.Path
        What was written.

    Raises
    ------
    OptionError
        If there is no such kind, codec or node, if the parts are not the song, or if something is there already.
    AudioError
        If stems are missing, have changed since they were separated, or cannot be read, or if nothing can be written.
    """
    if kind not in KINDS:
        raise OptionError(f"there is no export '{kind}'{suggest(kind, KINDS)}")
    codecs = _CODECS.get(kind, ())
    if codec is not None and codec not in codecs:
        takes = f"takes {', '.join(codecs)}" if codecs else "has no codec to choose"
        raise OptionError(f"the export {kind} cannot be '{codec}': it {takes}")
    if parts and kind != "stem.mp4":
        raise OptionError(f"the export {kind} holds the whole tree: leave --part out")
    tree = read_tree(folder)
    chosen = choose_parts(tree, parts) if kind == "stem.mp4" else ()
    target = destination(tree, kind, output, overwrite)
    task = Export(tree, codec or (codecs[0] if codecs else ""), chosen, progress)
    with published(target) as partial:
        _WRITERS[kind](task, partial)
    return target


__all__ = ["KINDS", "export"]
