import pytest
import torch

from stemtree.errors import OptionError
from stemtree.spectral import Stft


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000])
def test_other_rates_keep_seconds_and_hertz(rate: int) -> None:
    stft = Stft()
    other = stft.at(rate)
    assert other.sample_rate == rate
    assert other.hop / rate == pytest.approx(stft.hop / 44100, rel=0.0014)
    assert rate / other.window == pytest.approx(44100 / stft.window, rel=0.0014)
    assert stft.at(44100) == stft


@pytest.mark.parametrize("length", [1, 15, 16, 100, 1000])
def test_inverse_undoes_the_transform(length: int) -> None:
    stft = Stft(window=64, hop=16, sample_rate=8000)
    audio = torch.randn(3, 2, length, generator=torch.Generator().manual_seed(0))
    spectrogram = stft.transform(audio)
    assert spectrogram.shape[:3] == (3, 2, stft.bins)
    torch.testing.assert_close(stft.inverse(spectrogram, length), audio, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("window", "hop"), [(64, 0), (64, 64), (64, 24), (0, 1)])
def test_windows_that_do_not_overlap_are_refused(window: int, hop: int) -> None:
    with pytest.raises(OptionError, match=f"a window of {window} samples every {hop}"):
        Stft(window, hop)
