import numpy as np

from stemtree.curation.annotation.classifier.features import parse_sessions, phrase_labels
from stemtree.curation.annotation.classifier.file_names import vocabulary

ROWS = [
    ("Anna - One", "02_Bass.wav"),
    ("Anna - One", "01_Kick.wav"),
    ("Anna - One", "03_Vox2.wav"),
    ("Anna - One", "03_Vox1.wav"),
    ("Bert - Two", "Synth.wav"),
    ("alone", "Bass.wav"),
]


def test_places_in_a_session() -> None:
    flags = parse_sessions(ROWS, vocabulary()).flags
    np.testing.assert_allclose(flags[0], [1, np.log(4) / 4, 1 / 8, 0, 0, 1 / 4, 0, 0], atol=1e-6)
    np.testing.assert_allclose(flags[2], [1, np.log(4) / 4, 2 / 8, 0, 1, 3 / 4, 0, 0], atol=1e-6)
    flags = parse_sessions([("s", "Vox.wav"), ("s", "Vox_Raw.wav")], vocabulary()).flags
    assert flags[:, 6:].tolist() == [[0, 1], [1, 0]]


def test_the_longest_phrase_counts() -> None:
    words = vocabulary()
    assert phrase_labels(("sub", "bass", "kick"), words) == ["Synth_Bass", "Drum_Kick"]
    assert phrase_labels(("vocal", "guitar"), words) == ["Backing_Vocal"]
    assert phrase_labels(("bip",), words) == []
