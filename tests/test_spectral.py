import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtree import spectral
from stemtree.spectral import Stft, Synthesis, analyse_stream

SMALL = Stft(window=64, hop=16, sample_rate=8000)


@given(length=st.integers(1, 700), block=st.integers(1, 300), frames=st.integers(1, 9))
@settings(deadline=None)
def test_stream_equals_torchs_transform_of_the_whole(length: int, block: int, frames: int) -> None:
    signal = torch.randn(2, length, generator=torch.Generator().manual_seed(length))
    spectrograms = list(analyse_stream(SMALL, signal.split(block, dim=-1), frames))
    whole = torch.stft(signal, 64, 16, window=torch.hann_window(64), pad_mode="constant", return_complex=True)
    assert all(spectrogram.shape[-1] == frames for spectrogram in spectrograms[:-1])
    torch.testing.assert_close(torch.cat(spectrograms, dim=-1), whole)

    synthesis = Synthesis(SMALL)
    pieces = [synthesis.add([(some, None), (some, torch.full(some.shape, 2.0))]) for some in spectrograms]
    back = torch.cat([*pieces, synthesis.finish()], dim=-1)[..., :length]
    torch.testing.assert_close(back, torch.stack([signal, 2 * signal]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("cached", [64, 64 * 7, 2**18])
def test_synthesis_equals_torchs_inverse_of_masked_frames(cached: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectral, "_CACHED", cached)
    generator = torch.Generator().manual_seed(0)
    signal = torch.randn(1, 1000, generator=generator)
    (spectrogram,) = analyse_stream(SMALL, [signal], 100)
    mask = torch.rand(spectrogram.shape, generator=generator)
    synthesis = Synthesis(SMALL)
    back = torch.cat([synthesis.add([(spectrogram, mask)]), synthesis.finish()], dim=-1)[0, :, :1000]
    expected = torch.istft(spectrogram * mask, 64, 16, window=torch.hann_window(64), length=1000)
    torch.testing.assert_close(back, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000])
def test_other_rates_keep_seconds_and_hertz(rate: int) -> None:
    stft = Stft()
    other = stft.at(rate)
    assert other.sample_rate == rate
    assert other.hop / rate == pytest.approx(stft.hop / 44100, rel=0.0014)
    assert rate / other.window == pytest.approx(44100 / stft.window, rel=0.0014)
    assert stft.at(44100) == stft
