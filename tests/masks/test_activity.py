import math

import pytest
import torch

from stemtree.hierarchy import from_dict
from stemtree.masks.activity import suppress_inactive
from stemtree.masks.partition import Partition


def test_faint_nodes_are_suppressed() -> None:
    generator = torch.Generator().manual_seed(0)
    mixture = torch.randn(2, 9, 7, dtype=torch.complex64, generator=generator)
    flat = Partition(from_dict("flat", {"a": {}, "b": {}, "c": {}}), ("a", "b", "c"))
    parts = torch.tensor([0.9, 0.09, 0.01]).view(3, 1, 1, 1) * torch.ones(3, 1, 9, 7)
    suppressed = suppress_inactive(parts, flat, mixture, -20.9)  # where the second lies
    torch.testing.assert_close(suppressed.sum(dim=0), torch.ones(1, 9, 7))
    relative_db = 20 * (suppressed[:, 0, 0, 0] / suppressed[0, 0, 0, 0]).log10()
    assert relative_db[1].item() == pytest.approx(20 * math.log10(0.1) - 6, abs=0.2)
    assert relative_db[2].item() < -70
    torch.testing.assert_close(suppress_inactive(parts, flat, mixture, -90.0), parts, atol=1e-4, rtol=0)
    silence = suppress_inactive(parts, flat, torch.zeros_like(mixture), -20.0)
    torch.testing.assert_close(silence, torch.full_like(parts, 1 / 3))


def test_what_is_suppressed_stays_within_its_parent() -> None:
    generator = torch.Generator().manual_seed(0)
    mixture = torch.randn(2, 9, 7, dtype=torch.complex64, generator=generator)
    nodes = ("a", "b", "b/c", "b/d")  # and a residual of b, and one of the mixture
    partition = Partition(from_dict("deep", {"a": {}, "b": {"c": {}, "d": {}, "e": {}}, "f": {}}), nodes)
    assert partition.parts == ("a", "b/c", "b/d", "", "b")
    parts = torch.tensor([0.4, 0.01, 0.2, 0.29, 0.1]).view(5, 1, 1, 1) * torch.ones(5, 1, 9, 7)
    suppressed = suppress_inactive(parts, partition, mixture, -35.0)
    torch.testing.assert_close(suppressed.sum(dim=0), torch.ones(1, 9, 7))
    assert suppressed[1].max() < 0.002
    before, after = partition.sum_parts(parts, 0), partition.sum_parts(suppressed, 0)
    torch.testing.assert_close(after[:2], before[:2], atol=0.01, rtol=0)
    assert torch.all(suppressed[2] / suppressed[4] > 2)
