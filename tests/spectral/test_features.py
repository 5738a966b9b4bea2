import torch

from stemtree.spectral import FLOOR, log_magnitude, salient_bins


def test_magnitudes_in_decibels_by_hand() -> None:
    spectrogram = torch.tensor([3 - 4j, 0.1j, 0, 1e-4]).view(1, 1, 1, 4)
    torch.testing.assert_close(log_magnitude(spectrogram).flatten(), torch.tensor([13.9794, -20, FLOOR, FLOOR]))


def test_salient_bins_are_near_the_loudest_of_their_recording() -> None:
    features = torch.tensor([[10.0, -30.0, -30.5, FLOOR], [-55.0, -59.0, FLOOR, FLOOR], [FLOOR] * 4]).view(3, 1, 4, 1)
    assert salient_bins(features).flatten(1).tolist() == [
        [True, True, False, False],
        [True, True, False, False],
        [False] * 4,
    ]
