from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from stemtree.corpora.check import check_corpus
from stemtree.corpora.load import load_corpus
from stemtree.data.signals import node_signals


def test_moisesdbs_tracks_of_unequal_length(corpora: Callable[[str], Path]) -> None:
    """As in the publisher's own loader: the tracks of a stem end together, and a stem that ends early is silent."""
    root = corpora("moisesdb")
    song = root / "song-id"
    lengths = {"vocals/vocals-0": 15000, "guitar/guitar-0": 16100, "guitar/guitar-1": 15900, "drums/drums-0": 16000}
    written = {}
    for number, (name, length) in enumerate(lengths.items()):
        written[name] = np.random.default_rng(number).integers(-3000, 3000, length).astype(np.int16)
        soundfile.write(song / f"{name}.wav", written[name], 8000)
    corpus = load_corpus(root, "moisesdb")
    (track,) = corpus.tracks
    assert track.num_samples == 16000
    assert [note.message for note in corpus.notes] == [
        "'song-id': 3 of 4 stems end before the song does and are silent from there on",
        "'song-id': 1 of 4 stems are cut where the shortest of their group ends",
    ]
    vocals, guitar, drums, whole = node_signals(track, ("vocals", "guitar", "drums", ""), 14000, 2000, mono=True)
    expected = {name: np.zeros(2000) for name in lengths}
    for name, samples in written.items():
        end = 15900 if name.startswith("guitar") else lengths[name]
        expected[name][: end - 14000] = samples[14000:end] / 2**15
    np.testing.assert_allclose(vocals[0], expected["vocals/vocals-0"], atol=1e-6)
    np.testing.assert_allclose(guitar[0], expected["guitar/guitar-0"] + expected["guitar/guitar-1"], atol=1e-6)
    np.testing.assert_allclose(drums[0], expected["drums/drums-0"], atol=1e-6)
    np.testing.assert_allclose(whole[0], sum(expected.values()), atol=1e-6)
    (late,) = node_signals(track, ("vocals",), 15500, 500, mono=True)  # after the file's end
    assert not late.any()
    assert check_corpus(root, "moisesdb").problems == ()
