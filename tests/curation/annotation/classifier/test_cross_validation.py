import itertools
from dataclasses import replace

import numpy as np
import pytest
from support.annotation import QUICK, sessions

from stemtree.curation.annotation.classifier.classifier import (
    Calibration,
)
from stemtree.curation.annotation.classifier.cross_validation import (
    accuracy,
    best_calibration,
    calibrated_by_others,
    cross_validate,
    fit_and_measure,
)
from stemtree.curation.annotation.labels import instrument_by_label
from stemtree.errors import CorpusError


def test_accuracy_by_hand() -> None:
    columns = ["Electric_Bass", "Synth_Bass", "Unused", "Piano"]
    probabilities = np.array(
        [[0.9, 0.05, 0.03, 0.02], [0.4, 0.3, 0.2, 0.1], [0.1, 0.1, 0.7, 0.1], [0.2, 0.2, 0.3, 0.3]]
    )
    got = accuracy(probabilities.astype(np.float32), columns, ["Electric_Bass", "Synth_Bass", "Piano", "Unused"], 0.25)
    assert got.exact == 0.5  # the fourth is a tie, of which the first counts
    assert got.instrument == pytest.approx(2 / 3)  # of the first three, whose labels mean one
    assert got.instrument_of_all == 0.75
    assert got.reviewed == 0.5  # the fourth has the lowest confidence and was right
    assert got.calibration_error == pytest.approx((0.1 + 0.4 + 0.7 + 0.7) / 4, abs=1e-6)


def test_the_calibration_is_found_again() -> None:
    random = np.random.default_rng(0)
    sharp = random.dirichlet(np.full(6, 0.2), 20000).astype(np.float32)
    columns = list(instrument_by_label())[:6]
    true = Calibration(1.5, 0.05)
    labels = [columns[random.choice(6, p=row / row.sum())] for row in true.apply(sharp).astype(float)]
    found = best_calibration(sharp, columns, labels)
    assert found.temperature == pytest.approx(1.5, abs=0.15)
    assert found.guess == pytest.approx(0.05, abs=0.02)
    before, after = (accuracy(one, columns, labels) for one in (sharp, found.apply(sharp)))
    assert after.calibration_error < 0.02 < 0.05 < before.calibration_error
    assert after.exact == before.exact


def test_a_fold_is_calibrated_by_the_others() -> None:
    """Two folds, one sure and right, one sure and wrong: each gets what the other deserves."""
    columns = list(instrument_by_label())[:3]
    probabilities = np.tile(np.array([[0.9, 0.06, 0.04]], np.float32), (40, 1))
    labels, fold = [columns[0]] * 20 + [columns[1]] * 20, np.repeat([0, 1], 20)
    got = calibrated_by_others(probabilities, fold, columns, labels)
    assert got[0, 0] < 0.75 < 0.95 < got[-1, 0]


def test_no_song_is_in_two_folds() -> None:
    rows, labels = sessions(9)
    probabilities, fold = cross_validate(rows, labels, replace(QUICK, steps=2), folds=3)
    assert probabilities.shape == (27, 72)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    for _, group in itertools.groupby(zip(rows, fold, strict=True), key=lambda pair: pair[0][0]):
        assert len({number for _, number in group}) == 1
    assert np.bincount(fold).tolist() == [9, 9, 9]


def test_fewer_songs_than_folds() -> None:
    with pytest.raises(CorpusError, match="1 song cannot be cut into 5 folds"):
        fit_and_measure([("a", "b.wav")], ["Bell"])
