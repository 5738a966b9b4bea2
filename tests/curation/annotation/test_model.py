"""The classifier against a slow readable twin, and fitted to sessions made up here."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from stemtree.curation.annotation.classifier.classifier import (
    Calibration,
    Classifier,
    Member,
    classifier,
    load_classifier,
)
from stemtree.curation.annotation.classifier.cross_validation import (
    accuracy,
    best_calibration,
    calibrated_by_others,
    cross_validate,
    fit_and_measure,
)
from stemtree.curation.annotation.classifier.features import arrange, describe, habits
from stemtree.curation.annotation.classifier.file_names import Vocabulary, vocabulary
from stemtree.curation.annotation.classifier.fit import Fitting, fit
from stemtree.curation.annotation.labels import instruments
from stemtree.errors import CorpusError

ROWS = [
    ("Anna - One", "02_Bass.wav"),
    ("Anna - One", "01_Kick.wav"),
    ("Anna - One", "03_Vox2.wav"),
    ("Anna - One", "03_Vox1.wav"),
    ("Bert - Two", "Synth.wav"),
    ("alone", "Bass.wav"),
]
SMALL = Vocabulary(
    {"spellings": {"overhead": [], "bass": []}, "compounds": {}, "labels": {"Bagpipe": ["bagpipes"], "Loop": ["loop"]}}
)
QUICK = Fitting(members=1, steps=25, dimensions=8, units=12)


def random_classifier(described: tuple[str, ...], habits: tuple[str, ...], calibration: Calibration) -> Classifier:
    random = np.random.default_rng(0)
    count, labels = len(described), ("a", "b", "c")
    direct, bias = random.normal(size=(count + len(habits), 3)), random.normal(size=3)
    shapes = ((count, 5), (4 * 5 + 8, 7), (7,), (7, 3))
    members = (Member(*(random.normal(size=shape).astype(np.float32) for shape in shapes)) for _ in range(2))
    whole = described + habits
    return Classifier(labels, whole, direct.astype(np.float32), bias.astype(np.float32), tuple(members), calibration)


def twin(model: Classifier, rows: list[tuple[str, str]]) -> np.ndarray:
    """One name after the other, from the formula."""
    words = {row: vocabulary().parse(row[1]).words for row in rows}
    flags = dict(zip(rows, arrange(rows, vocabulary()).flags, strict=True))

    def times(features: dict[str, float], matrix: np.ndarray) -> np.ndarray:
        known = (
            (value, matrix[model.features.index(name)]) for name, value in features.items() if name in model.features
        )
        return sum((value * row for value, row in known), np.zeros(matrix.shape[1]))

    def logits(row: tuple[str, str], member: Member) -> np.ndarray:
        session = sorted((other for other in rows if other[0] == row[0]), key=lambda other: other[1].casefold())
        at = session.index(row)
        embed = {words[one]: times(describe(words[one], vocabulary()), member.embedding) for one in session}
        nothing = np.zeros(5)
        others = [vector for key, vector in embed.items() if key != words[row]]
        rest = sum(others, nothing) / max(len(others), 1) ** 0.5
        before = next((embed[words[one]] for one in session[:at][::-1] if words[one] != words[row]), nothing)
        after = next((embed[words[one]] for one in session[at:] if words[one] != words[row]), nothing)
        context = np.concatenate([embed[words[row]], rest, before, after, flags[row]])
        direct = times(describe(words[row], vocabulary()), model.direct)
        direct += times(habits(row[0], words[row]), model.direct)
        hidden = np.maximum(context @ member.hidden + member.hidden_bias, 0)
        return direct + model.bias + hidden @ member.output

    each = np.array([[logits(row, member) for row in rows] for member in model.members]).mean(axis=0)
    odds = np.exp(each / model.calibration.temperature)
    share = model.calibration.guess
    return (1 - share) * odds / odds.sum(axis=1, keepdims=True) + share / len(model.labels)


def test_prediction_is_the_formula() -> None:
    described = {name for row in ROWS for name in describe(vocabulary().parse(row[1]).words, vocabulary())}
    signed = {name for row in ROWS for name in habits(row[0], vocabulary().parse(row[1]).words)}
    known = tuple(sorted(described)[::2]), tuple(sorted(signed)[::2])  # some are unknown to the weights
    model = random_classifier(*known, Calibration(temperature=3.0, guess=0.1))
    np.testing.assert_allclose(model.predict(ROWS), twin(model, ROWS), rtol=1e-4, atol=1e-6)


def test_the_order_of_rows_does_not_matter() -> None:
    mixed = ROWS[::-1]
    np.testing.assert_allclose(classifier().predict(mixed)[::-1], classifier().predict(ROWS), atol=1e-6)


def test_places_in_a_session() -> None:
    flags = arrange(ROWS, vocabulary()).flags
    np.testing.assert_allclose(flags[0], [1, np.log(4) / 4, 1 / 8, 0, 0, 1 / 4, 0, 0], atol=1e-6)
    np.testing.assert_allclose(flags[2], [1, np.log(4) / 4, 2 / 8, 0, 1, 3 / 4, 0, 0], atol=1e-6)
    flags = arrange([("s", "Vox.wav"), ("s", "Vox_Raw.wav")], vocabulary()).flags
    assert flags[:, 6:].tolist() == [[0, 1], [1, 0]]


def sessions(count: int) -> tuple[list[tuple[str, str]], list[str]]:
    """A bass is a synthesizer's where there are loops; words that no vocabulary has mean one label each."""
    rows, labels = [], []
    for number in range(count):
        song = f"Artist {number} - Song"
        electronic = number % 2
        for file, label in (
            ("01_Loop.wav" if electronic else "01_Overheads.wav", "Loop" if electronic else "Drum_Overheads"),
            ("02_Bass.wav", "Synth_Bass" if electronic else "Electric_Bass"),
            ("03_Zwirbel.wav", "Gong"),
        ):
            rows.append((song, file))
            labels.append(label)
    return rows, labels


