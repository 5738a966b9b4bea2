from types import ModuleType

import mir_eval
import numpy as np
import pytest
import torch
from scipy.signal import fftconvolve, firwin, kaiser_beta
from torchmetrics.functional.audio import signal_noise_ratio

from stemtree.errors import OptionError
from stemtree.metrics.bss_eval import bss_eval, sdr, snr
from stemtree.metrics.ratio import LIMIT
from stemtree.metrics.statistics import split_windows

Signals = tuple[np.ndarray, np.ndarray, np.ndarray]


def _as_museval(signals: Signals) -> tuple[np.ndarray, np.ndarray]:
    """References and estimates, ``(source, sample, channel)``: the node and the rest of the mixture."""
    estimate, reference, other = (audio.astype(float).T for audio in signals)
    return np.stack([reference, other]), np.stack([estimate, reference + other - estimate])


@pytest.mark.parametrize("window", [4000, 3331])  # a prime: nothing divides it, and a rest is left
def test_equals_museval_over_the_whole_and_framewise(window: int, signals: Signals, museval: ModuleType) -> None:
    whole = museval.bss_eval(*_as_museval(signals), window=np.inf, hop=np.inf)
    framewise = museval.bss_eval(*_as_museval(signals), window=window, hop=window)
    estimate, reference, other = map(torch.from_numpy, signals)
    ours = bss_eval(estimate, reference, other, window=window)
    assert ours.framewise_sir.shape == (signals[0].shape[1] // window,)
    for mine, theirs in (
        (sdr(estimate, reference), whole[0][0]),
        (ours.sir, whole[2][0]),
        (ours.sar, whole[3][0]),
        (sdr(split_windows(estimate, window), split_windows(reference, window)), framewise[0][0]),
        (ours.framewise_sir, framewise[2][0]),
        (ours.framewise_sar, framewise[3][0]),
    ):
        np.testing.assert_allclose(np.atleast_1d(mine), theirs, atol=5e-4)


def test_equals_museval_where_sources_leave_most_of_the_band_empty(museval: ModuleType) -> None:
    """Then filters are huge where nothing is, and energies are small differences of large numbers."""
    random = np.random.default_rng(6)
    low = firwin(801, 0.2, window=("kaiser", kaiser_beta(180)))
    reference, other = (fftconvolve(random.standard_normal((1, 24000)), low[None], "same") for _ in range(2))
    estimate = 0.9 * reference + 1e-3 * other + 1e-4 * random.standard_normal((1, 24000))
    signals = tuple(audio.astype(np.float32) for audio in (estimate, reference, other))
    ours = bss_eval(*map(torch.from_numpy, signals), window=8000)
    whole = museval.bss_eval(*_as_museval(signals), window=np.inf, hop=np.inf)
    framewise = museval.bss_eval(*_as_museval(signals), window=8000, hop=8000)
    for mine, theirs in (
        (ours.sir, whole[2][0]),
        (ours.sar, whole[3][0]),
        (ours.framewise_sir, framewise[2][0]),
        (ours.framewise_sar, framewise[3][0]),
    ):
        np.testing.assert_allclose(np.atleast_1d(mine), theirs, atol=5e-4)


@pytest.mark.filterwarnings("ignore:mir_eval.separation:FutureWarning")
def test_equals_mir_eval(signals: Signals) -> None:
    estimate, reference, other = map(torch.from_numpy, signals)
    ours = bss_eval(estimate, reference, other, window=4000)
    images = mir_eval.separation.bss_eval_images(*_as_museval(signals), compute_permutation=False)
    assert [sdr(estimate, reference), ours.sir, ours.sar] == pytest.approx(
        [images[0][0], images[2][0], images[3][0]], abs=5e-4
    )
    if len(estimate) == 1:  # then the version for sources differs in its SDR only
        sources = mir_eval.separation.bss_eval_sources(*(a[..., 0] for a in _as_museval(signals)), False)
        assert [ours.sir, ours.sar] == pytest.approx([sources[1][0], sources[2][0]], abs=5e-4)


def test_snr_equals_torchmetrics(signals: Signals) -> None:
    estimate, reference, _ = (torch.from_numpy(audio).double() for audio in signals)
    expected = signal_noise_ratio(estimate.flatten(), reference.flatten()).item()
    assert sdr(estimate, reference).item() == pytest.approx(expected, abs=1e-6) == snr(estimate, reference).item()
    single = sdr(estimate.float(), reference.float()).item()
    assert single == pytest.approx(expected, abs=1e-4)


def test_one_tap_is_the_thesis() -> None:
    """Equations 5.2 to 5.9 with plain inner products; the sources are at right angles, as the thesis assumes."""
    generator = torch.Generator().manual_seed(1)
    basis = torch.linalg.qr(torch.randn(400, 3, generator=generator, dtype=torch.float64)).Q.T
    reference, other, artefacts = basis[:, None]
    ours = bss_eval(2 * reference + 0.5 * other + 0.1 * artefacts, reference, 3 * other, window=100, taps=1)
    assert ours.sir.item() == pytest.approx(10 * np.log10(4 / 0.25))
    assert ours.sar.item() == pytest.approx(10 * np.log10(4.25 / 0.01))


def test_a_filtered_node_is_distorted_but_pure() -> None:
    reference, other = torch.randn(2, 1, 4000, generator=torch.Generator().manual_seed(2)) / 10
    delayed = torch.cat([torch.zeros(1, 100), reference[:, :-100]], dim=1)  # its end is lost: artefacts
    ours = bss_eval(delayed, reference, other, window=1000)
    late = bss_eval(torch.cat([torch.zeros(1, 600), reference[:, :-600]], dim=1), reference, other, window=1000)
    assert sdr(delayed, reference) < 0 and ours.sir > 10 > late.sir


def test_equal_channels_are_one_channel(excerpt: np.ndarray) -> None:
    """A mono song in a stereo file makes a singular problem."""
    audio = torch.from_numpy(excerpt[:1, :30000].reshape(3, 1, 10000).copy())
    audio[0] += audio[1] / 2
    mono = bss_eval(*audio, window=5000, taps=128)
    stereo = bss_eval(*audio.expand(3, 2, -1), window=5000, taps=128)
    for name in ("sir", "sar", "framewise_sir", "framewise_sar"):
        torch.testing.assert_close(getattr(stereo, name), getattr(mono, name), atol=1e-3, rtol=0)


def test_leading_axes() -> None:
    audio = torch.randn(3, 2, 2, 1, 3000, generator=torch.Generator().manual_seed(3))
    together = bss_eval(*audio, window=600)
    alone = bss_eval(*audio[:, 1, 0], window=600)
    assert together.sir.shape == (2, 2) and together.framewise_sar.shape == (2, 2, 5)
    assert together.sir[1, 0] == alone.sir and torch.equal(together.framewise_sar[1, 0], alone.framewise_sar)


def test_windows_shorter_than_filters() -> None:
    with pytest.raises(OptionError, match="windows of 100 samples are shorter than filters of 512"):
        bss_eval(*torch.randn(3, 1, 1000), window=100)


def test_silence(museval: ModuleType) -> None:
    """Undefined where museval says so, window by window; a silent estimate has an SDR of 0 dB."""
    estimate, reference, other = torch.randn(3, 1, 4000, generator=torch.Generator().manual_seed(4)) / 10
    estimate[:, :1000] = 0
    reference[:, 1000:2000] = 0
    other[:, 2000:3000] = 0
    ours = bss_eval(estimate, reference, other, window=1000)
    theirs = museval.bss_eval(*_as_museval((estimate.numpy(), reference.numpy(), other.numpy())), window=1000, hop=1000)
    for mine, their in ((ours.framewise_sir, theirs[2][0]), (ours.framewise_sar, theirs[3][0])):
        np.testing.assert_allclose(mine, their, atol=5e-4)
        assert mine.isnan().tolist() == [True, True, True, False]
    silence = torch.zeros(1, 4000)
    for triple in ((silence, reference, other), (estimate, silence, other), (estimate, reference, silence)):
        nothing = bss_eval(*triple, window=1000)
        assert nothing.sir.isnan() and nothing.sar.isnan() and nothing.framewise_sar.isnan().all()
    assert sdr(silence, reference) == 0 and sdr(estimate, silence).isnan()
    assert bss_eval(estimate * torch.nan, reference, other, window=1000).sir.isnan()


def test_the_mixture_has_no_artefacts_and_the_truth_no_interference() -> None:
    reference, other = torch.randn(2, 1, 4000, generator=torch.Generator().manual_seed(5)) / 10
    mixture, truth = (bss_eval(estimate, reference, other, window=1000) for estimate in (reference + other, reference))
    assert mixture.sar == LIMIT and abs(mixture.sir) < 3
    assert truth.sir == LIMIT and sdr(reference, reference) == LIMIT
