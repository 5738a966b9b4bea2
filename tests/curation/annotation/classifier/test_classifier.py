from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from support.annotation import QUICK, SMALL, sessions

from stemtree.curation.annotation.classifier.certainty import NUM_EVIDENCE, Certainty, margin_alone
from stemtree.curation.annotation.classifier.classifier import (
    Classifier,
    NetworkWeights,
    default_classifier,
    load_classifier,
)
from stemtree.curation.annotation.classifier.features import (
    artist_features,
    name_features,
    parse_sessions,
)
from stemtree.curation.annotation.classifier.file_names import vocabulary
from stemtree.curation.annotation.classifier.fit import fit_classifier
from stemtree.curation.annotation.labels import instrument_by_label
from stemtree.errors import CorpusError

ROWS = [
    ("Anna - One", "02_Bass.wav"),
    ("Anna - One", "01_Kick.wav"),
    ("Anna - One", "03_Vox2.wav"),
    ("Anna - One", "03_Vox1.wav"),
    ("Bert - Two", "Synth.wav"),
    ("alone", "Bass.wav"),
]


def random_classifier(described: tuple[str, ...], artists: tuple[str, ...]) -> Classifier:
    random = np.random.default_rng(0)
    count, labels = len(described), ("a", "b", "c")
    direct, bias = random.normal(size=(count + len(artists), 3)), random.normal(size=3)
    shapes = ((count, 5), (4 * 5 + 8, 7), (7,), (7, 3))
    networks = (NetworkWeights(*(random.normal(size=shape).astype(np.float32) for shape in shapes)) for _ in range(2))
    whole = described + artists
    linear = direct.astype(np.float32), bias.astype(np.float32)
    return Classifier(labels, whole, *linear, tuple(networks), margin_alone(len(labels)))


def twin(model: Classifier, rows: list[tuple[str, str]]) -> np.ndarray:
    """One name after the other, from the formula."""
    words = {row: vocabulary().parse(row[1]).words for row in rows}
    flags = dict(zip(rows, parse_sessions(rows, vocabulary()).flags, strict=True))

    def times(features: dict[str, float], matrix: np.ndarray) -> np.ndarray:
        known = (
            (value, matrix[model.features.index(name)]) for name, value in features.items() if name in model.features
        )
        return sum((value * row for value, row in known), np.zeros(matrix.shape[1]))

    def logits(row: tuple[str, str], network: NetworkWeights) -> np.ndarray:
        session = sorted((other for other in rows if other[0] == row[0]), key=lambda other: other[1].casefold())
        at = session.index(row)
        embed = {words[one]: times(name_features(words[one], vocabulary()), network.embedding) for one in session}
        nothing = np.zeros(5)
        others = [vector for key, vector in embed.items() if key != words[row]]
        rest = sum(others, nothing) / max(len(others), 1) ** 0.5
        before = next((embed[words[one]] for one in session[:at][::-1] if words[one] != words[row]), nothing)
        after = next((embed[words[one]] for one in session[at:] if words[one] != words[row]), nothing)
        context = np.concatenate([embed[words[row]], rest, before, after, flags[row]])
        direct = times(name_features(words[row], vocabulary()), model.direct)
        direct += times(artist_features(row[0], words[row]), model.direct)
        hidden = np.maximum(context @ network.hidden + network.hidden_bias, 0)
        return direct + model.bias + hidden @ network.output

    each = np.array([[logits(row, network) for row in rows] for network in model.networks]).mean(axis=0)
    odds = np.exp(each)
    return odds / odds.sum(axis=1, keepdims=True)


def test_prediction_is_the_formula() -> None:
    described = {name for row in ROWS for name in name_features(vocabulary().parse(row[1]).words, vocabulary())}
    signed = {name for row in ROWS for name in artist_features(row[0], vocabulary().parse(row[1]).words)}
    known = tuple(sorted(described)[::2]), tuple(sorted(signed)[::2])  # some are unknown to the weights
    model = random_classifier(*known)
    np.testing.assert_allclose(model.predict(ROWS), twin(model, ROWS), rtol=1e-4, atol=1e-6)


def test_the_order_of_rows_does_not_matter() -> None:
    mixed = ROWS[::-1]
    np.testing.assert_allclose(default_classifier().predict(mixed)[::-1], default_classifier().predict(ROWS), atol=1e-6)


def test_weights_survive_the_file(tmp_path: Path) -> None:
    rows, labels = sessions(20)
    fitted = fit_classifier(rows, labels, QUICK, SMALL)
    certainty = Certainty(np.arange(NUM_EVIDENCE, dtype=np.float32), np.arange(len(fitted.labels), dtype=np.float32))
    model = replace(fitted, certainty=certainty)
    model.save(tmp_path / "made" / "w.safetensors")
    (tmp_path / "made" / "w.safetensors").rename(tmp_path / "w.safetensors")
    (tmp_path / "made").rmdir()
    with pytest.raises(CorpusError, match="cannot write to"):
        model.save(tmp_path / "w.safetensors" / "w.safetensors")
    again = load_classifier(tmp_path / "w.safetensors")
    assert (again.labels, again.features) == (model.labels, model.features)
    assert np.array_equal(again.certainty.weights, certainty.weights)
    assert np.array_equal(again.certainty.bias, certainty.bias)
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


def test_the_weights_that_come_along() -> None:
    """Names of no song that they were fitted to."""
    files = {
        "01_KickIn.wav": "Drum_Kick", "02_SnareDown.wav": "Drum_Snare", "03_Overheads.wav": "Drum_Overheads",
        "04_Bass_DI.wav": "Electric_Bass", "05_Rhodes.wav": "Electric_Piano", "06_AcGtr1.wav": "Acoustic_Guitar",
        "07_ElecGtr.wav": "Electric_Guitar", "08_LeadVox.wav": "Lead_Vocal", "09_BGVs.wav": "Backing_Vocal",
        "10_Djembe.wav": "Djembe", "11_Uillean Pipes.wav": "Bagpipe", "12_Clarinet.wav": "Clarinet",
    }  # fmt: skip
    model = default_classifier()
    probabilities = model.predict([("Nobody - Nothing", file) for file in files])
    assert [model.labels[at] for at in probabilities.argmax(axis=1)] == list(files.values())
    assert set(model.labels) == set(instrument_by_label())
