"""For audio workstations: one file per leaf, and a project of Reaper's in which parents are folders of tracks."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemtree.audio import OutputFormat, StemWriter
from stemtree.page.colours import NEUTRAL, families_of
from stemtree.page.export.common import Export, file_name
from stemtree.page.stems import LeafReader, Steps, Width, is_exact
from stemtree.page.tree import REST, PageTree

_READ_ME = """\
{title}

One file for each leaf of the tree; together they are the song{exactly}.
Put all of them at the start of a project. {project} opens in Reaper: parents are folders of tracks and
hold no audio of their own, so nothing sounds twice.
"""


def write_project(export: Export, folder: Path) -> None:
    """Write the leaves as numbered files, and the project.

    Files have 24 bits, or floating-point numbers where a leaf may go beyond full scale: no file needs a gain.
    """
    folder.mkdir()
    tree = export.tree
    widths = LeafReader(tree).widths
    names = leaf_names(tree)
    with ExitStack() as stack:
        writers = [
            stack.enter_context(StemWriter(folder / name, _output(width), tree.sample_rate, tree.channels))
            for name, width in zip(names, widths, strict=True)
        ]
        for block in export.blocks():
            for writer, steps, width in zip(writers, block, widths, strict=True):
                writer.write(_samples(steps, width).T)
    project = f"{file_name(tree.title)}.rpp"
    (folder / project).write_text(reaper_project(tree, names), "utf-8")
    exactly = ", sample by sample" if is_exact(tree) else "" if tree.covers else ", as far as it is here"
    text = _READ_ME.format(title=tree.title, project=project, exactly=exactly)
    (folder / "READ ME.txt").write_text(text, "utf-8")


def leaf_names(tree: PageTree) -> list[str]:
    """File names of the leaves, numbered in the order of the tree."""
    digits = max(2, len(str(len(tree.leaves))))
    names = []
    for number, leaf in enumerate(tree.leaves, 1):
        path = tree.nodes[leaf.node].path.replace("_", " ").replace("/", " - ")
        names.append(f"{number:0{digits}} {file_name(path)}.wav")
    return names


def reaper_project(tree: PageTree, files: list[str]) -> str:
    """A project of Reaper's: a track for each node under the mixture, folders for parents, an item for each leaf."""
    families = families_of([node.path for node in tree.nodes])
    seconds = tree.num_samples / tree.sample_rate
    of_node = {leaf.node: number for number, leaf in enumerate(tree.leaves)}
    lines = ['<REAPER_PROJECT 0.1 "6.0" 0', f"  SAMPLERATE {tree.sample_rate} 1 0", "  TEMPO 120 4 4"]

    def track(index: int, closes: int) -> None:
        node = tree.nodes[index]
        family = NEUTRAL if node.name == REST else families[node.path]
        leaf = of_node.get(index)
        folder = "1 1" if node.children else f"2 -{closes}" if closes else "0 0"
        lines.extend(
            [
                "  <TRACK",
                f"    NAME {_quoted(node.name.replace('_', ' '))}",
                f"    PEAKCOL {_colour(family.light)}",
                "    VOLPAN 1 0 -1 -1 1",
                f"    ISBUS {folder}",
                f"    NCHAN {max(2, tree.channels)}",
            ]
        )
        if leaf is not None:
            lines.extend(
                [
                    "    <ITEM",
                    "      POSITION 0",
                    f"      LENGTH {seconds:.10f}",
                    f"      NAME {_quoted(node.name.replace('_', ' '))}",
                    "      <SOURCE WAVE",
                    f"        FILE {_quoted(files[leaf])}",
                    "      >",
                    "    >",
                ]
            )
        lines.append("  >")
        for child in node.children:
            track(child, closes + 1 if child == node.children[-1] else 0)

    for top in tree.nodes[0].children:
        track(top, 0)
    return "\n".join([*lines, ">", ""])


def _output(width: Width) -> OutputFormat:
    return OutputFormat("wav", "pcm24" if width.gain == 1 else "float")


def _samples(steps: Steps, width: Width) -> NDArray[np.int32] | NDArray[np.float32]:
    if width.gain == 1:
        return steps.astype(np.int32) << (24 - width.bits)
    return steps.astype(np.float32) * np.float32(width.step)  # exact: 24 bits and a power of two


def _quoted(text: str) -> str:
    """Text as the project has it: in marks that it does not hold itself."""
    plain = " ".join(text.split())
    mark = next((mark for mark in "\"'`" if mark not in plain), None)
    return f"{mark}{plain}{mark}" if mark else '"{}"'.format(plain.replace('"', "'"))


def _colour(hexadecimal: str) -> int:
    """Blue, green and red in one number, with the bit that says that a colour was chosen."""
    red, green, blue = (int(hexadecimal[at : at + 2], 16) for at in (1, 3, 5))
    return 0x1000000 | blue << 16 | green << 8 | red
