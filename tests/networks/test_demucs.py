import pytest
import torch
from support.networks import small_model

from stemtree.networks.demucs import DemucsSettings


@pytest.mark.parametrize("architecture", ["hybrid", "waveform"])
def test_other_architectures(architecture: str) -> None:
    model = small_model(DemucsSettings(architecture=architecture, width=8), "tree", channels=1)
    masks = model.estimate(torch.randn(1, 1, 33, 9, dtype=torch.complex64)).masks
    assert masks.shape == (1, 4, 1, 33, 9)
    masks.square().sum().backward()
    assert any(parameter.grad.any() for parameter in model.network.parameters())


def test_the_network_hears_the_waveform_and_its_stems_are_the_masks() -> None:
    """A network that hands out the mixture and silence."""

    class Passing(torch.nn.Module):
        def forward(self, audio: torch.Tensor) -> torch.Tensor:
            heard.append(audio)
            return torch.stack([audio, 0 * audio, 0.5 * audio], dim=1)

    heard: list[torch.Tensor] = []
    model = small_model(DemucsSettings(width=8, layers=1, features=8, heads=2), "tree")
    object.__setattr__(model, "network", Passing())
    stft = model.card.stft
    audio = torch.randn(1, 2, 320)
    mixture = stft.transform(audio)
    logits = model._logits(mixture, None)
    inner = heard[0][..., 32 : 32 + 320]
    torch.testing.assert_close(inner / inner.std(), audio / audio.std(), atol=1e-3, rtol=1e-3)
    shares = logits.sigmoid()[..., 1:-1]
    for share, expected in zip(shares.unbind(dim=1), (1.0, 0.0, 0.5), strict=True):
        torch.testing.assert_close(share, torch.full_like(share, expected), atol=0.05, rtol=0)
