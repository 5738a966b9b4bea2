from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from stemtree.errors import OptionError
from stemtree.evaluation.estimators.base import Batch
from stemtree.evaluation.estimators.bounds import STFT, IdealMask, Mixture
from stemtree.masks.ideal import ideal_masks
from stemtree.spectral import Stft

NODES = ("vocals", "accompaniment", "accompaniment/bass")


def _batch(*, channels: int = 1, seed: int = 0) -> Batch:
    truth = torch.randn(2, 3, channels, 5000, generator=torch.Generator().manual_seed(seed)) / 10
    return Batch(truth[:, :2].sum(dim=1), truth, 16000, "song", (0, 5000))


@given(
    samples=st.integers(1, 3000),
    hop=st.integers(2, 64),
    overlap=st.sampled_from([2, 4, 6]),
    lead=st.sampled_from([(1,), (3, 2)]),
)
@hypothesis_settings(deadline=None, max_examples=50)
def test_the_transform_is_inverted(samples: int, hop: int, overlap: int, lead: tuple[int, ...]) -> None:
    stft = Stft(hop * overlap, hop, 16000)
    audio = torch.randn(*lead, samples, generator=torch.Generator().manual_seed(samples))
    spectrogram = stft.transform(audio)
    assert spectrogram.shape[-2] == stft.bins
    torch.testing.assert_close(stft.inverse(spectrogram, samples), audio, atol=1e-4, rtol=0)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", ["irm", "ibm", "psa"])
def test_ideal_masks_against_a_slow_twin(kind: str, channels: int) -> None:
    """Each node against the rest of the mixture, with torch's own transforms and the masks' formulas."""
    batch = _batch(channels=channels)
    estimates = IdealMask(kind, NODES).estimate(batch)
    assert estimates.shape == batch.truth.shape
    window = {"window": torch.hann_window(1024), "n_fft": 1024, "hop_length": 512}
    for item, node, channel in np.ndindex(2, 3, channels):
        true, mixture = batch.truth[item, node, channel], batch.mixture[item, channel]
        s, x = (torch.stft(audio, **window, pad_mode="constant", return_complex=True) for audio in (true, mixture))
        mask = {
            "irm": s.abs() / (s.abs() + (x - s).abs()),
            "ibm": (s.abs() > (x - s).abs()).float(),
            "psa": (s / x).real.clamp(0, 1),
        }[kind]
        twin = torch.istft(mask * x, **window, length=5000)
        torch.testing.assert_close(estimates[item, node, channel, :4500], twin[:4500], atol=1e-5, rtol=0)


def test_masks_do_not_depend_on_what_else_is_estimated() -> None:
    batch = _batch()
    alone = IdealMask("psa", NODES[2:]).estimate(replace(batch, truth=batch.truth[:, 2:]))
    torch.testing.assert_close(alone, IdealMask("psa", NODES).estimate(batch)[:, 2:])


def test_silent_nodes_get_silence() -> None:
    batch = _batch()
    batch.truth[:, 1] = 0
    for kind in ("irm", "ibm", "psa"):
        assert not IdealMask(kind, NODES).estimate(batch)[:, 1].any()
    spectrogram = STFT.transform(batch.mixture[0])
    assert not ideal_masks("irm", torch.zeros(2, *spectrogram.shape, dtype=torch.complex64), spectrogram).any()


def test_the_mixture_estimates_every_node() -> None:
    batch = _batch(channels=2)
    estimates = Mixture(NODES).estimate(batch)
    assert estimates.shape == batch.truth.shape
    assert all(torch.equal(estimates[:, node], batch.mixture) for node in range(3))


def test_an_unknown_mask() -> None:
    with pytest.raises(OptionError, match="no oracle mask 'irn'; did you mean irm"):
        IdealMask("irn", NODES)
