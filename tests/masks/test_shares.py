import torch

from stemtree.masks.shares import share_logits


def test_shares_bin_by_bin() -> None:
    torch.manual_seed(0)
    mixture, stems = (torch.randn(2, *size, 5, 3, dtype=torch.complex64) for size in ((1,), (4, 1)))
    shares = share_logits(stems, mixture).sigmoid()
    for batch, output, channel, *place in torch.ones(stems.shape).nonzero().tolist():
        stem, whole = stems[batch, output, channel, *place], mixture[batch, channel, *place]
        expected = stem.abs() / (stem.abs() + (whole - stem).abs())
        torch.testing.assert_close(shares[batch, output, channel, *place], expected, atol=1e-4, rtol=1e-4)


def test_two_stems_that_add_up_are_divided_as_by_a_wiener_filter() -> None:
    torch.manual_seed(0)
    stems = torch.randn(1, 2, 2, 5, 3, dtype=torch.complex64)
    powers = stems.abs().square()
    masks = share_logits(stems, stems.sum(dim=1)).softmax(dim=1)
    torch.testing.assert_close(masks, powers / powers.sum(dim=1, keepdim=True), atol=1e-4, rtol=1e-4)


def test_all_nothing_and_silence() -> None:
    mixture = torch.ones(1, 1, 2, 1, dtype=torch.complex64)
    whole, nothing = share_logits(torch.stack([mixture, 0 * mixture], dim=1), mixture).sigmoid().unbind(dim=1)
    assert (whole > 0.999).all() and (nothing < 0.001).all()
    silence = torch.zeros(1, 3, 1, 2, 2, dtype=torch.complex64, requires_grad=True)
    logits = share_logits(silence, silence[:, 0].detach())
    logits.sum().backward()
    assert not logits.any() and silence.grad.isfinite().all()
