"""The confusion picture."""

import os
from pathlib import Path

from stemtree.errors import OptionError
from stemtree.evaluation.confusion import ConfusionTable, is_right
from stemtree.extras import library
from stemtree.hierarchy import own_name
from stemtree.staging import whole_file, write_failure

FORMATS = ("png", "svg", "pdf")

_LEAST = 0.005
"""Shares below half a percent have no number."""


def check_figure(file: str | os.PathLike[str]) -> None:
    """See that a figure can be drawn into a file, before anything is measured.

    Raises
    ------
    LibraryError
        If matplotlib is not installed.
    OptionError
        If the file's ending is of no format, or its folder is not there.
    """
    library("matplotlib", "figures", "drawing needs", ", or leave out --figure")
    if _ending(file) not in FORMATS:
        raise OptionError(f"'{file}' ends in no format of figures: call it .png, .svg or .pdf")
    if not Path(file).parent.is_dir():
        raise OptionError(f"there is no folder '{Path(file).parent}' for the figure: make it first")


def draw_confusion(table: ConfusionTable, title: str, file: str | os.PathLike[str]) -> None:
    """Draw a table: true leaves as rows, estimated ones as columns, percent in the cells; right ones are framed.

    Parameters
    ----------
    table : ConfusionTable
        What is drawn.
    title : str
        Above.
    file : path-like
        PNG, SVG or PDF, by its ending.

    Raises
    ------
    OptionError
        If the file cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    rows, columns = table.share.shape
    figure = Figure(figsize=(2.6 + 0.55 * columns, 1.9 + 0.42 * rows), layout="constrained")
    axes = figure.subplots()
    axes.imshow(table.share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, leaf in enumerate(table.leaves):
        for column, estimated in enumerate(table.estimated):
            share = table.share[row, column]
            colour = "white" if share > 0.55 else "#222222"
            if share >= _LEAST:
                axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=8, color=colour)
            if is_right(leaf, estimated):
                place = (column - 0.5, row - 0.5)
                axes.add_patch(Rectangle(place, 1, 1, fill=False, edgecolor="#D55E00", linewidth=1.5))
    axes.set_yticks(
        range(rows), [f"{_name(leaf)} ({count})" for leaf, count in zip(table.leaves, table.chunks, strict=True)]
    )
    axes.set_xticks(range(columns), [_name(node) for node in table.estimated], rotation=45, ha="right")
    axes.set_ylabel("true leaf (chunks)")
    axes.set_xlabel("estimated leaf")
    axes.tick_params(length=0, labelsize=9)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize=10, loc="left")
    ending = _ending(file)
    try:
        with whole_file(Path(file)) as partial, rc_context({"svg.hashsalt": "stemtree", "svg.fonttype": "none"}):
            figure.savefig(partial, format=ending, dpi=120, metadata={"Date": None} if ending == "svg" else None)
    except OSError as error:
        raise OptionError(write_failure(Path(file), error)) from None


def _ending(file: str | os.PathLike[str]) -> str:
    return Path(file).suffix.removeprefix(".").lower()


def _name(node: str) -> str:
    return own_name(node).replace("_", " ")
