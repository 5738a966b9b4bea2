"""How good proposals are: cross-validation by song, and calibration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from stemtree.curation.annotation.classifier.classifier import Calibration, Classifier
from stemtree.curation.annotation.classifier.features import Numbers
from stemtree.curation.annotation.classifier.fit import Fitting, Rows, fit
from stemtree.curation.annotation.labels import instruments
from stemtree.errors import CorpusError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BINS = 15
_FITTING = Fitting()
_TEMPERATURES = np.linspace(0.6, 2.5, 39)
_GUESSES = np.linspace(0, 0.06, 25)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Shares of names, from 0 to 1.

    Parameters
    ----------
    exact : float
        The label proposed is the person's.
    instrument : float
        The two mean the same instrument of the 14; of names whose label means one.
    instrument_of_all : float
        The same of all names, where labels that mean none have to be exact.
    reviewed : float
        `exact` once the tenth with the lowest confidence is corrected.
    calibration_error : float
        Expected calibration error over 15 bins of confidence (Naeini et al. 2015).
    """

    exact: float
    instrument: float
    instrument_of_all: float
    reviewed: float
    calibration_error: float


def accuracy(probabilities: Numbers, columns: Sequence[str], labels: Sequence[str], share: float = 0.1) -> Accuracy:
    """Compare proposals with a person's labels.

    Parameters
    ----------
    probabilities : (name, label) float
        From `Classifier.predict`.
    columns : sequence of str
        Labels of the columns.
    labels : sequence of str
        The person's.
    share : float
        How much is corrected for `Accuracy.reviewed`.
    """
    table = instruments()
    proposed = [columns[at] for at in probabilities.argmax(axis=1)]
    right = np.array([a == b for a, b in zip(proposed, labels, strict=True)])
    same = np.array([a == b or (table[a] == table[b] is not None) for a, b in zip(proposed, labels, strict=True)])
    means = np.array([table[label] is not None for label in labels])
    confidence = probabilities.max(axis=1)
    reviewed = right.copy()
    reviewed[np.argsort(confidence, kind="stable")[: round(share * len(right))]] = True
    return Accuracy(
        float(right.mean()),
        float(same[means].mean()),
        float(same.mean()),
        float(reviewed.mean()),
        _calibration_error(confidence, right),
    )


def _calibration_error(confidence: Numbers, right: NDArray[np.bool_]) -> float:
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = (abs(right[bins == one].mean() - confidence[bins == one].mean()) * (bins == one).mean() for one in set(bins))
    return float(sum(gaps))


def cross_validate(
    rows: Rows,
    labels: Sequence[str],
    fitting: Fitting = _FITTING,
    folds: int = 5,
    seed: int = 0,
    group: Callable[[str], str] = str,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Numbers, NDArray[np.int64]]:
    """Predict every name by a classifier that was fitted without its song.

    Parameters
    ----------
    rows, labels, fitting
        As for `fit`.
    folds, seed : int
        Into how many parts songs are cut, and what shuffles them.
    group : callable
        What songs stay together by; by default each alone.
    progress : callable, optional
        Told how many folds are done, and of how many.

    Returns
    -------
    probabilities : (name, label) float
        With labels in order of `instruments`, not calibrated.
    fold : (name,) int
        The fold that a name was left out with.
    """
    groups = sorted({group(song) for song, _ in rows})
    order = np.random.default_rng(seed).permutation(len(groups))
    fold_of = {groups[at]: number % folds for number, at in enumerate(order)}
    fold = np.array([fold_of[group(song)] for song, _ in rows])
    probabilities = np.zeros((len(rows), len(instruments())), np.float32)
    for number in range(folds):
        inside, outside = np.flatnonzero(fold != number).tolist(), np.flatnonzero(fold == number).tolist()
        model = fit([rows[at] for at in inside], [labels[at] for at in inside], fitting)
        probabilities[outside] = model.predict([rows[at] for at in outside])
        if progress:
            progress(number + 1, folds)
    return probabilities, fold


def best_calibration(probabilities: Numbers, columns: Sequence[str], labels: Sequence[str]) -> Calibration:
    """The calibration with which it is likeliest that those proposals are right that are.

    Parameters
    ----------
    probabilities : (name, label) float
        Not calibrated, of names that the classifier was not fitted to.
    columns, labels : sequence of str
        As for `accuracy`.
    """
    right = np.array([columns[at] for at in probabilities.argmax(axis=1)]) == np.array(labels)

    def loss(one: Calibration, best: Numbers) -> float:
        confidence = np.clip((1 - one.guess) * best + one.guess / len(columns), 1e-9, 1 - 1e-9)
        return -float(np.log(np.where(right, confidence, 1 - confidence)).mean())

    losses = {}
    for temperature in _TEMPERATURES.tolist():
        best = Calibration(temperature).apply(probabilities).max(axis=1)
        for guess in _GUESSES.tolist():
            one = Calibration(temperature, guess)
            losses[one] = loss(one, best)
    return min(losses, key=lambda one: losses[one])


def calibrated_by_others(
    probabilities: Numbers, fold: NDArray[np.int64], columns: Sequence[str], labels: Sequence[str]
) -> Numbers:
    """Calibrate every fold of a cross-validation by what the others tell."""
    result = probabilities.copy()
    truth = np.array(labels)
    for number in np.unique(fold).tolist():
        inside, outside = fold != number, fold == number
        result[outside] = best_calibration(probabilities[inside], columns, truth[inside].tolist()).apply(
            probabilities[outside]
        )
    return result


def fit_and_measure(
    rows: Rows,
    labels: Sequence[str],
    folds: int = 5,
    fitting: Fitting = _FITTING,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Classifier, dict[str, Accuracy]]:
    """Fit a classifier to all names, calibrated by cross-validation.

    Returns
    -------
    model : Classifier
        Fitted to all names.
    each : dict
        Accuracy on the songs of each fold, calibrated by the other folds, and on ``all``.

    Raises
    ------
    CorpusError
        If there are fewer songs than folds, or for what `fit` raises.
    """
    if folds < 2 or len({song for song, _ in rows}) < folds:
        raise CorpusError(f"{len({song for song, _ in rows})} songs cannot be cut into {folds} folds: give more songs")
    report = (lambda done, _: progress(done, folds + 1)) if progress else None
    probabilities, fold = cross_validate(rows, labels, fitting, folds, progress=report)
    model = fit(rows, labels, fitting)
    whole = calibrated_by_others(probabilities, fold, model.labels, labels)
    each = {}
    for number in range(folds):
        outside = np.flatnonzero(fold == number).tolist()
        each[str(number + 1)] = accuracy(whole[outside], model.labels, [labels[at] for at in outside])
    each["all"] = accuracy(whole, model.labels, labels)
    if progress:
        progress(folds + 1, folds + 1)
    return replace(model, calibration=best_calibration(probabilities, model.labels, labels)), each
