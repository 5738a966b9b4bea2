"""How certain a proposed label is: logistic regression on what speaks for and against it.

The most likely label is right with the probability ``1 / (1 + exp(-w · e - b))``. The evidence `e` of a name is how far
the label is ahead of the second one and of all others, and whether the vocabulary agrees. Each label has a bias `b` of
its own: an electric bass is wrong more often than a kick drum of the same probability.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemtree.curation.annotation.classifier.features import Floats

Meanings = Sequence[Sequence[str]]
"""For every name the labels that its words mean, from `phrase_labels`."""

Doubles = NDArray[np.float64]

NUM_EVIDENCE = 5

_LARGEST_ODDS = 9.0
_PENALTY = 8.0
_MOST_STEPS, _LEAST_GAIN = 50, 1e-6


@dataclass(frozen=True)
class Certainty:
    """A fitted logistic regression.

    Parameters
    ----------
    weights : (NUM_EVIDENCE,) float32
        ``w``, of `evidence`.
    bias : (label,) float32
        ``b``.
    """

    weights: Floats
    bias: Floats

    def of(self, probabilities: Floats, meanings: Meanings, columns: Sequence[str]) -> Floats:
        """The probability that the most likely label of each name is right, ``(name,)``.

        Parameters
        ----------
        probabilities : (name, label) float
            From `Classifier.predict`.
        meanings : sequence of sequence of str
            The labels that the words of each name mean.
        columns : sequence of str
            Labels of the columns.
        """
        score = evidence(probabilities, meanings, columns) @ self.weights + self.bias[probabilities.argmax(axis=1)]
        return _sigmoid(score.astype(np.float64)).astype(np.float32)


def margin_alone(num_labels: int) -> Certainty:
    """The certainty before it is fitted: ``p₁ / (p₁ + p₂)``, from the probabilities of the two most likely labels."""
    weights = np.zeros(NUM_EVIDENCE, np.float32)
    weights[0] = 1
    return Certainty(weights, np.zeros(num_labels, np.float32))


def evidence(probabilities: Floats, meanings: Meanings, columns: Sequence[str]) -> Floats:
    """What speaks for and against the most likely label of each name, ``(name, NUM_EVIDENCE)``.

    The columns are ``ln(p₁ / p₂)`` of the two most likely labels and ``ln(p₁ / (1 - p₁))``, both limited to 9; then 0
    or 1 each: the words of the name mean the label (perhaps among others), they mean none, they mean several.
    """
    second, first = np.maximum(np.sort(probabilities, axis=1)[:, -2:], 1e-12).T
    proposed = [columns[at] for at in probabilities.argmax(axis=1)]
    said = [(label in meant, not meant, len(set(meant)) > 1) for label, meant in zip(proposed, meanings, strict=True)]
    odds = np.log(first / np.stack([second, np.maximum(1 - first, 1e-12)]))
    return np.column_stack([*np.minimum(odds, _LARGEST_ODDS), np.array(said).reshape(-1, 3)]).astype(np.float32)


def fit_certainty(
    probabilities: Floats, meanings: Meanings, columns: Sequence[str], labels: Sequence[str]
) -> Certainty:
    """Fit the certainty to predictions of names that the classifier was not fitted to.

    Minimises the sum of the log losses and a penalty on what differs from `margin_alone`, by Newton's method.

    Parameters
    ----------
    probabilities, meanings, columns
        As for `Certainty.of`.
    labels : sequence of str
        Those that a person gave.
    """
    best = probabilities.argmax(axis=1)
    right = np.array([columns[at] for at in best]) == np.array(labels)
    said = evidence(probabilities, meanings, columns).astype(np.float64)
    inputs = np.concatenate([np.ones((len(best), 1)), said, np.eye(len(columns))[best]], axis=1)
    penalty = np.full(inputs.shape[1], _PENALTY)
    penalty[:2] = 1  # of the common bias and the margin, which every name has
    weights = _minimise(np.where(right[:, None], inputs, -inputs), np.eye(inputs.shape[1])[1], penalty)
    bias = weights[0] + weights[1 + NUM_EVIDENCE :]
    return Certainty(weights[1 : 1 + NUM_EVIDENCE].astype(np.float32), bias.astype(np.float32))


def _minimise(inputs: Doubles, start: Doubles, penalty: Doubles) -> Doubles:
    """The weights that minimise ``Σ ln(1 + exp(-x · w)) + Σ penalty (w - start)² / 2``, over the rows `x` of inputs."""

    def loss(weights: Doubles) -> float:
        return float(np.logaddexp(0, -inputs @ weights).sum() + (penalty * np.square(weights - start)).sum() / 2)

    weights, least = start, loss(start)
    for _ in range(_MOST_STEPS):
        wrong = _sigmoid(-inputs @ weights)
        slope = inputs.T @ wrong - penalty * (weights - start)
        curvature = (inputs * (wrong * (1 - wrong))[:, None]).T @ inputs + np.diag(penalty)
        step = np.linalg.solve(curvature, slope)
        while (now := loss(weights + step)) > least:
            step = step / 2
        if least - now < _LEAST_GAIN:
            break
        weights, least = weights + step, now
    return weights


def _sigmoid(score: Doubles) -> Doubles:
    chance: Doubles = 1 / (1 + np.exp(-score))
    return chance
