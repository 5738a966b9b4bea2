import pytest
import torch
from pydantic import ValidationError
from support.networks import SMALL

from stemtree.networks.folded_conv import Band, FoldedConvSettings, add_to_logits


def test_folding_keeps_every_bin_in_its_place() -> None:
    """A network whose dense layers hand their input through returns the bins it got, whatever the bands."""
    bands = (Band(fold=2, places=3), Band(fold=4))
    network = FoldedConvSettings(bands=bands, widths=(4, 8)).build(13, 1, outputs=1)
    for dense in (*network.fold, *network.unfold):
        dense.bias.data.zero_()
        dense.weight.data.copy_(torch.eye(*dense.weight.shape))
    features = torch.randn(2, 1, 13, 5)
    folded = network.fold_bins(features)
    assert folded.shape == (2, 4, 5, 3 + 2)
    assert folded[1, 1, 3, 1] == features[1, 0, 3, 3] and folded[1, 2, 3, 3] == features[1, 0, 6 + 2, 3]
    torch.testing.assert_close(network.unfold_bins(folded, 13)[:, :, 0], features)


def test_bands_above_the_highest_bin_are_left_out() -> None:
    bands = (Band(fold=2, places=3), Band(fold=4, places=2), Band(fold=8))
    assert FoldedConvSettings(bands=bands).build(9, 1, outputs=1).bands == [(2, 3), (4, 1)]
    assert FoldedConvSettings(bands=bands).build(15, 1, outputs=1).bands == [(2, 3), (4, 2), (8, 1)]
    for wrong in ((), (Band(fold=2), Band(fold=4)), (Band(fold=2, places=3),)):
        with pytest.raises(ValidationError, match="every band but the last"):
            FoldedConvSettings(bands=wrong)


def test_a_softer_copy_is_heard_alike() -> None:
    torch.manual_seed(0)
    network = SMALL["folded_conv"].build(33, 2, outputs=2).eval()
    features = 10 * torch.randn(3, 2, 33, 21)
    softer = features - torch.tensor([0.0, 12.0, 30.0]).view(-1, 1, 1, 1)
    with torch.inference_mode():
        torch.testing.assert_close(network(softer), network(features), atol=1e-4, rtol=1e-4)
        assert not torch.allclose(network(features * 1.1), network(features), atol=1e-2)


def test_what_is_added_to_logits() -> None:
    torch.manual_seed(0)
    network = SMALL["folded_conv"].build(33, 2, outputs=2).eval()
    features = torch.randn(1, 2, 33, 9)
    with torch.inference_mode():
        before = network(features)  # (batch, output, 1, bin, frame)
        add_to_logits(network.state_dict(), [0.0, -1.5])
        after = network(features)
    torch.testing.assert_close(after[:, 0], before[:, 0])
    torch.testing.assert_close(after[:, 1], before[:, 1] - 1.5)
