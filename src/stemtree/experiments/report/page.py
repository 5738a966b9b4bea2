"""The page of one experiment."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stemtree.errors import counted
from stemtree.evaluation.levels import ALL_LEVELS
from stemtree.experiments.alignment import OnTest
from stemtree.experiments.definition import Experiment, arm_settings, trained_arms
from stemtree.experiments.report import figures, tables
from stemtree.experiments.report.text import (
    NAMES,
    claim_text,
    reasons,
    table,
    verdict_text,
    with_interval,
)
from stemtree.experiments.results import Results, widest
from stemtree.experiments.verdicts import Verdict, judge
from stemtree.networks.mask_inference import MaskInferenceSettings
from stemtree.networks.query_by_example import QueryByExampleSettings
from stemtree.networks.registry import NetworkSettings
from stemtree.staging import whole_file

_NOTE = (
    "SI-SDR improvement in dB, the mean over seeds and chunks with its 95 % interval. Headroom: the share of what "
    "lies between the constant and the ideal mask."
)
_CHUNK = (
    "The chunk in the middle by the mean improvement of the arms that are shown, with their first seed: mixture, then "
    "for each level spectrogram (80 dB) and mask of the truth (the ideal mask) and of each arm, with its SI-SDR "
    "improvement there (thesis, figure 15)."
)


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
    untrained = [arm for arm, estimator in trained_arms(experiment).items() if estimator]
    verdicts = judge(experiment.claims, widest(results.main), widest(results.over_tests), untrained)
    return Page(name, experiment, size, results, verdicts)


def write_page(page: Page, folder: Path) -> None:
    """Write a page and its figures."""
    parts = [f"# {page.experiment.question}", f"`{page.name}`: {page.experiment.source}.", _progress(page)]
    if page.experiment.claims:
        parts += ["## Verdict", _verdicts(page)]
        if any(verdict.difference for verdict in page.verdicts):
            figures.save(figures.forest_of_claims(page.verdicts, _published(page)), folder / f"{page.name}_claims.svg")
            parts.append(f"![Differences with their intervals]({page.name}_claims.svg)")
    if why := reasons(page.experiment, page.verdicts, widest(page.results.main)):
        parts += ["## Why", *why]
    if page.results.over_tests:
        parts += ["## Test sets beside each other", *_over_test_sets(page)]
    if page.main:
        parts += ["## Improvement", *_improvement(page, page.main, folder)]
        for other in page.results.tests[1:]:
            if other.test not in page.experiment.compared_tests:
                parts += [f"### On `{other.test}`", _measured_on(other), tables.improvement(other, page.results)]
                parts += _without_the_highest(page, other)
    if (folder / f"{page.name}_chunk.png").exists():
        parts += ["## The median chunk", _CHUNK, f"![Spectrograms and masks]({page.name}_chunk.png)"]
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
    if not_run := page.results.not_run:
        sentences.append(f"Not run: {', '.join(f'`{arm}` ({reason})' for arm, reason in not_run.items())}.")
    if page.results.left_out:
        runs = counted(page.results.left_out, "run on other songs is", "runs on other songs are")
        sentences.append(f"{runs} left out.")
    return " ".join(sentences)


def _verdicts(page: Page) -> str:
    rows = []
    for number, verdict in enumerate(page.verdicts, start=1):
        difference = with_interval(verdict.difference) if verdict.difference else ""
        p_value = "" if np.isnan(verdict.p_value) else _probability(verdict.p_value)
        seeds = " and ".join(map(str, dict.fromkeys(verdict.seeds))) if verdict.difference else ""
        songs = str(verdict.songs) if verdict.difference else ""
        rows.append([str(number), claim_text(verdict), verdict_text(verdict), difference, p_value, seeds, songs])
    return table(["", "claim", "verdict", "difference, dB (95 %)", "p (Holm)", "seeds", "songs"], rows)


def _probability(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


def _improvement(page: Page, measured: OnTest, folder: Path) -> list[str]:
    """The main table with its figure, and what belongs to it."""
    note = _NOTE
    if page.experiment.published:
        note += f" *In italics: the papers', {_other_size(page)}; they compare with each other, not with our rows.*"
    parts = [_measured_on(measured), tables.improvement(measured, page.results, page.experiment.published), note]
    of_all = {arm: found[ALL_LEVELS] for arm, found in tables.arms(measured) if ALL_LEVELS in found}
    if of_all:
        limits = {NAMES[name]: measured.arms[name][ALL_LEVELS].mean for name in tables.baselines(measured)}
        title = "SI-SDR improvement over all levels, dB, with 95 % intervals over seeds and songs"
        intervals = {arm: tables.own_interval(values) for arm, values in of_all.items()}
        figures.save(figures.forest(intervals, limits, title), folder / f"{page.name}_arms.svg")
        parts.append(f"![Improvement of every arm]({page.name}_arms.svg)")
    parts += _without_the_highest(page, measured)
    if nodes := tables.by_node(measured):
        parts += ["### By node", nodes]
    return parts + tables.published_sdr(page.experiment, page.results)


def _measured_on(measured: OnTest) -> str:
    every = "all levels" if ALL_LEVELS in measured.levels else " and ".join(measured.levels)
    songs = f"{counted(measured.chunks, 'chunk')} of {counted(measured.songs, 'song')}"
    text = f"Measured on {songs}, the same for all rows: those with {every}."
    if measured.undefined:
        more = counted(measured.undefined, "more is", "more are")
        text += f" {more} left out, since a run's estimate is silent there."
    if ALL_LEVELS not in measured.levels:
        text += " In none of them is there anything to separate at the highest level."
    return text


def _without_the_highest(page: Page, measured: OnTest) -> list[str]:
    lower = page.results.lower.get(measured.test)
    if not lower:
        return []
    levels = " and ".join(lower.levels)
    text = (
        f"In many chunks there is nothing to separate at the highest level, since all that sounds belongs to one node. "
        f"{levels.capitalize()} can be measured in {lower.chunks} chunks of {lower.songs} songs"
    )
    judged = measured.test == page.results.tests[0].test  # claims are judged on the first test set alone
    text += "; claims about one of these levels are judged on them." if judged else "."
    return [f"### {levels.capitalize()} on more songs", text, tables.improvement(lower, page.results)]


def _over_test_sets(page: Page) -> list[str]:
    sizes = "; ".join(
        f"{'all levels' if ALL_LEVELS in found.levels else ' and '.join(found.levels)}: {found.chunks} chunks of "
        f"{found.songs} songs"
        for found in page.results.over_tests
    )
    text = (
        f"The same chunks for all rows ({sizes}). SI-SDR improvement in dB with its 95 % interval; differences are "
        "taken seed by seed and chunk by chunk."
    )
    return [text, tables.over_test_sets(page.experiment, page.results)]


def _published(page: Page) -> dict[int, float]:
    """The source's difference for each claim whose arms it reports."""
    reported = {row.arm: row.values for row in page.experiment.published}
    column = {"all": 0, 3: 1, 2: 2, 1: 3}
    return {
        number: reported[claim.first][column[claim.level]] - reported[claim.second][column[claim.level]]
        for number, claim in enumerate(page.experiment.claims)
        if claim.first in reported and claim.second in reported and not claim.against and not claim.tests
    }


def _other_size(page: Page) -> str:
    """How the papers' runs differ from ours."""
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
