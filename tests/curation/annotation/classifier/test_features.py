import numpy as np
import pytest

from stemtree.curation.annotation.classifier.features import parse_sessions, phrase_labels, without_shared
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


@pytest.mark.parametrize(
    ("song", "files", "left"),
    [
        ("A - Song", "Layla Cover - Kick|Layla Cover - Vox|Layla Cover - Bass", "kick|vocal|bass"),
        ("A - Lover", "Lover - Kick|Lover - Gtr", "kick|guitar"),
        ("A - B", "Recorded/1 Vox|Recorded/2 Bass DI|Recorded/3 4-Audio", "vocal|bass direct|audio"),
        ("A - Bridge Over", "Bridge Over Kick|Bridge Over Snare|Bridge Over Keys", "kick|snare|keys"),
        ("Piano Man", "Piano Man Kick|Piano Man Vox|Piano Man Piano|Piano Man", "kick|vocal|piano|piano man"),
        (
            "x",
            "Take Five Kick|Take Five Bass|Take Five Vox|Take Five Keys|Shaker|Click",
            "kick|bass|vocal|keys|shaker|click",
        ),
        ("A - B", "Violin L|Violin R|Violin", "violin left|violin right|violin"),
        ("A - B", "Vocal Lead|Vocal Backing 1|Vocal Double", "vocal lead|vocal backing|vocal double"),
        ("A - B", "Synth Bass|Synth Lead|Synth Pad|Synth Strings", "synth bass|synth lead|synth pad|synth string"),
        ("A - B", "Kick", "kick"),
    ],
)
def test_words_that_the_names_of_a_session_share(song: str, files: str, left: str) -> None:
    words = vocabulary()
    names = [words.parse(f"{file}.wav").words for file in files.split("|")]
    found = without_shared(names, words.parse(song).words, words)
    assert [" ".join(name) for name in found] == left.split("|")
