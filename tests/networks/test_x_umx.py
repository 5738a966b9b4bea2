import torch

from stemtree.networks.x_umx import XUmxSettings


def test_one_branch_is_open_unmix() -> None:
    torch.manual_seed(0)
    crossed = XUmxSettings(units=8, layers=1, heard=12).build(20, 2, 1).eval()
    features = 20 * torch.randn(2, 2, 20, 5)
    with torch.inference_mode():
        torch.testing.assert_close(crossed(features), crossed.branches[0](features))


def test_branches_cross_before_their_last_layers() -> None:
    """What one output learns reaches every branch's BLSTM, and its own last layers alone."""
    torch.manual_seed(0)
    crossed = XUmxSettings(units=8, layers=1, heard=12).build(20, 1, 3)
    crossed(20 * torch.randn(2, 1, 20, 5))[:, 1].square().sum().backward()
    assert all(branch.blstm.weight_hh_l0.grad.any() for branch in crossed.branches)
    assert [bool(branch.widen[3].weight.grad.any()) for branch in crossed.branches] == [False, True, False]