def test_fitting_learns_words_and_context() -> None:
    rows, labels = sessions(24)
    model = fit(rows, labels, replace(QUICK, steps=60, dropout=0.1, decay=(0.1, 0.01, 0.01)), SMALL)
    new = [("x", file) for file in ("01_Loop.wav", "02_Bass.wav", "03_Zwirbel.wav")]
    new += [("y", file) for file in ("01_Overheads.wav", "02_Bass.wav", "03_Zwirbel.wav")]
    proposed = [model.labels[at] for at in model.predict(new, SMALL).argmax(axis=1)]
    assert proposed == ["Loop", "Synth_Bass", "Gong", "Drum_Overheads", "Electric_Bass", "Gong"]


def test_fitting_is_deterministic_and_leaves_the_random_state() -> None:
    import torch

    rows, labels = sessions(6)
    torch.manual_seed(3)
    first = fit(rows, labels, QUICK, SMALL)
    after = torch.rand(1)
    torch.manual_seed(3)
    assert torch.rand(1) == after
    np.testing.assert_array_equal(first.predict(rows), fit(rows, labels, QUICK, SMALL).predict(rows))


def test_artists_keep_to_their_ways() -> None:
    rows, labels = sessions(20)
    for number in range(4):
        rows += [(f"Cleo - {number}", "Bass.wav"), (f"Cleo - {number}", "Overheads.wav")]
        labels += ["Double_Bass", "Drum_Overheads"]
    model = fit(rows, labels, replace(QUICK, steps=80), SMALL)
    new = [("Cleo - new", "Bass.wav"), ("Cleo - new", "Overheads.wav")]
    proposed = model.predict(new, SMALL).argmax(axis=1)
    assert model.labels[proposed[0]] == "Double_Bass"
    assert not any("cleo" in name for name in model.features)


def test_weights_survive_the_file(tmp_path: Path) -> None:
    rows, labels = sessions(20)
    model = replace(fit(rows, labels, QUICK, SMALL), calibration=Calibration(1.25, 0.0625))
    model.save(tmp_path / "w.safetensors")
    again = load_classifier(tmp_path / "w.safetensors")
    assert (again.labels, again.features, again.calibration) == (model.labels, model.features, model.calibration)
    np.testing.assert_allclose(again.predict(rows), model.predict(rows), atol=0.02)
    assert [file.name for file in tmp_path.iterdir()] == ["w.safetensors"]
    for name, content in (("bad.safetensors", b"PK\x03\x04"), ("text.safetensors", b"hello")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CorpusError, match="holds no weights of a classifier"):
            load_classifier(tmp_path / name)
    save_file({"a": np.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(CorpusError, match="holds no weights"):
        load_classifier(tmp_path / "other.safetensors")
    with pytest.raises(CorpusError, match="cannot read the weights"):
        load_classifier(tmp_path / "none.safetensors")


def test_what_cannot_be_fitted() -> None:
    with pytest.raises(CorpusError, match="there are no names"):
        fit([], [])
    with pytest.raises(CorpusError, match="the label 'Kazoo' is not one of the 72"):
        fit([("a", "b.wav")], ["Kazoo"])
    with pytest.raises(CorpusError, match="1 songs cannot be cut into 5 folds"):
        fit_and_measure([("a", "b.wav")], ["Bell"])


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
    columns = list(instruments())[:6]
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
    columns = list(instruments())[:3]
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


def test_the_weights_that_come_along() -> None:
    """Names of no song that they were fitted to."""
    files = {
        "01_KickIn.wav": "Drum_Kick", "02_SnareDown.wav": "Drum_Snare", "03_Overheads.wav": "Drum_Overheads",
        "04_Bass_DI.wav": "Electric_Bass", "05_Rhodes.wav": "Electric_Piano", "06_AcGtr1.wav": "Acoustic_Guitar",
        "07_ElecGtr.wav": "Electric_Guitar", "08_LeadVox.wav": "Lead_Vocal", "09_BGVs.wav": "Backing_Vocal",
        "10_Djembe.wav": "Djembe", "11_Uillean Pipes.wav": "Bagpipe", "12_Clarinet.wav": "Clarinet",
    }  # fmt: skip
    model = classifier()
    probabilities = model.predict([("Nobody - Nothing", file) for file in files])
    assert [model.labels[at] for at in probabilities.argmax(axis=1)] == list(files.values())
    assert set(model.labels) == set(instruments())
