"""Overlap-add against torch's inverse and its plain twin."""

import pytest
import torch

from stemtree.spectral import MaskedSpectrogram, Stft, Synthesis, analyse_stream, kernels
from stemtree.spectral.stft import overlap_add

SMALL = Stft(window=64, hop=16, sample_rate=8000)
GROUPS = (64, 64 * 7, 2**18)


@pytest.mark.parametrize("cached", GROUPS)
def test_synthesis_equals_torchs_inverse_of_masked_frames(cached: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "CACHED_SAMPLES", cached)
    generator = torch.Generator().manual_seed(0)
    signal = torch.randn(1, 1000, generator=generator)
    (spectrogram,) = analyse_stream(SMALL, [signal], 100)
    mask = torch.rand(spectrogram.shape, generator=generator)
    synthesis = Synthesis(SMALL)
    back = torch.cat([*synthesis.add([MaskedSpectrogram(spectrogram, mask)]), synthesis.finish()], dim=-1)[0, :, :1000]
    expected = torch.istft(spectrogram * mask, 64, 16, window=torch.hann_window(64), length=1000)
    torch.testing.assert_close(back, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("cached", GROUPS)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("shape", [(1,), (2,), (3, 2)])
def test_overlap_add_equals_its_plain_twin(
    cached: int, masked: bool, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "CACHED_SAMPLES", cached)
    generator = torch.Generator().manual_seed(0)
    spectrogram = torch.randn(*shape, 33, 20, dtype=torch.complex64, generator=generator)
    mask = torch.rand(spectrogram.shape, generator=generator) if masked else None
    window = torch.hann_window(64)
    expected = overlap_add.plain(spectrogram, window, 16, mask)
    torch.testing.assert_close(overlap_add(spectrogram, window, 16, mask), expected)
    before = torch.ones_like(expected)
    torch.testing.assert_close(overlap_add(spectrogram, window, 16, mask, before), 1 + expected)
