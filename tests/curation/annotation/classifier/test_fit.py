from dataclasses import replace

import numpy as np
import pytest
from support.annotation import QUICK, SMALL, sessions

from stemtree.curation.annotation.classifier.fit import fit_classifier
from stemtree.errors import CorpusError


def test_fitting_learns_words_and_context() -> None:
    rows, labels = sessions(24)
    model = fit_classifier(rows, labels, replace(QUICK, steps=60, dropout=0.1, decay=(0.1, 0.01, 0.01)), SMALL)
    new = [("x", file) for file in ("01_Loop.wav", "02_Bass.wav", "03_Zwirbel.wav")]
    new += [("y", file) for file in ("01_Overheads.wav", "02_Bass.wav", "03_Zwirbel.wav")]
    proposed = [model.labels[at] for at in model.predict(new, SMALL).argmax(axis=1)]
    assert proposed == ["Loop", "Synth_Bass", "Gong", "Drum_Overheads", "Electric_Bass", "Gong"]


def test_fitting_is_deterministic_and_leaves_the_random_state() -> None:
    import torch

    rows, labels = sessions(6)
    torch.manual_seed(3)
    first = fit_classifier(rows, labels, QUICK, SMALL)
    after = torch.rand(1)
    torch.manual_seed(3)
    assert torch.rand(1) == after
    np.testing.assert_array_equal(first.predict(rows), fit_classifier(rows, labels, QUICK, SMALL).predict(rows))


def test_artists_keep_to_their_ways() -> None:
    rows, labels = sessions(20)
    for number in range(4):
        rows += [(f"Cleo - {number}", "Bass.wav"), (f"Cleo - {number}", "Overheads.wav")]
        labels += ["Double_Bass", "Drum_Overheads"]
    model = fit_classifier(rows, labels, replace(QUICK, steps=80), SMALL)
    new = [("Cleo - new", "Bass.wav"), ("Cleo - new", "Overheads.wav")]
    proposed = model.predict(new, SMALL).argmax(axis=1)
    assert model.labels[proposed[0]] == "Double_Bass"
    assert not any("cleo" in name for name in model.features)


def test_what_cannot_be_fitted() -> None:
    with pytest.raises(CorpusError, match="there are no names"):
        fit_classifier([], [])
    with pytest.raises(CorpusError, match="the label 'Kazoo' is not one of the 72"):
        fit_classifier([("a", "b.wav")], ["Kazoo"])
