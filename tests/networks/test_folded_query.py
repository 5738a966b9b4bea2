import math

import pytest
import torch
from torch import Tensor

from stemtree.networks.folded_conv import Band, FoldedConvSettings
from stemtree.networks.folded_query import FoldedQuery, FoldedQuerySettings
from stemtree.networks.kernels import fuse_batch_norms

BINS, CHANNELS, OUTPUTS = 33, 2, 4
SETTINGS = FoldedQuerySettings(
    bands=(Band(fold=2, places=6), Band(fold=5)), widths=(6, 8, 10), units=5, query_widths=(4, 6, 8), dimensions=7
)


@pytest.fixture
def network() -> FoldedQuery:
    torch.manual_seed(0)
    return SETTINGS.build(BINS, CHANNELS, OUTPUTS).eval()


def features(frames: int, seed: int) -> Tensor:
    return 10 * torch.randn(3, CHANNELS, BINS, frames, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("frames", "query_frames"), [(16, 16), (13, 5), (1, 1)])
def test_any_number_of_frames(network: FoldedQuery, frames: int, query_frames: int) -> None:
    query = features(query_frames, 1)
    logits = network(features(frames, 0), query, (query > 0).float())
    assert logits.shape == (3, OUTPUTS, 1, BINS, frames)
    assert logits.isfinite().all()


def test_the_anchor_is_a_mean_over_salient_frames(network: FoldedQuery) -> None:
    query = features(16, 1)
    presence = torch.ones(3, 1, 1, 16)
    anchor = network.query(query, presence)
    torch.testing.assert_close(anchor.square().mean(dim=1), torch.ones(3))
    torch.testing.assert_close(network.query(query, 3 * presence), anchor)  # weights count relative to each other
    late = presence.clone()
    late[..., :8] = 0
    assert not torch.allclose(network.query(query, late), anchor)
    assert network.query(query, 0 * presence).abs().max() == 0


def test_every_convolution_hears_the_anchor(network: FoldedQuery) -> None:
    assert len(network.masking.films) == 1 + len(network.masking.down) + len(network.masking.up)
    mixture, anchor = features(16, 0), torch.randn(3, SETTINGS.dimensions)
    before = network.masking(mixture, anchor)
    for film in network.masking.films:
        with torch.no_grad():
            film.linear.weight[0] += 1  # the scale of one channel
        after = network.masking(mixture, anchor)
        assert not torch.allclose(after, before)
        before = after


def test_without_films_it_is_the_folded_network(network: FoldedQuery) -> None:
    plain = SETTINGS.masking.build(BINS, CHANNELS, OUTPUTS).eval()
    assert isinstance(SETTINGS.masking, FoldedConvSettings)
    plain.load_state_dict({k: v for k, v in network.masking.state_dict().items() if not k.startswith("films")})
    mixture = features(16, 0)
    for film in network.masking.films:
        torch.nn.init.zeros_(film.linear.bias)
    torch.testing.assert_close(network.masking(mixture, torch.zeros(3, SETTINGS.dimensions)), plain(mixture))


def test_batch_norms_can_be_fused(network: FoldedQuery) -> None:
    query = features(16, 1)
    arguments = (features(16, 0), query, (query > 0).float())
    before = network(*arguments)
    torch.testing.assert_close(fuse_batch_norms(network)(*arguments), before, atol=1e-5, rtol=1e-4)


def test_the_anchor_is_as_large_as_what_it_conditions() -> None:
    torch.manual_seed(0)
    network = FoldedQuerySettings().build(BINS, CHANNELS, OUTPUTS)
    query = features(16, 1)
    scales = [film.linear(network.query(query, query > 0)) for film in network.masking.films]
    assert all(scale.std() > 0.3 for scale in scales)
    assert math.isclose(network.query(query, query > 0).square().mean().item(), 1, rel_tol=1e-4)
