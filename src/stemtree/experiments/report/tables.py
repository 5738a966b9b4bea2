"""The tables of a page: arms between baselines, nodes, test sets beside each other."""

from collections.abc import Sequence

import numpy as np

from stemtree.evaluation.levels import ALL_LEVELS
from stemtree.experiments.alignment import OnTest
from stemtree.experiments.definition import Experiment, Published, trained_arms
from stemtree.experiments.report.text import CEILING, FLOOR, NAMES, decibels, percent, table, with_interval
from stemtree.experiments.results import Results, at, headroom, widest
from stemtree.experiments.rows import SDR_STATISTICS
from stemtree.experiments.statistics import Arm, Difference, compare, contrast, gain

MOST_NODES = 20


def improvement(measured: OnTest, results: Results, published: Sequence[Published] = ()) -> str:
    """The arms between the baselines, and what the papers report; rows of arms that could not be run say why."""
    with_headroom = ALL_LEVELS in measured.levels
    heads = ["", *measured.levels, *(["headroom"] if with_headroom else []), "seeds", "CPU s a run"]
    width = len(heads) - 1
    rows = [["mixture, SI-SDR", *(decibels(measured.mixture[level]) for level in measured.levels)]]
    for name in baselines(measured):
        means = {level: decibels(arm.mean) for level, arm in measured.arms[name].items()}
        rows.append([NAMES[name], *_cells(means, measured)])
    of_all = {arm: found[ALL_LEVELS].mean for arm, found in measured.arms.items() if ALL_LEVELS in found}
    for arm, found in arms(measured):
        cells = _cells({level: with_interval(own_interval(values)) for level, values in found.items()}, measured)
        runs = results.trained.get(arm, [])
        seconds = f"{sum(run.description.cpu_seconds for run in runs) / len(runs):.0f}" if runs else ""
        seeds = str(len(next(iter(found.values())).values)) if runs else ""
        share = [percent(headroom(of_all, arm, FLOOR, CEILING))] if with_headroom else []
        rows.append([f"`{arm}`", *cells, *share, seeds, seconds])
    for arm, reason in results.not_run.items():
        rows.append([f"`{arm}`", f"not run: {reason}"])
    for row in published if len(measured.levels) == 4 else ():
        name = "mixture, SI-SDR" if row.arm == "mixture" else f"`{row.arm}`"
        rows.append([f"*{name}, {row.where}*", *(f"*{decibels(value)}*" for value in row.values)])
    return table(heads, [row + [""] * (width + 1 - len(row)) for row in rows])


def by_node(measured: OnTest) -> str:
    """For tasks without targets: the mean of every node; empty where there are too few or too many."""
    of_arms = dict(arms(measured))
    nodes = sorted({node for arm in of_arms for node in measured.nodes[arm]})
    if not of_arms or not 3 < len(nodes) <= MOST_NODES:
        return ""
    names = [*baselines(measured), *of_arms]
    rows = [
        [f"`{node}`", *(decibels(measured.nodes[name].get(node, float("nan"))) for name in names)] for node in nodes
    ]
    return table(["", *(NAMES.get(name, f"`{name}`") for name in names)], rows)


def over_test_sets(experiment: Experiment, results: Results) -> str:
    """Every trained arm on the test sets that are compared, and what it gains from each of the others to the first."""
    values, tests = widest(results.over_tests), experiment.compared_tests
    levels = results.over_tests[0].levels
    rows = []
    for arm in (arm for arm, estimator in trained_arms(experiment).items() if estimator is None):
        found = [values.get(at(arm, test), {}) for test in tests]
        for test, of_test in zip(tests, found, strict=True):
            cells = [with_interval(own_interval(of_test[level])) if level in of_test else "" for level in levels]
            rows.append([f"`{arm}`", test, *cells])
        for test, of_test in list(zip(tests, found, strict=True))[1:]:
            cells = [_gain(found[0].get(level), of_test.get(level)) for level in levels]
            rows.append([f"`{arm}`", f"*{tests[0]} \N{MINUS SIGN} {test}*", *cells])
    return table(["", "test set", *levels], rows)


def published_sdr(experiment: Experiment, results: Results) -> list[str]:
    """SDR of the arms that are not trained, as the results of separators are published."""
    found = [run for run in results.finished if run.arm in experiment.arms and run.description.sdr]
    parts = []
    for test in dict.fromkeys(test for run in found for test in run.description.sdr):
        of_test = {run.arm: run.description.sdr[test] for run in found if test in run.description.sdr}
        nodes = sorted({node for sdr in of_test.values() for values in sdr.values() for node in values})
        rows = [
            [f"`{node}`", heading, *(decibels(sdr[key].get(node, float("nan"))) for sdr in of_test.values())]
            for node in nodes
            for key, heading in SDR_STATISTICS.items()
        ]
        parts += [f"### SDR on `{test}`", table(["", "dB", *(f"`{arm}`" for arm in of_test)], rows)]
    return parts


def arms(measured: OnTest) -> Sequence[tuple[str, dict[str, Arm]]]:
    """What is measured besides the baselines, in the order of the experiment."""
    return [(arm, levels) for arm, levels in measured.arms.items() if arm not in NAMES]


def baselines(measured: OnTest) -> list[str]:
    """The baselines that were measured at every level."""
    return [name for name in NAMES if set(measured.levels) <= measured.arms.get(name, {}).keys()]


def own_interval(arm: Arm) -> Difference:
    """Of an arm's own mean."""
    return compare(arm, Arm(np.zeros((1, len(arm.chunks))), arm.chunks))


def _gain(first: Arm | None, second: Arm | None) -> str:
    found = gain(first, second)
    return with_interval(contrast([(found, 1)])) if found else ""


def _cells(values: dict[str, str], measured: OnTest) -> list[str]:
    return [values.get(level, "") for level in measured.levels]
