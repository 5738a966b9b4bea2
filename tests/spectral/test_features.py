import torch

from stemtree.spectral import FLOOR, log_magnitude, mid_side, salient_bins


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


def test_mid_and_side_tell_the_centre_from_the_sides() -> None:
    centre, left, wide = (torch.tensor(pair).view(2, 1, 1) for pair in ([2j, 2j], [4 + 0j, 0], [1 + 0j, 1j]))
    assert mid_side(centre).flatten().tolist() == [2j, 0]
    assert mid_side(left).flatten().tolist() == [2, 2]
    mid, side = log_magnitude(mid_side(torch.stack([wide, wide.flip(0)])))[:, :, 0, 0].unbind(dim=1)
    torch.testing.assert_close(mid, side)
    spectrogram = torch.randn(3, 2, 4, 5, dtype=torch.complex64)
    torch.testing.assert_close(mid_side(spectrogram).sum(dim=1), spectrogram[:, 0])  # left
