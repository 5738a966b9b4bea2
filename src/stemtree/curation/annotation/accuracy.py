"""How good proposals are: cross-validation by song, and calibration."""

from __future__ import annotations  # the aliases of arrays are names, not classes

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from stemtree.curation.annotation.features import Numbers
from stemtree.curation.annotation.fit import Fitting, Rows, fit
from stemtree.curation.annotation.labels import instruments
from stemtree.curation.annotation.model import Classifier
from stemtree.errors import CorpusError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BINS = 15
_FITTING = Fitting()
_TEMPERATURES = np.linspace(0.6, 2.5, 39)


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


def calibrated(model: Classifier, probabilities: Numbers, labels: Sequence[str]) -> Classifier:
    """The classifier with the temperature that makes cross-validated labels likeliest (Guo et al. 2017)."""
    return replace(model, temperature=best_temperature(probabilities, model.labels, labels))


def best_temperature(probabilities: Numbers, columns: Sequence[str], labels: Sequence[str]) -> float:
    """See `calibrated`."""
    column = {label: at for at, label in enumerate(columns)}
    target = np.array([column[label] for label in labels])

    def loss(temperature: float) -> float:
        likelihood = at_temperature(probabilities, temperature)[np.arange(len(target)), target]
        return -float(np.log(np.maximum(likelihood, 1e-9)).mean())

    return float(min(_TEMPERATURES, key=loss))


def at_temperature(probabilities: Numbers, temperature: float) -> Numbers:
    """Probabilities as another temperature would have made them."""
    powers = np.maximum(probabilities, 1e-12) ** (1 / temperature)
    scaled: Numbers = powers / powers.sum(axis=1, keepdims=True)
    return scaled


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
    calibrated_by_others = probabilities.copy()
    each = {}
    for number in range(folds):
        inside, outside = np.flatnonzero(fold != number).tolist(), np.flatnonzero(fold == number).tolist()
        others = [labels[at] for at in inside]
        temperature = best_temperature(probabilities[inside], model.labels, others)
        calibrated_by_others[outside] = at_temperature(probabilities[outside], temperature)
        each[str(number + 1)] = accuracy(calibrated_by_others[outside], model.labels, [labels[at] for at in outside])
    each["all"] = accuracy(calibrated_by_others, model.labels, labels)
    if progress:
        progress(folds + 1, folds + 1)
    return calibrated(model, probabilities, labels), each
