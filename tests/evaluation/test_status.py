import torch

from stemtree.evaluation.status import statuses


def test_one_rule_for_any_number_of_axes() -> None:
    """A node of -20 dB, one of -40 dB, all there is, and silence; of two chunks."""
    noise = torch.randn(2, 1, 4000, generator=torch.Generator().manual_seed(0))
    truth = torch.stack([0.1 * noise.roll(7, -1), 0.01 * noise.roll(7, -1), noise, 0 * noise], dim=1)
    expected = ["counted", "quiet", "alone", "absent"]
    assert statuses(truth, noise[:, None]).tolist() == [expected] * 2
    assert statuses(truth[0], noise[0]).tolist() == expected
    assert statuses(truth[0], noise[0], -45.0).tolist() == ["counted", "counted", "alone", "absent"]
