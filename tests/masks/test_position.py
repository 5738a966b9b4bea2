import math

import pytest
import torch

from stemtree.masks.position import band_edges, bin_positions, fit_positions, follow_position_

RATE = 44100


def _panned(*angles: float, bins: int = 513, frames: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    """Images of independent noises, ``(source, channel, bin, frame)``, and a mask of each that knows a little."""
    generator = torch.Generator().manual_seed(0)
    shape = (len(angles), 1, bins, frames)
    noise = torch.randn(shape, dtype=torch.complex64, generator=generator)
    loud = torch.rand(shape, generator=generator) ** 4 + 1e-3
    gains = torch.tensor([[math.cos(angle), math.sin(angle)] for angle in angles])[:, :, None, None]
    magnitude = (noise * loud).abs() + 0.3
    return noise * loud * gains, magnitude / magnitude.sum(dim=0)


def _error(masks: torch.Tensor, images: torch.Tensor) -> float:
    return float((masks * images.sum(dim=0) - images).abs().square().sum() / images.abs().square().sum())


def test_parts_get_more_of_the_bins_that_lie_where_they_lie() -> None:
    images, masks = _panned(0.3, 0.8, 1.3)
    moved = follow_position_(masks.clone(), images.sum(dim=0), RATE)
    torch.testing.assert_close(moved.sum(dim=0), torch.ones(1, 513, 40))
    assert moved.min() >= 0
    assert _error(moved, images) < 0.7 * _error(masks, images)


def test_parts_at_one_place_keep_their_masks() -> None:
    images, masks = _panned(0.7, 0.7)
    torch.testing.assert_close(follow_position_(masks.clone(), images.sum(dim=0), RATE), masks, atol=1e-4, rtol=0)


def test_the_masks_are_a_scaled_real_part_of_the_wiener_filter() -> None:
    # With covariances R_k = (I + s_k·sigma) / 2 the filter of a part is W_k = M_k R_k (M_1 R_1 + M_2 R_2)^-1. A real
    # mask for both channels keeps what lies along the bin x itself, x^H W_k x / x^H x.
    pauli = torch.tensor([[[1, 0], [0, -1]], [[0, 1], [1, 0]], [[0, 1j], [-1j, 0]]], dtype=torch.complex64)
    images, masks = _panned(0.2, 1.2)
    mixture = images.sum(dim=0)
    low, high = band_edges(513, RATE)[-1]
    positions, energy = bin_positions(mixture.mT)
    of_band = masks[:, 0].mT[..., low:high]
    weights = energy[::4, low:high].sqrt().flatten()
    fitted = fit_positions(of_band[:, ::4].flatten(1), positions[:, ::4, low:high].flatten(1), weights)
    covariances = (torch.eye(2) + torch.einsum("kp,pab->kab", fitted.to(torch.complex64), pauli)) / 2
    shared = torch.einsum("kfb,kxy->fbxy", of_band.to(torch.complex64), covariances)
    filters = of_band[..., None, None] * (covariances[:, None, None] @ torch.linalg.inv(shared))
    bins = mixture.mT[..., low:high]
    kept = torch.einsum("xfb,kfbxy,yfb->kfb", bins.conj(), filters, bins).real / energy[:, low:high]
    expected = kept.clamp_min(0) / kept.clamp_min(0).sum(dim=0)
    moved = follow_position_(masks.clone(), mixture, RATE)[:, 0].mT[..., low:high]
    torch.testing.assert_close(moved, expected, atol=2e-3, rtol=0)


def test_silence_keeps_its_masks_and_faint_parts_stay_faint() -> None:
    images, masks = _panned(0.2, 1.2)
    silence = follow_position_(masks.clone(), torch.zeros(2, 513, 40, dtype=torch.complex64), RATE)
    torch.testing.assert_close(silence, masks, atol=1e-4, rtol=0)
    faint = torch.cat([0.9999 * masks, torch.full_like(masks[:1], 1e-4)])
    moved = follow_position_(faint.clone(), images.sum(dim=0), RATE)
    assert moved[2].max() < 0.01 and moved[2].mean() < 2e-4
    torch.testing.assert_close(moved.sum(dim=0), torch.ones(1, 513, 40))
    assert _error(moved[:2], images) < 0.8 * _error(masks, images)


@pytest.mark.parametrize("bins", [2, 33, 2049])
def test_bands_cover_all_bins(bins: int) -> None:
    bands = band_edges(bins, RATE)
    assert [low for low, _ in bands] == [0, *(high for _, high in bands[:-1])]
    assert bands[-1][1] == bins and all(low < high for low, high in bands)
    assert len(bands) == (19 if bins == 2049 else len(bands)) <= 19
