from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.noise_corpus import RATE, SECONDS, make_corpus

from stemtree.data.signals import is_salient, node_signals, sum_to_nodes


@pytest.mark.parametrize("mono", [True, False])
def test_signals_of_nodes(mono: bool, tmp_path: Path) -> None:
    """Sums of the files at and below each node, with silence after the song's end."""
    (track,) = make_corpus(tmp_path, [["vocals", "accompaniment/bass", "accompaniment/drums"]], channels=2).tracks
    files = [soundfile.read(stem.file.path, dtype="float32")[0].T for stem in track.stems]
    start = (SECONDS - 1) * RATE
    signals = node_signals(track, ("", "accompaniment", "accompaniment/other"), start, 2 * RATE, mono=mono)
    for signal, expected in zip(signals, (sum(files), files[1] + files[2], 0 * files[0]), strict=True):
        last = expected[:, start:]
        wanted = last.mean(axis=0, keepdims=True) if mono else last
        assert signal.shape == (1 if mono else 2, 2 * RATE) and signal.dtype == np.float32
        np.testing.assert_allclose(signal[:, :RATE], wanted, atol=1e-6)
        assert not signal[:, RATE:].any()


def test_a_leaf_belongs_to_every_node_above_it() -> None:
    left, right = np.full((1, 4), 1, np.float32), np.full((1, 3), 2, np.float32)
    sums = sum_to_nodes([("a/b", left), ("a/c", right)], ["a", "a/b", "d"], 4)
    assert [total[0].tolist() for total in sums] == [[3, 3, 3, 1], [1, 1, 1, 1], [0, 0, 0, 0]]


def test_salience_is_a_matter_of_the_threshold() -> None:
    signal = np.full((2, 100), 0.1, np.float32)  # -20 dBFS
    assert is_salient(signal, -20.1) and not is_salient(signal, -19.9)
