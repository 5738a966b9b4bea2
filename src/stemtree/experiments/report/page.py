"""The page of one experiment."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stemtree.errors import counted
from stemtree.evaluation.levels import ALL_LEVELS
from stemtree.experiments.definition import Experiment, arm_settings
from stemtree.experiments.report import figures
from stemtree.experiments.report.text import (
    CEILING,
    FLOOR,
    NAMES,
    claim_text,
    decibels,
    percent,
    reasons,
    table,
    verdict_text,
    with_interval,
)
from stemtree.experiments.results import OnTest, Results, headroom, mean_of
from stemtree.experiments.rows import SDR_STATISTICS
from stemtree.experiments.statistics import Arm, Difference, compare
from stemtree.experiments.verdicts import Verdict, judge
from stemtree.networks.mask_inference import MaskInferenceSettings
from stemtree.networks.query_by_example import QueryByExampleSettings
from stemtree.networks.registry import NetworkSettings
from stemtree.staging import whole_file

MOST_NODES = 20


@dataclass(frozen=True)
class Page:
    """What a page is made from.

    Parameters
    ----------
    name : str
        Of the experiment.
    experiment : Experiment
        Its question, arms, claims and published rows.
    size : str
        Of its runs.
    results : Results
        Of its runs.
    verdicts : list of Verdict
        On its claims.
    """

    name: str
    experiment: Experiment
    size: str
    results: Results
    verdicts: list[Verdict]

    @property
    def main(self) -> OnTest | None:
        """The first test set, on which claims are judged."""
        return self.results.tests[0] if self.results.tests else None


def make_page(name: str, experiment: Experiment, size: str, results: Results) -> Page:
    """Judge an experiment's claims."""
    arms = results.tests[0].arms if results.tests else {}
    return Page(name, experiment, size, results, judge(experiment.claims, arms))


def write_page(page: Page, folder: Path) -> None:
    """Write a page and its figures."""
    parts = [f"# {page.experiment.question}", f"`{page.name}`: {page.experiment.source}.", _progress(page)]
    if page.experiment.claims:
        parts += ["## Verdict", _verdicts(page)]
        if any(verdict.difference for verdict in page.verdicts):
            figures.save(figures.forest_of_claims(page.verdicts, _published(page)), folder / f"{page.name}_claims.svg")
            parts.append(f"![Differences with their intervals]({page.name}_claims.svg)")
    if page.main:
        parts += ["## Improvement", _improvement(page, page.main)]
        whole = {arm: _interval(levels[ALL_LEVELS]) for arm, levels in _arms(page.main) if ALL_LEVELS in levels}
        if whole:
            limits = {NAMES[name]: mean_of(page.main.arms[name][ALL_LEVELS]) for name in _baselines(page.main)}
            title = "SI-SDR improvement over all levels, dB, with 95 % intervals over seeds and songs"
            figures.save(figures.forest(whole, limits, title), folder / f"{page.name}_arms.svg")
            parts.append(f"![Improvement of every arm]({page.name}_arms.svg)")
        parts += _nodes(page, page.main)
        parts += _published_sdr(page)
        for other in page.results.tests[1:]:
            parts += [f"### On `{other.test}`", _improvement(replace(page, experiment=_unpublished(page)), other)]
    if (folder / f"{page.name}_chunk.png").exists():
        parts += [
            "## The median chunk",
            "The chunk in the middle by the mean improvement of the arms that are shown, with their first seed: "
            "mixture, then for each level spectrogram (80 dB) and mask of the truth (the ideal mask) and of each arm, "
            "with its SI-SDR improvement there (thesis, figure 15).",
            f"![Spectrograms and masks]({page.name}_chunk.png)",
        ]
    if why := reasons(page.experiment, page.verdicts, page.main):
        parts += ["## Why", *why]
    if any(run.description.curve for runs in page.results.trained.values() for run in runs):
        losses = {arm: arm_settings(page.experiment, arm, page.size).loss for arm in page.results.trained}
        figures.save(figures.learning_curves(page.results, losses), folder / f"{page.name}_curves.svg")
        parts += ["## Learning curves", f"![Validation loss by step]({page.name}_curves.svg)"]
    with whole_file(folder / f"{page.name}.md") as partial:
        partial.write_text("\n\n".join(parts) + "\n", "utf-8")


def progress(page: Page) -> tuple[int, int, float]:
    """How many runs are finished, how many there are, and CPU hours of the finished ones."""
    finished = len(page.results.finished)
    seconds = sum(run.description.cpu_seconds for run in page.results.finished)
    return finished, finished + sum(page.results.missing.values()), seconds / 3600


def _progress(page: Page) -> str:
    done, total, hours = progress(page)
    sentences = [f"{done} of {total} runs of the size `{page.size}` are there, {hours:.1f} CPU hours."]
    if missing := page.results.missing:
        sentences.append(f"Missing: {', '.join(f'{count} of `{arm}`' for arm, count in missing.items())}.")
    if page.results.left_out:
        runs = counted(page.results.left_out, "run on other songs is", "runs on other songs are")
        sentences.append(f"{runs} left out.")
    if page.main:
        songs = f"{counted(page.main.chunks, 'chunk')} of {counted(page.main.songs, 'song')}"
        sentences.append(f"Measured on {songs}, the same for all rows.")
        if page.main.undefined:
            more = counted(page.main.undefined, "more is", "more are")
            sentences.append(f"{more} left out, since a run's estimate is silent there.")
    return " ".join(sentences)


