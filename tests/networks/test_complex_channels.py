import torch

from stemtree.networks.complex_channels import to_real_channels, to_stems


def test_there_and_back() -> None:
    torch.manual_seed(0)
    mixture = torch.randn(2, 2, 9, 5, dtype=torch.complex64)
    parts = to_real_channels(mixture, 12, frame_multiple=4)
    assert parts.shape == (2, 4, 12, 8) and not parts[:, :, 9:].any() and not parts[..., 5:].any()
    assert torch.equal(parts[:, 2, :9, :5], mixture[:, 1].real) and torch.equal(parts[:, 3, :9, :5], mixture[:, 1].imag)
    stems = to_stems(torch.cat([parts, 2 * parts], dim=1), mixture)
    assert torch.equal(stems, torch.stack([mixture, 2 * mixture], dim=1))


def test_bins_that_are_not_heard_are_silent() -> None:
    mixture = torch.randn(1, 1, 9, 5, dtype=torch.complex64)
    (stems,) = to_stems(to_real_channels(mixture, 6), mixture)
    assert torch.equal(stems[0, :, :6], mixture[0, :, :6]) and not stems[0, :, 6:].any()
