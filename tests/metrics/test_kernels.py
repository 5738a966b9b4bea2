import pytest
import torch

from stemtree.metrics.bss_eval import part_energies
from stemtree.metrics.ratio import inner


@pytest.mark.parametrize(("channels", "taps", "window", "num_windows"), [(1, 5, 40, 7), (2, 8, 8, 5), (2, 1, 30, 3)])
def test_parts_of_an_estimate(channels: int, taps: int, window: int, num_windows: int) -> None:
    generator = torch.Generator().manual_seed(taps)
    sources = torch.randn(2 * channels, num_windows * window, generator=generator, dtype=torch.float64)
    noise = torch.randn(channels, num_windows * window, generator=generator, dtype=torch.float64)
    estimate = sources[:channels].roll(1, dims=-1) + sources[channels:] / 2 + noise / 10
    signals = torch.cat([sources, estimate]).unfold(-1, window, window)
    both = part_energies(signals, channels, taps), part_energies.plain(signals, channels, taps)
    for fast, plain in zip(*both, strict=True):
        for name in ("source", "interference", "source_and_interference", "artefacts"):
            torch.testing.assert_close(getattr(fast, name), getattr(plain, name), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("num_samples", [1, 70_000, 400_000])
def test_inner_products(num_samples: int) -> None:
    generator = torch.Generator().manual_seed(0)
    one = torch.randn(3, 1, 2, num_samples, generator=generator)
    other = torch.randn(2, num_samples, generator=generator)
    expected = inner.plain(one, other)
    assert inner(one, other).shape == expected.shape == (3, 1) and expected.dtype == torch.float64
    torch.testing.assert_close(inner(one, other), expected, rtol=1e-4, atol=1e-3 * num_samples**0.5)
    torch.testing.assert_close(inner(other, other), inner.plain(other, other), rtol=1e-6, atol=0)
