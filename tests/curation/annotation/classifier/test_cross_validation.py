import itertools
from dataclasses import replace

import numpy as np
import pytest
from support.annotation import QUICK, sessions

from stemtree.curation.annotation.classifier.cross_validation import (
    accuracy,
    certainty_by_others,
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
    certainty = np.array([0.9, 0.4, 0.7, 0.3], np.float32)
    labels = ["Electric_Bass", "Synth_Bass", "Piano", "Unused"]
    got = accuracy(probabilities.astype(np.float32), certainty, columns, labels, 0.25)
    assert got.exact == 0.5  # the fourth is a tie, of which the first counts
    assert got.instrument == pytest.approx(2 / 3)  # of the first three, whose labels mean one
    assert got.instrument_of_all == 0.75
    assert got.reviewed == 0.5  # the fourth is the least certain and was right
    assert got.calibration_error == pytest.approx((0.1 + 0.4 + 0.7 + 0.7) / 4, abs=1e-6)


def test_the_certainty_of_a_fold_comes_from_the_others() -> None:
    """Two folds, one sure and right, one sure and wrong: each gets what the other deserves."""
    columns = list(instrument_by_label())[:3]
    probabilities = np.tile(np.array([[0.9, 0.06, 0.04]], np.float32), (40, 1))
    labels, fold = [columns[0]] * 20 + [columns[1]] * 20, np.repeat([0, 1], 20)
    got = certainty_by_others(probabilities, [[]] * 40, fold, columns, labels)
    assert got[0] < 0.3 < 0.9 < got[-1]


def test_no_song_is_in_two_folds() -> None:
    rows, labels = sessions(9)
    predicted = cross_validate(rows, labels, replace(QUICK, steps=2), folds=3)
    assert predicted.probabilities.shape == (27, 72)
    np.testing.assert_allclose(predicted.probabilities.sum(axis=1), 1, atol=1e-5)
    assert len(predicted.meanings) == 27 and ((predicted.certainty > 0) & (predicted.certainty < 1)).all()
    for _, group in itertools.groupby(zip(rows, predicted.fold, strict=True), key=lambda pair: pair[0][0]):
        assert len({number for _, number in group}) == 1
    assert np.bincount(predicted.fold).tolist() == [9, 9, 9]


def test_fewer_songs_than_folds() -> None:
    with pytest.raises(CorpusError, match="1 song cannot be cut into 5 folds"):
        fit_and_measure([("a", "b.wav")], ["Bell"])
