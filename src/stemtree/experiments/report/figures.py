"""Figures of an experiment as SVG whose bytes follow from the rows alone."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stemtree.experiments.definition import Claim
from stemtree.experiments.results import Results
from stemtree.experiments.statistics import Difference
from stemtree.experiments.verdicts import Outcome, Verdict, level_name
from stemtree.staging import whole_file

_COLOURS = {
    Outcome.SUPPORTED: "#1b7f5c",
    Outcome.OPPOSED: "#b3402a",
    Outcome.UNDECIDED: "#777777",
    Outcome.NOT_JUDGED: "#bbbbbb",
}
_STYLE: Any = {
    "svg.hashsalt": "stemtree",  # otherwise names within the file are drawn anew every time
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_WIDTH, _ROW = 7.2, 0.32
"""Inches."""


def forest(arms: Mapping[str, Difference], limits: Mapping[str, float], title: str) -> Figure:
    """Every arm's improvement with its interval, between the baselines.

    Parameters
    ----------
    arms : mapping
        By name, against no change at all.
    limits : mapping
        Mean improvement of the baselines, drawn as lines.
    title : str
        Above.
    """
    figure, axes = _rows(list(arms))
    for row, difference in enumerate(arms.values()):
        _interval(axes, row, difference, "#1f5f8b")
    for line, (name, value) in enumerate(limits.items()):
        axes.axvline(value, color="#999999", linestyle=("--", ":", "-.")[line % 3], linewidth=1, label=name)
    if limits:
        axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(limits), fontsize=8)
    axes.set_xlabel(title)
    return figure


def forest_of_claims(verdicts: Sequence[Verdict], published: Mapping[int, float]) -> Figure:
    """Every claim's difference with its interval and margin; `published` has the papers' difference by number."""
    judged = [(number, verdict) for number, verdict in enumerate(verdicts) if verdict.difference]
    names = [_claim_name(verdict.claim) for _, verdict in judged]
    figure, axes = _rows(names)
    for row, (number, verdict) in enumerate(judged):
        if verdict.claim.margin:
            axes.fill_betweenx([row - 0.35, row + 0.35], -verdict.claim.margin, verdict.claim.margin, color="#e4e4e4")
        if verdict.difference:
            _interval(axes, row, verdict.difference, _COLOURS[verdict.outcome])
        if number in published:
            axes.plot(published[number], row, marker="D", markersize=5, color="none", markeredgecolor="#444444")
    axes.axvline(0, color="#999999", linewidth=1)
    sources = "\n◇ the source's, on another corpus and size" if any(number in published for number, _ in judged) else ""
    axes.set_xlabel(f"difference in SI-SDR improvement, dB{sources}")
    return figure


def learning_curves(results: Results, losses: Mapping[str, str]) -> Figure:
    """Loss of the validations by step, one panel for each loss, one line for each seed.

    Parameters
    ----------
    results : Results
        Of the experiment.
    losses : mapping
        Name of each arm's loss.
    """
    with_curve = {arm: [run.description.curve for run in runs] for arm, runs in results.trained.items()}
    kinds = list(dict.fromkeys(losses[arm] for arm in with_curve))
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, 2.6 * len(kinds)), layout="constrained")
        panels = figure.subplots(len(kinds), 1, squeeze=False)[:, 0]
        colours = matplotlib.colormaps["tab10"]
        for panel, kind in zip(panels, kinds, strict=True):
            for number, arm in enumerate(arm for arm in with_curve if losses[arm] == kind):
                for seed, curve in enumerate(with_curve[arm]):
                    steps, values = zip(*curve, strict=True) if curve else ((), ())
                    label = arm if seed == 0 else None
                    panel.plot(np.add(steps, 1), values, color=colours(number % 10), linewidth=1, label=label)
            panel.set_ylabel(f"validation loss, {kind}")
            panel.set_xlabel("steps")
            panel.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def save(figure: Figure, file: Path) -> None:
    """Write a figure as SVG, without anything that changes from day to day."""
    buffer = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())
    with whole_file(file) as partial:
        partial.write_text(text + "\n", "utf-8")


def _claim_name(claim: Claim) -> str:
    if claim.tests and claim.first == claim.second:
        right, wrong = claim.tests
        return f"{claim.first}: {right}\n\N{MINUS SIGN} {wrong}, {level_name(claim)}"
    gained = "gain of " if claim.tests else ""
    return f"{gained}{claim.first} \N{MINUS SIGN} {claim.second}, {level_name(claim)}"


def _rows(names: Sequence[str]) -> tuple[Figure, Axes]:
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, 0.9 + _ROW * len(names)), layout="constrained")
        axes = figure.subplots()
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.grid(axis="x", color="#eeeeee")
        axes.set_axisbelow(True)
    return figure, axes


def _interval(axes: Axes, row: int, difference: Difference, colour: str) -> None:
    if not np.isnan(difference.low):
        axes.plot([difference.low, difference.high], [row, row], color=colour, linewidth=2, solid_capstyle="butt")
    axes.plot(difference.mean, row, marker="o", markersize=5, color=colour)
