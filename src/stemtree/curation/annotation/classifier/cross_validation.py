"""Accuracy of proposals by cross-validation, and calibration."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stemtree.curation.annotation.classifier.classifier import Calibration, Classifier
from stemtree.curation.annotation.classifier.features import Floats
from stemtree.curation.annotation.classifier.fit import FitSettings, Names, fit_classifier
from stemtree.curation.annotation.labels import instrument_by_label
from stemtree.errors import CorpusError, counted

_NUM_BINS = 15
_SETTINGS = FitSettings()
_TEMPERATURES = np.linspace(0.6, 2.5, 39)
_GUESSES = np.linspace(0, 0.06, 25)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Shares of names, from 0 to 1.

    Parameters
    ----------
    exact : float
        The proposed label is the person's.
    instrument : float
        The two mean the same instrument of the 14; of names whose label means one.
    instrument_of_all : float
        The same of all names, where labels that mean none have to be exact.
    reviewed : float
        `exact` after the tenth with the lowest confidence is corrected.
    calibration_error : float
        Expected calibration error over 15 bins of confidence (Naeini et al. 2015).
    """

    exact: float
    instrument: float
    instrument_of_all: float
    reviewed: float
    calibration_error: float


def accuracy(probabilities: Floats, columns: Sequence[str], labels: Sequence[str], share: float = 0.1) -> Accuracy:
    """Compare proposed labels with a person's.

    Parameters
    ----------
    probabilities : (name, label) float
        From `Classifier.predict`.
    columns : sequence of str
        Labels of the columns.
    labels : sequence of str
        The person's.
    share : float
        The share that is corrected for `Accuracy.reviewed`.
    """
    instrument = instrument_by_label()
    proposed = [columns[at] for at in probabilities.argmax(axis=1)]
    pairs = list(zip(proposed, labels, strict=True))
    right = np.array([a == b for a, b in pairs])
    same = np.array([a == b or (instrument[a] == instrument[b] is not None) for a, b in pairs])
    means = np.array([instrument[label] is not None for label in labels])
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


def _calibration_error(confidence: Floats, right: NDArray[np.bool_]) -> float:
    bins = np.minimum((confidence * _NUM_BINS).astype(int), _NUM_BINS - 1)
    gaps = (abs(right[bins == one].mean() - confidence[bins == one].mean()) * (bins == one).mean() for one in set(bins))
    return float(sum(gaps))


def cross_validate(
    names: Names,
    labels: Sequence[str],
    settings: FitSettings = _SETTINGS,
    folds: int = 5,
    seed: int = 0,
    group: Callable[[str], str] = str,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Floats, NDArray[np.int64]]:
    """Predict every name by a classifier that is fitted without its song.

    Parameters
    ----------
    names, labels, settings
        As for `fit_classifier`.
    folds, seed : int
        Number of folds, and seed of the order in which songs are put into them.
    group : callable
        Songs with the same value are in one fold; by default each song is alone.
    progress : callable, optional
        Called with the number of folds done, and of all folds.

    Returns
    -------
    probabilities : (name, label) float
        With labels in order of `instrument_by_label`, not calibrated.
    fold : (name,) int
        The fold of every name.
    """
    groups = sorted({group(song) for song, _ in names})
    order = np.random.default_rng(seed).permutation(len(groups))
    fold_of = {groups[at]: number % folds for number, at in enumerate(order)}
    fold = np.array([fold_of[group(song)] for song, _ in names])
    probabilities = np.zeros((len(names), len(instrument_by_label())), np.float32)
    for number in range(folds):
        inside, outside = np.flatnonzero(fold != number).tolist(), np.flatnonzero(fold == number).tolist()
        model = fit_classifier([names[at] for at in inside], [labels[at] for at in inside], settings)
        probabilities[outside] = model.predict([names[at] for at in outside])
        if progress:
            progress(number + 1, folds)
    return probabilities, fold


def best_calibration(probabilities: Floats, columns: Sequence[str], labels: Sequence[str]) -> Calibration:
    """The calibration with the highest likelihood of which proposals are right and which are wrong.

    Parameters
    ----------
    probabilities : (name, label) float
        Not calibrated, of names that the classifier is not fitted to.
    columns, labels : sequence of str
        As for `accuracy`.
    """
    right = np.array([columns[at] for at in probabilities.argmax(axis=1)]) == np.array(labels)

    def loss(one: Calibration, best: Floats) -> float:
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
    probabilities: Floats, fold: NDArray[np.int64], columns: Sequence[str], labels: Sequence[str]
) -> Floats:
    """Calibrate every fold of a cross-validation by the other folds."""
    result = probabilities.copy()
    truth = np.array(labels)
    for number in np.unique(fold).tolist():
        inside, outside = fold != number, fold == number
        result[outside] = best_calibration(probabilities[inside], columns, truth[inside].tolist()).apply(
            probabilities[outside]
        )
    return result


def fit_and_measure(
    names: Names,
    labels: Sequence[str],
    folds: int = 5,
    settings: FitSettings = _SETTINGS,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Classifier, dict[str, Accuracy]]:
    """Fit a classifier to all names, and calibrate it by cross-validation.

    Returns
    -------
    model : Classifier
        Fitted to all names.
    accuracies : dict
        Accuracy on the songs of each fold, calibrated by the other folds, and on ``all``.

    Raises
    ------
    CorpusError
        If there are fewer songs than folds, or as for `fit_classifier`.
    """
    num_songs = len({song for song, _ in names})
    if folds < 2 or num_songs < folds:
        raise CorpusError(f"{counted(num_songs, 'song')} cannot be cut into {counted(folds, 'fold')}: give more songs")
    report = (lambda done, _: progress(done, folds + 1)) if progress else None
    probabilities, fold = cross_validate(names, labels, settings, folds, progress=report)
    model = fit_classifier(names, labels, settings)
    calibrated = calibrated_by_others(probabilities, fold, model.labels, labels)
    accuracies = {}
    for number in range(folds):
        outside = np.flatnonzero(fold == number).tolist()
        accuracies[str(number + 1)] = accuracy(calibrated[outside], model.labels, [labels[at] for at in outside])
    accuracies["all"] = accuracy(calibrated, model.labels, labels)
    if progress:
        progress(folds + 1, folds + 1)
    return replace(model, calibration=best_calibration(probabilities, model.labels, labels)), accuracies
