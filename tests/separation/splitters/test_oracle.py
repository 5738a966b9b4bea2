from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.audio import si_sdr

from stemtree.audio import ArraySource
from stemtree.errors import HierarchyError, OptionError, SplitterError
from stemtree.hierarchy import Hierarchy, load
from stemtree.separation.separator import Separator
from stemtree.separation.splitters.oracle import Oracle

RATE = 22050


@pytest.fixture(scope="module")
def stems(excerpt: np.ndarray) -> dict[str, np.ndarray]:
    """A stem for every leaf of MS21: stretches of the real song, each in a frequency band of its own."""
    leaves = load("ms21").leaves()
    spectrum = np.fft.rfft(excerpt[:, : 2 * RATE])
    edges = np.linspace(0, spectrum.shape[1], len(leaves) + 1).astype(int) // 2
    bands = {}
    for leaf, low, high in zip(leaves, edges, edges[1:], strict=False):
        band = np.zeros_like(spectrum)
        band[:, low:high] = spectrum[:, low:high]
        bands[leaf] = np.fft.irfft(band).astype(np.float32)
    return bands


@pytest.mark.parametrize("kind", ["irm", "ibm", "psa"])
def test_walks_a_deep_tree(stems: dict[str, np.ndarray], kind: str) -> None:
    ms21 = load("ms21")
    mixture = np.sum(list(stems.values()), axis=0)
    oracle = Oracle({path: ArraySource(stem, RATE) for path, stem in stems.items()}, kind)
    result = Separator(ms21, splitters=[oracle]).separate(mixture, RATE)
    assert [node.path for node in result] == list(ms21.paths)
    for node in result:
        truth = np.sum([stems[leaf] for leaf in ms21.leaves(node.path)], axis=0)
        assert si_sdr(node.audio, truth) > 15  # bands overlap only at their edges
        if node.children:
            total = np.sum([child.audio for child in node.children], axis=0)
            np.testing.assert_allclose(node.audio, total, atol=1e-6)
    np.testing.assert_allclose(np.sum([child.audio for child in result.root.children], axis=0), mixture, atol=1e-6)


def test_phase_sensitive_beats_the_ratio_mask(excerpt: np.ndarray) -> None:
    """On overlapping stems: the second channel of a real song against a time-reversed first one."""
    truth = {"a": excerpt[1], "b": excerpt[0, ::-1].copy()}
    mixture = truth["a"] + truth["b"]
    tree = _flat("a", "b")
    scores = {}
    for kind in ("irm", "ibm", "psa"):
        oracle = Oracle({path: ArraySource(stem, 44100) for path, stem in truth.items()}, kind)
        result = Separator(tree, splitters=[oracle]).separate(mixture, 44100)
        scores[kind] = np.mean([si_sdr(result[path].audio, truth[path]) for path in truth])
    assert scores["psa"] > scores["irm"] > np.mean([si_sdr(mixture, stem) for stem in truth.values()]) + 5
    assert scores["psa"] > scores["ibm"]


def test_stems_on_disk_short_mono_and_missing(tmp_path: Path, excerpt: np.ndarray) -> None:
    soundfile.write(tmp_path / "a.wav", excerpt[0, :RATE], RATE, "FLOAT")
    mixture = excerpt[:, : 3 * RATE].copy()
    oracle = Oracle({"a": tmp_path / "a.wav"}, "ibm")
    result = Separator(_flat("a", "b"), splitters=[oracle]).separate(mixture, RATE)
    assert np.abs(result["a"].audio[:, :RATE]).max() > 0.1
    # Long after the stem's end no stem is loud: the binary mask falls to the first node, all of it.
    np.testing.assert_allclose(result["a"].audio[:, -RATE // 2 :], mixture[:, -RATE // 2 :], atol=1e-5)


def test_errors(excerpt: np.ndarray) -> None:
    with pytest.raises(OptionError, match="no oracle mask 'irn'; did you mean irm"):
        Oracle({}, "irn")
    with pytest.raises(HierarchyError, match="no node 'c'; there are a, b"):
        Separator(_flat("a", "b"), splitters=[Oracle({"c": ArraySource(excerpt, 44100)})])
    separator = Separator(_flat("a", "b"), splitters=[Oracle({"a": ArraySource(excerpt, 48000)})])
    with pytest.raises(SplitterError, match="has 48000 Hz and the song 44100 Hz"):
        separator.separate(excerpt, 44100)


def _flat(*names: str) -> Hierarchy:
    from stemtree.hierarchy import Node

    return Hierarchy("flat", Node("mixture", tuple(Node(name) for name in names)))
