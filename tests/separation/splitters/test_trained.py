import numpy as np
import torch

from stemtree.hierarchy import load
from stemtree.separation.separator import Separator
from stemtree.separation.splitters.base import Block
from stemtree.separation.splitters.registry import make_splitters
from stemtree.separation.splitters.spleeter import Spleeter
from stemtree.separation.splitters.trained import TrainedSplitter
from stemtree.spectral import Stft

MS21 = load("ms21")


def test_the_same_tree_beneath_a_better_root(splitter: str, band: TrainedSplitter, excerpt: np.ndarray) -> None:
    trees = []
    for root in (make_splitters([splitter])[0], Spleeter()):
        separator = Separator(splitters=[root, band])
        trees.append(separator.tree)
        result = separator.separate(excerpt, 44100)
        for node in result.root:
            if node.children:
                assert np.abs(sum(child.audio for child in node.children) - node.audio).max() < 1e-6
    assert trees[0] == trees[1]
    assert set(trees[0].leaves()) == {"vocal", *MS21.leaves("accompaniment")}


def test_a_part_of_a_models_tree_is_shared_as_the_model_says(band: TrainedSplitter, excerpt: np.ndarray) -> None:
    stft = Stft()
    block = Block(stft.transform(torch.from_numpy(excerpt)), 0, stft)
    everything = band.outputs(MS21, "accompaniment")
    assert everything == MS21.leaves("accompaniment")
    drums = band.outputs(MS21, "accompaniment/percussion")
    assert drums == MS21.children("accompaniment/percussion")
    assert band.outputs(MS21, "accompaniment/bass") == band.outputs(MS21, "vocal") == ()
    whole = dict(zip(everything, band.masks(block, "accompaniment", everything), strict=True))
    total = sum(whole[path] for path in drums)
    for path, mask in zip(drums, band.masks(block, "accompaniment/percussion", drums), strict=True):
        assert torch.allclose(mask, whole[path] / total, atol=1e-5)
