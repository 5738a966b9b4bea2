"""Accuracy of proposals by cross-validation, in which classifier and certainty come from the other folds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stemtree.curation.annotation.classifier.certainty import Meanings, fit_certainty
from stemtree.curation.annotation.classifier.classifier import Classifier
from stemtree.curation.annotation.classifier.features import Floats, name_meanings, parse_sessions
from stemtree.curation.annotation.classifier.file_names import Vocabulary, vocabulary
from stemtree.curation.annotation.classifier.fit import FitSettings, Names, fit_classifier
from stemtree.curation.annotation.labels import instrument_by_label
from stemtree.errors import CorpusError, counted

_NUM_BINS = 15
_SETTINGS = FitSettings()


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
        `exact` after the least certain tenth is corrected.
    calibration_error : float
        Expected calibration error over 15 bins of certainty (Naeini et al. 2015).
    """

    exact: float
    instrument: float
    instrument_of_all: float
    reviewed: float
    calibration_error: float


def accuracy(
    probabilities: Floats, certainty: Floats, columns: Sequence[str], labels: Sequence[str], share: float = 0.1
) -> Accuracy:
    """Compare proposed labels with a person's.

    Parameters
    ----------
    probabilities : (name, label) float
        From `Classifier.predict`.
    certainty : (name,) float
        From `Certainty.of`.
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
    reviewed = right.copy()
    reviewed[np.argsort(certainty, kind="stable")[: round(share * len(right))]] = True
    return Accuracy(
        float(right.mean()),
        float(same[means].mean()),
        float(same.mean()),
        float(reviewed.mean()),
        _calibration_error(certainty, right),
    )


def _calibration_error(certainty: Floats, right: NDArray[np.bool_]) -> float:
    bins = np.minimum((certainty * _NUM_BINS).astype(int), _NUM_BINS - 1)
    gaps = (abs(right[bins == one].mean() - certainty[bins == one].mean()) * (bins == one).mean() for one in set(bins))
    return float(sum(gaps))


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions of names by classifiers that were fitted without their songs.

    Parameters
    ----------
    probabilities : (name, label) float32
        With labels in order of `instrument_by_label`.
    meanings : list of list of str
        The labels that the words of each name mean.
    certainty : (name,) float32
        Of the most likely labels.
    fold : (name,) int
        The fold of every name.
    """

    probabilities: Floats
    meanings: list[list[str]]
    certainty: Floats
    fold: NDArray[np.int64]


def cross_validate(
    names: Names,
    labels: Sequence[str],
    settings: FitSettings = _SETTINGS,
    folds: int = 5,
    seed: int = 0,
    group: Callable[[str], str] = str,
    words: Callable[[Names, Names], Vocabulary] = lambda _inside, _outside: vocabulary(),
    progress: Callable[[int, int], None] | None = None,
) -> Predictions:
    """Predict every name by a classifier, and its certainty by a regression, that are fitted without its song.

    Parameters
    ----------
    names, labels, settings
        As for `fit_classifier`.
    folds, seed : int
        Number of folds, and seed of the order in which songs are put into them.
    group : callable
        Songs with the same value are in one fold; by default each song is alone.
    words : callable
        The vocabulary for names to fit to and names to predict; by default the package's own.
    progress : callable, optional
        Called with the number of folds done, and of all folds.
    """
    groups = sorted({group(song) for song, _ in names})
    order = np.random.default_rng(seed).permutation(len(groups))
    fold_of = {groups[at]: number % folds for number, at in enumerate(order)}
    fold = np.array([fold_of[group(song)] for song, _ in names])
    columns = tuple(instrument_by_label())
    probabilities = np.zeros((len(names), len(columns)), np.float32)
    meanings: list[list[str]] = [[]] * len(names)
    for number in range(folds):
        inside, outside = np.flatnonzero(fold != number).tolist(), np.flatnonzero(fold == number).tolist()
        known, unknown = [names[at] for at in inside], [names[at] for at in outside]
        vocabulary_of_both = words(known, unknown)
        model = fit_classifier(known, [labels[at] for at in inside], settings, vocabulary_of_both)
        probabilities[outside] = model.predict(unknown, vocabulary_of_both)
        meant = name_meanings(parse_sessions(unknown, vocabulary_of_both), vocabulary_of_both)
        for at, one in zip(outside, meant, strict=True):
            meanings[at] = one
        if progress:
            progress(number + 1, folds)
    certainty = certainty_by_others(probabilities, meanings, fold, columns, labels)
    return Predictions(probabilities, meanings, certainty, fold)


def certainty_by_others(
    probabilities: Floats,
    meanings: Meanings,
    fold: NDArray[np.int64],
    columns: Sequence[str],
    labels: Sequence[str],
) -> Floats:
    """The certainty in every fold of a cross-validation, fitted to the other folds, ``(name,)``."""
    certainty = np.zeros(len(labels), np.float32)
    for number in np.unique(fold).tolist():
        inside, outside = np.flatnonzero(fold != number).tolist(), np.flatnonzero(fold == number).tolist()
        meant, truth = [meanings[at] for at in inside], [labels[at] for at in inside]
        model = fit_certainty(probabilities[inside], meant, columns, truth)
        certainty[outside] = model.of(probabilities[outside], [meanings[at] for at in outside], columns)
    return certainty


def fit_and_measure(
    names: Names,
    labels: Sequence[str],
    folds: int = 5,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Classifier, dict[str, Accuracy]]:
    """Fit a classifier to all names, and its certainty to a cross-validation.

    Returns
    -------
    model : Classifier
        Fitted to all names.
    accuracies : dict
        Accuracy on the songs of each fold, and on ``all`` (see `cross_validate`).

    Raises
    ------
    CorpusError
        If there are fewer songs than folds, or as for `fit_classifier`.
    """
    num_songs = len({song for song, _ in names})
    if folds < 2 or num_songs < folds:
        raise CorpusError(f"{counted(num_songs, 'song')} cannot be cut into {counted(folds, 'fold')}: give more songs")
    report = (lambda done, _: progress(done, folds + 1)) if progress else None
    predicted = cross_validate(names, labels, folds=folds, progress=report)
    model = fit_classifier(names, labels)
    accuracies = {}
    held = {str(number + 1): np.flatnonzero(predicted.fold == number) for number in range(folds)}
    for name, rows in (held | {"all": np.arange(len(names))}).items():
        truth = [labels[at] for at in rows.tolist()]
        accuracies[name] = accuracy(predicted.probabilities[rows], predicted.certainty[rows], model.labels, truth)
    if progress:
        progress(folds + 1, folds + 1)
    certainty = fit_certainty(predicted.probabilities, predicted.meanings, model.labels, labels)
    return replace(model, certainty=certainty), accuracies
