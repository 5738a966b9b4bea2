import numpy as np
import pytest
from scipy.optimize import minimize

from stemtree.curation.annotation.classifier.certainty import evidence, fit_certainty, margin_alone

COLUMNS = ["Bell", "Gong", "Piano"]


def drawn(count: int) -> tuple[np.ndarray, list[list[str]], list[str]]:
    """Predictions whose label is right as often as they say, but for bells, which are wrong half as often again."""
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.full(3, 0.4), count).astype(np.float32)
    meanings = [[["Bell"], [], ["Gong", "Piano"]][at] for at in random.integers(3, size=count)]
    labels = []
    for row in probabilities.astype(float):
        best = int(row.argmax())
        is_right = random.random() < row[best] * (0.6 if best == 0 else 1)
        labels.append(COLUMNS[best] if is_right else COLUMNS[(best + 1) % 3])
    return probabilities, meanings, labels


def test_evidence_by_hand() -> None:
    probabilities = np.array([[0.6, 0.3, 0.1], [0, 1, 0]], np.float32)
    got = evidence(probabilities, [["Bell", "Gong"], []], COLUMNS)
    np.testing.assert_allclose(got, [[np.log(2), np.log(1.5), 1, 0, 1], [9, 9, 0, 1, 0]], rtol=1e-6)


def test_the_margin_before_it_is_fitted() -> None:
    got = margin_alone(3).of(np.array([[0.6, 0.3, 0.1]], np.float32), [["Gong"]], COLUMNS)
    np.testing.assert_allclose(got, [2 / 3], rtol=1e-6)


def test_it_is_what_scipy_finds() -> None:
    probabilities, meanings, labels = drawn(2000)
    best = probabilities.argmax(axis=1)
    sign = np.where(np.array(COLUMNS)[best] == np.array(labels), -1, 1)
    inputs = np.concatenate([np.ones((2000, 1)), evidence(probabilities, meanings, COLUMNS), np.eye(3)[best]], axis=1)
    start, penalty = np.array([0, 1, *[0] * 7]), np.array([1, 1, *[8] * 7])

    def loss(weights: np.ndarray) -> float:
        wrong = np.log(1 + np.exp(sign * (inputs @ weights))).sum()
        return float(wrong + (penalty * (weights - start) ** 2).sum() / 2)

    twin = 1 / (1 + np.exp(-inputs @ minimize(loss, start).x))
    got = fit_certainty(probabilities, meanings, COLUMNS, labels).of(probabilities, meanings, COLUMNS)
    np.testing.assert_allclose(got, twin, atol=1e-4)


def test_labels_that_are_wrong_more_often_are_less_certain() -> None:
    probabilities, meanings, labels = drawn(5000)
    fitted = fit_certainty(probabilities, meanings, COLUMNS, labels)
    certainty = fitted.of(probabilities, meanings, COLUMNS)
    best = probabilities.argmax(axis=1)
    right = np.array(COLUMNS)[best] == np.array(labels)
    for column in range(3):
        assert certainty[best == column].mean() == pytest.approx(right[best == column].mean(), abs=0.02)
    assert fitted.bias[0] < fitted.bias[1:].min() - 0.5