def _verdicts(page: Page) -> str:
    rows = []
    for number, verdict in enumerate(page.verdicts, start=1):
        difference = with_interval(verdict.difference) if verdict.difference else ""
        p_value = "" if np.isnan(verdict.p_value) else _probability(verdict.p_value)
        seeds = " and ".join(map(str, verdict.seeds)) if verdict.difference else ""
        rows.append([str(number), claim_text(verdict), verdict_text(verdict), difference, p_value, seeds])
    return table(["", "claim", "verdict", "difference, dB (95 %)", "p (Holm)", "seeds"], rows)


def _probability(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


def _improvement(page: Page, measured: OnTest) -> str:
    """The arms between the baselines, and what the sources report."""
    heads = ["", *measured.levels, "headroom", "seeds", "CPU s a run"]
    rows = [["mixture, SI-SDR", *(decibels(measured.mixture[level]) for level in measured.levels), "", "", ""]]
    for name in _baselines(measured):
        arms = measured.arms[name]
        rows.append([NAMES[name], *_cells({level: decibels(mean_of(arm)) for level, arm in arms.items()}, measured)])
        rows[-1] += ["", "", ""]
    means = {arm: mean_of(found[ALL_LEVELS]) for arm, found in measured.arms.items() if ALL_LEVELS in found}
    for arm, found in _arms(measured):
        cells = _cells({level: with_interval(_interval(values)) for level, values in found.items()}, measured)
        runs = page.results.trained.get(arm, [])
        seconds = f"{sum(run.description.cpu_seconds for run in runs) / len(runs):.0f}" if runs else ""
        seeds = str(len(next(iter(found.values())).values)) if runs else ""
        rows.append([f"`{arm}`", *cells, percent(headroom(means, arm, FLOOR, CEILING)), seeds, seconds])
    for row in page.experiment.published if len(measured.levels) == 4 else ():
        name = "mixture, SI-SDR" if row.arm == "mixture" else f"`{row.arm}`"
        rows.append([f"*{name}, {row.where}*", *(f"*{decibels(value)}*" for value in row.values), "", "", ""])
    text = table(heads, rows)
    note = (
        "SI-SDR improvement in dB, the mean over seeds and chunks with its 95 % interval. Headroom: the share of what "
        "lies between the constant and the ideal mask."
    )
    if page.experiment.published:
        note += f" *In italics: the sources', {_other_size(page)}; they compare with each other, not with our rows.*"
    return f"{text}\n\n{note}"


def _nodes(page: Page, measured: OnTest) -> list[str]:
    """For tasks without targets: the mean of every node."""
    arms = dict(_arms(measured))
    nodes = sorted({node for arm in arms for node in measured.nodes[arm]})
    if not arms or len(nodes) <= 3 or len(nodes) > MOST_NODES:
        return []
    names = [*_baselines(measured), *arms]
    rows = [
        [f"`{node}`", *(decibels(measured.nodes[name].get(node, float("nan"))) for name in names)] for node in nodes
    ]
    return ["### By node", table(["", *(NAMES.get(name, f"`{name}`") for name in names)], rows)]


def _published_sdr(page: Page) -> list[str]:
    """SDR of the arms that are not trained, as the results of separators are published."""
    arms = [run for run in page.results.finished if run.arm in page.experiment.arms and run.description.sdr]
    parts = []
    for test in dict.fromkeys(test for run in arms for test in run.description.sdr):
        of_test = {run.arm: run.description.sdr[test] for run in arms if test in run.description.sdr}
        nodes = sorted({node for found in of_test.values() for values in found.values() for node in values})
        rows = [
            [f"`{node}`", heading, *(decibels(found[key].get(node, float("nan"))) for found in of_test.values())]
            for node in nodes
            for key, heading in SDR_STATISTICS.items()
        ]
        parts += [f"### SDR on `{test}`", table(["", "dB", *(f"`{arm}`" for arm in of_test)], rows)]
    return parts


def _arms(measured: OnTest) -> Sequence[tuple[str, dict[str, Arm]]]:
    return [(arm, levels) for arm, levels in measured.arms.items() if arm not in NAMES]


def _baselines(measured: OnTest) -> list[str]:
    return [name for name in NAMES if ALL_LEVELS in measured.arms.get(name, {})]


def _cells(values: dict[str, str], measured: OnTest) -> list[str]:
    return [values.get(level, "") for level in measured.levels]


def _interval(arm: Arm) -> Difference:
    """Of an arm's own mean."""
    return compare(arm, Arm(np.zeros((1, len(arm.chunks))), arm.chunks))


def _published(page: Page) -> dict[int, float]:
    """The source's difference for each claim whose arms it reports."""
    reported = {row.arm: row.values for row in page.experiment.published}
    column = {"all": 0, 3: 1, 2: 2, 1: 3}
    return {
        number: reported[claim.first][column[claim.level]] - reported[claim.second][column[claim.level]]
        for number, claim in enumerate(page.experiment.claims)
        if claim.first in reported and claim.second in reported and not claim.against
    }


def _other_size(page: Page) -> str:
    """How the sources' runs differ from ours."""
    ours, theirs = (arm_settings(page.experiment, None, size) for size in (page.size, "paper"))
    heard = [run.epoch * run.trainer_settings["max_epochs"] * run.chunking.duration for run in (ours, theirs)]
    networks = [_size(run.network) for run in (theirs, ours)]
    corpus = theirs.train[0].root.name
    return (
        f"on another corpus (`{corpus}`), with a network of {networks[0]} (ours: {networks[1]}) that heard "
        f"{heard[1] / heard[0]:.0f} times as much audio"
    )


def _size(network: NetworkSettings) -> str:
    if not isinstance(network, MaskInferenceSettings | QueryByExampleSettings):
        return network.kind
    units = counted(network.units, "unit")
    return f"{network.layers} layers of {units}" if network.layers > 1 else units


def _unpublished(page: Page) -> Experiment:
    return page.experiment.model_copy(update={"published": ()})
