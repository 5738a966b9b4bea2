import torch

from stemtree.networks.layers import BinNorm, normalise_loudness


def test_standardising_by_bins_equals_torchs_batch_norm_once_trained() -> None:
    torch.manual_seed(0)
    ours, torchs = BinNorm(bins=5, channels=2), torch.nn.BatchNorm1d(10)
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter)
    for _ in range(3):
        ours(torch.randn(4, 2, 5, 7) * 3 + 1)
    torchs.load_state_dict(ours.state_dict())
    features = torch.randn(2, 2, 7, 5).mT
    expected = torchs.eval()(features.flatten(1, 2)).view_as(features)
    torch.testing.assert_close(ours.eval()(features), expected)


def test_loudness_is_relative_to_the_mean_power() -> None:
    """Bins of power 1 and 3 have a mean of 2; a third, 90 dB below, is silence."""
    features = 10 * torch.tensor([1.0, 3.0, 1e-9, 4.0]).log10().view(1, 1, 2, 2)
    expected = 10 * torch.tensor([1 / 2, 3 / 2, 1e-7, 4 / 2]).log10().view(1, 1, 2, 2)
    torch.testing.assert_close(normalise_loudness(features), expected)
    torch.testing.assert_close(normalise_loudness(features - 30), expected)
