import pytest
import torch
from support.networks import SMALL_SEPARATORS, small_model

from stemtree.errors import OptionError
from stemtree.model import load_model, save_model
from stemtree.networks.bs_roformer import BsRoformerSettings, fit_bands


def test_bands_reach_as_far_as_the_bins() -> None:
    assert sum(BsRoformerSettings().bands) == 1025 and len(BsRoformerSettings().bands) == 62
    assert fit_bands((2, 4, 8), 14) == (2, 4, 8)
    assert fit_bands((2, 4, 8), 5) == (2, 3)
    assert fit_bands((2, 4, 8), 20) == (2, 4, 14)
    assert fit_bands((2, 4, 8), 1) == (2, 1)
    with pytest.raises(OptionError, match="hears at most 4096 bins, not 4097: give a shorter window"):
        small_model(BsRoformerSettings(), window=8192)


def test_it_is_the_package_s_network() -> None:
    """Its spectrograms are those that the package applies to waveforms."""
    model = small_model(SMALL_SEPARATORS["bs_roformer"])
    network = model.network.eval()
    mixture = torch.randn(2, 2, 33, 9, dtype=torch.complex64)
    with torch.inference_mode():
        parts = torch.view_as_real(mixture).transpose(1, 2).flatten(1, 2)  # (batch, bin * channel, frame, part)
        theirs = network.network._mask_stft_repr(parts, None).unflatten(2, (33, 2)).transpose(2, 3)
        torch.testing.assert_close(network(mixture), theirs, atol=1e-4, rtol=1e-4)


def test_evaluation_follows_training(tmp_path) -> None:
    """Nothing is remembered of weights that have changed, and saved weights are those that are used."""
    model = small_model(SMALL_SEPARATORS["bs_roformer"])
    mixture = torch.randn(1, 2, 33, 9, dtype=torch.complex64)

    def evaluated() -> torch.Tensor:
        model.network.eval()
        with torch.inference_mode():
            return model.estimate(mixture).masks

    before = evaluated()
    model.network.train()
    model.estimate(mixture).masks.sum().backward()
    with torch.no_grad():
        for parameter in model.network.parameters():
            if parameter.grad is not None:
                parameter += parameter.grad
    assert not torch.allclose(evaluated(), before, atol=1e-3)
    loaded = load_model(save_model(model, tmp_path / "model"))
    torch.testing.assert_close(loaded.estimate(mixture).masks, evaluated())
