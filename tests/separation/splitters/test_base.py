import pytest
import torch

from stemtree.separation.splitters.base import to_model_bins, to_song_bins
from stemtree.spectral import Stft

MODEL = Stft(64, 16, 8000)


def test_a_song_of_the_models_rate_is_cut_to_the_bins_it_sees() -> None:
    spectrum = torch.randn(2, 33, 5, dtype=torch.complex64)
    assert torch.equal(to_model_bins(spectrum, MODEL, MODEL), spectrum)
    assert torch.equal(to_model_bins(spectrum, MODEL, MODEL, 20), spectrum[:, :20])


@pytest.mark.parametrize("rate", [4000, 6000, 16000])
def test_a_tone_is_as_loud_at_other_rates(rate: int) -> None:
    """A sine of 1 kHz has the same magnitude in the same bin at every rate, with zeros above the song's highest bin."""
    stft = MODEL.at(rate)
    tones = (torch.sin(2 * torch.pi * 1000 * torch.arange(2 * r) / r)[None] for r in (8000, rate))
    expected, found = (transform.analyse(tone).abs() for transform, tone in zip((MODEL, stft), tones, strict=True))
    fitted = to_model_bins(found, stft, MODEL)
    assert fitted.shape[1] == 33
    assert fitted[:, stft.bins :].abs().max() == 0 if stft.bins < 33 else True
    torch.testing.assert_close(fitted[:, :12].mean(dim=-1), expected[:, :12].mean(dim=-1), atol=0.05, rtol=0.01)


def test_bins_above_the_models_get_the_mean_mask() -> None:
    masks = torch.rand(3, 1, 8, 5).softmax(dim=0)
    fitted = to_song_bins(masks, 12)
    assert torch.equal(fitted[..., :8, :], masks)
    torch.testing.assert_close(fitted[..., 8:, :], masks.mean(dim=-2, keepdim=True).expand(-1, -1, 4, -1))
    torch.testing.assert_close(fitted.sum(dim=0), torch.ones(1, 12, 5))
    assert torch.equal(to_song_bins(masks, 6), masks[..., :6, :])
