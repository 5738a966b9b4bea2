import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio as theirs

from stemtree.metrics.ratio import LIMIT
from stemtree.metrics.si_sdr import si_sdr, si_sdr_improvement


def test_equals_torchmetrics(signals: tuple[np.ndarray, ...]) -> None:
    estimate, reference, other = map(torch.from_numpy, signals)
    # Channels are one long signal.
    expected = theirs(estimate.double().flatten(), reference.double().flatten())
    assert si_sdr(estimate, reference).item() == pytest.approx(expected.item(), abs=1e-4)
    noisy = theirs((reference + other).double().flatten(), reference.double().flatten())
    improvement = si_sdr_improvement(estimate, reference, reference + other)
    assert improvement.item() == pytest.approx((expected - noisy).item(), abs=1e-4)


@pytest.mark.parametrize("db", [0, 20, 60])
def test_long_songs_in_single_precision(db: int) -> None:
    reference, noise = torch.randn(2, 2, 3_000_000, generator=torch.Generator().manual_seed(0))
    estimate = reference + 10 ** (-db / 20) * noise
    exact = theirs(estimate.double().flatten(), reference.double().flatten()).item()
    assert si_sdr(estimate, reference).item() == pytest.approx(exact, abs=1e-4)


def test_by_hand() -> None:
    """An error at right angles to the reference, of a tenth of the amplitude, after any scaling; the mean stays in."""
    reference = torch.tensor([[3.0, 3, 3, 3]])
    error = torch.tensor([[0.3, -0.3, 0.3, -0.3]])
    assert si_sdr(-5 * (reference + error), reference).item() == pytest.approx(20)
    # Left 1, right 0.5 for 1 and 1: one factor 0.75 for both, 0.25 of error on each side.
    balance = si_sdr(torch.tensor([[1.0], [0.5]]), torch.ones(2, 1))
    assert balance.item() == pytest.approx(10 * np.log10(0.75**2 / 0.25**2))


@given(scale=st.floats(1e-3, 1e3), db=st.floats(-60, 60), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_scale_does_not_matter_and_the_error_does(scale: float, db: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    reference, noise = torch.randn(2, 1, 500, generator=generator, dtype=torch.float64)
    noise -= (noise @ reference.T) / (reference @ reference.T) * reference
    noise *= reference.norm() / noise.norm() * 10 ** (-db / 20)
    assert si_sdr(scale * (reference + noise), reference).item() == pytest.approx(db, abs=1e-6)


def test_leading_axes_are_broadcast() -> None:
    estimates, references = torch.randn(2, 4, 3, 1, 100, generator=torch.Generator().manual_seed(0)).unbind()
    mixture = references.sum(dim=1)
    improvement = si_sdr_improvement(estimates, references, mixture.unsqueeze(-3))
    assert improvement.shape == (4, 3) and improvement.dtype == torch.float64
    one = si_sdr(estimates[2, 1], references[2, 1]) - si_sdr(mixture[2], references[2, 1])
    assert improvement[2, 1].item() == pytest.approx(one.item())
    nothing = si_sdr_improvement(mixture.unsqueeze(-3), references, mixture.unsqueeze(-3))
    assert nothing.abs().max() == 0


def test_silence_is_undefined_and_perfection_is_bounded() -> None:
    audio, silence = torch.randn(1, 100), torch.zeros(1, 100)
    assert si_sdr(silence, audio).isnan() and si_sdr(audio, silence).isnan() and si_sdr(silence, silence).isnan()
    assert si_sdr(0.5 * audio, audio) == LIMIT
    assert si_sdr(torch.tensor([[0.0, 1]]), torch.tensor([[1.0, 0]])) == -LIMIT
