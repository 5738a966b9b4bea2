import pytest
import torch

from stemtree.hierarchy import load
from stemtree.masks.partition import Partition
from stemtree.spectral import Stft
from stemtree.training.kernels import node_spectrograms, node_spectrograms_plain

BASS = "accompaniment/bass"


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("whole", [True, False])
def test_spectrograms_of_nodes(every: int, channels: int, whole: bool) -> None:
    """Of a whole tree, in which some leaves are silent, and of a path with residuals."""
    hierarchy, stft = load("musdb18"), Stft(256, 64, 8000)
    partition = Partition(hierarchy, hierarchy.paths if whole else (BASS, "accompaniment"))
    generator = torch.Generator().manual_seed(0)
    leaves = {path: torch.randn(3, channels, 1000, generator=generator) for path in hierarchy.leaves()}
    leaves[BASS][1] = 0
    leaves["vocals"] *= 0
    signals = torch.stack([sum(leaves[leaf] for leaf in hierarchy.leaves(path)) for path in partition.nodes], dim=1)
    fast = node_spectrograms(signals, partition, stft, every)
    plain = node_spectrograms_plain(signals, stft, every)
    assert fast.shape == plain.shape == (3, len(partition.nodes), channels, 129, plain.shape[-1])
    torch.testing.assert_close(fast, plain, atol=1e-4, rtol=1e-4)
