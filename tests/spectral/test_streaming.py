import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtree.spectral import MaskedSpectrogram, Stft, Synthesis, analyse_stream

SMALL = Stft(window=64, hop=16, sample_rate=8000)


@given(
    length=st.integers(1, 700),
    block=st.integers(1, 300),
    frames=st.integers(1, 9),
    at_a_time=st.none() | st.integers(1, 9),
)
@settings(deadline=None)
def test_stream_equals_torchs_transform_of_the_whole(
    length: int, block: int, frames: int, at_a_time: int | None
) -> None:
    signal = torch.randn(2, length, generator=torch.Generator().manual_seed(length))
    spectrograms = list(analyse_stream(SMALL, signal.split(block, dim=-1), frames))
    whole = torch.stft(signal, 64, 16, window=torch.hann_window(64), pad_mode="constant", return_complex=True)
    assert all(spectrogram.shape[-1] == frames for spectrogram in spectrograms[:-1])
    torch.testing.assert_close(torch.cat(spectrograms, dim=-1), whole)

    synthesis = Synthesis(SMALL)
    pieces = [
        piece
        for some in spectrograms
        for piece in synthesis.add(
            [MaskedSpectrogram(some), MaskedSpectrogram(some, torch.full(some.shape, 2.0))], at_a_time
        )
    ]
    assert sum(piece.shape[-1] for piece in pieces) == synthesis.num_samples
    back = torch.cat([*pieces, synthesis.finish()], dim=-1)[..., :length]
    torch.testing.assert_close(back, torch.stack([signal, 2 * signal]), atol=1e-5, rtol=0)
