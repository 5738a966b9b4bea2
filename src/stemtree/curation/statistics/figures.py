"""Figures of the statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, filterwarnings

from stemtree.curation.statistics.tables import BIN_SECONDS, Table, shares
from stemtree.errors import CorpusError, counted
from stemtree.extras import library
from stemtree.staging import whole_file, write_failure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999", "#F0E442")
"""A palette that colour-blind people can tell apart (Okabe and Ito 2008)."""


def require_matplotlib() -> None:
    """Raise OptionError if matplotlib is not installed."""
    library("matplotlib", "figures", "drawing needs", ", or give --no-figures")


def draw_bars(table: Table, file: Path, unit: str) -> list[Path]:
    """Draw a table of counts as groups of horizontal bars, one for each column; rows without any are left out.

    Parameters
    ----------
    table : Table
        Labels in the first column.
    file : pathlib.Path
        Without a suffix; ``.png`` and ``.svg`` are written.
    unit : str
        Label of the axis. If it begins with ``%``, each column is drawn in percent of its sum, so that corpora of any
        size compare.
    """
    percent = unit.startswith("%")
    table = replace(table, rows=tuple(row for row in table.rows if any(row[1:])))
    labels = [str(row[0]).replace("_", " ") for row in table.rows]
    columns = shares(table) if percent else {
        name: [float(row[number] or 0) for row in table.rows] for number, name in enumerate(table.header[1:], 1)
    }  # fmt: skip
    height = 0.15 * len(labels) * (len(columns) + 1) + 1.3
    figure, axes = _figure(max(3.0, height))
    thickness = 0.8 / max(1, len(columns))
    for number, (name, values) in enumerate(columns.items()):
        places = [place + (number - (len(columns) - 1) / 2) * thickness for place in range(len(labels))]
        bars = axes.barh(places, values, 0.9 * thickness, label=name, color=COLOURS[number % len(COLOURS)])
        axes.bar_label(bars, [_number(value, percent) for value in values], padding=2, fontsize=7, color="#444444")
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlabel(unit)
    axes.margins(x=0.1, y=0.01)
    _finish(axes, table.title, columns)
    return _save(figure, file)


def draw_durations(lengths: Mapping[str, Sequence[float]], title: str, file: Path) -> list[Path]:
    """Draw histograms of the songs' lengths in seconds, one corpus below the other on the same axis."""
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    figure, rows = _figure(1.5 * max(1, len(lengths)) + 1.1, len(lengths))
    longest = max((max(values) for values in lengths.values() if values), default=BIN_SECONDS)
    edges = [BIN_SECONDS * number for number in range(int(longest // BIN_SECONDS) + 2)]
    for number, ((name, values), axes) in enumerate(
        zip(lengths.items(), rows if len(lengths) > 1 else [rows], strict=True)
    ):
        part = [100 / len(values)] * len(values)
        axes.hist(values, edges, weights=part, color=COLOURS[number % len(COLOURS)], edgecolor="white", linewidth=0.5)
        mean = sum(values) / len(values)
        axes.axvline(mean, color="#222222", linewidth=1, linestyle="--")
        axes.set_title(f"{name}: {counted(len(values), 'song')}, mean {_clock(mean)}", fontsize=9, loc="left")
        axes.set_ylabel("% of songs")
        axes.xaxis.set_major_locator(MultipleLocator(_tick(longest)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _clock(value)))
        axes.set_xlim(0, edges[-1])
        _remove_frame(axes, "y")
    axes.set_xlabel("length (minutes:seconds)")
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    return _save(figure, file)


def _figure(height: float, rows: int = 1) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, height), layout="constrained")
    return figure, figure.subplots(max(1, rows), 1, sharex=True)


def _finish(axes: Axes, title: str, columns: Mapping[str, Sequence[float]]) -> None:
    axes.set_title(title, fontsize=11, loc="left")
    axes.tick_params(axis="y", length=0)
    _remove_frame(axes, "x")
    if len(columns) > 1:
        axes.figure.legend(frameon=False, fontsize=9, loc="outside lower left", ncols=2)


def _remove_frame(axes: Axes, grid: str) -> None:
    """Remove the frame, and draw a faint grid behind the data."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="x" if grid == "x" else "y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def _save(figure: Figure, file: Path) -> list[Path]:
    from matplotlib import rc_context

    files = [file.with_name(f"{file.name}.{ending}") for ending in ("png", "svg")]
    try:
        with rc_context({"svg.hashsalt": "stemtree", "svg.fonttype": "none"}), catch_warnings():
            filterwarnings("ignore", "Glyph .* missing")  # the font lacks some scripts; the SVG shows them
            with whole_file(files[0]) as png, whole_file(files[1]) as svg:
                figure.savefig(png, format="png", dpi=150)
                figure.savefig(svg, format="svg", metadata={"Date": None})
    except OSError as error:
        raise CorpusError(write_failure(file, error)) from None
    return files


def _number(value: float, percent: bool) -> str:
    if not value:
        return ""
    return f"{value:.1f}" if percent else f"{value:.0f}"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _tick(longest: float) -> int:
    """Seconds between ticks: at most a dozen ticks, at whole minutes unless songs are short."""
    return next((step for step in (5, 10, 30) if longest <= 12 * step), 60 * -(-int(longest) // (60 * 12)))
