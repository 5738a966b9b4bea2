"""Shapes, parameters and exact sizes of the networks that are trained here."""

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from stemtree.networks.build import NetworkSettings, build
from stemtree.networks.folded_conv import Band, FoldedConvSettings, fuse_batch_norms
from stemtree.networks.layers import BinNorm
from stemtree.networks.mask_inference import MaskInferenceSettings
from stemtree.networks.query_by_example import QueryByExample, QueryByExampleSettings, QueryNetwork

SMALL: dict[str, NetworkSettings] = {
    "mask_inference": MaskInferenceSettings(layers=2, units=8),
    "query_by_example": QueryByExampleSettings(units=8, layers=1),
    "folded_conv": FoldedConvSettings(widths=(4, 8, 8), squeeze=2, units=4),
}


def _inputs(settings: NetworkSettings, batch: int, channels: int, bins: int, frames: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    inputs = [40 * torch.randn(batch, channels, bins, frames, generator=generator) - 20]
    if isinstance(settings, QueryByExampleSettings):
        query = torch.randn(batch, channels, bins, frames + 3, generator=generator)
        inputs += [query, (query > 0).float()]
    return inputs


@pytest.mark.parametrize("kind", SMALL)
@pytest.mark.parametrize(("channels", "bins", "frames"), [(1, 513, 1), (2, 2049, 9), (1, 1, 9), (2, 130, 33)])
def test_any_size(kind: str, channels: int, bins: int, frames: int) -> None:
    torch.manual_seed(0)
    network = build(SMALL[kind], bins, channels, outputs=3)
    logits = network(*_inputs(SMALL[kind], 2, channels, bins, frames))
    assert logits.shape == (2, 3, 1 if kind == "folded_conv" else channels, bins, frames)
    logits.square().sum().backward()
    if frames > 1:  # a single frame moves no recurrent weight
        assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


@pytest.mark.parametrize("kind", SMALL)
def test_in_evaluation_an_example_is_alone(kind: str) -> None:
    """What else is in the batch changes nothing, nor does asking twice."""
    torch.manual_seed(0)
    network = build(SMALL[kind], 33, 1, outputs=2)
    inputs = _inputs(SMALL[kind], 4, 1, 33, 21)
    network(*inputs)  # moves the running statistics
    network.eval()
    with torch.inference_mode():
        together = network(*inputs)
        torch.testing.assert_close(network(*(each[1:2] for each in inputs)), together[1:2], atol=1e-5, rtol=1e-4)
        assert torch.equal(network(*inputs), together)


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_sizes_of_the_papers() -> None:
    """4 x 600 and 2 x 600 BLSTM: per direction and layer four gates of inputs, units and two biases."""

    def blstm(inputs: int, layers: int) -> int:
        return 2 * 4 * 600 * sum(width + 600 + 2 for width in [inputs, *[1200] * (layers - 1)])

    norm = 2 * 513
    with torch.device("meta"):
        levels = [_parameters(build(MaskInferenceSettings(), 513, 1, outputs)) for outputs in (1, 3)]
        query = build(QueryByExampleSettings(), 513, 1, 3)
    assert levels == [norm + blstm(513, 4) + 1201 * 513 * outputs for outputs in (1, 3)]
    assert round(levels[1] / 1e6, 2) == 33.15
    assert isinstance(query, QueryByExample)
    assert _parameters(query.query) == norm + blstm(513, 2) + 1201 * 513 * 20
    assert _parameters(query.masking) == norm + blstm(513 + 20, 4) + 1201 * 513 * 3
    assert 0.8e6 < _parameters(build(FoldedConvSettings(), 513, 1, 24)) < 1e6


@pytest.mark.parametrize("settings", [MaskInferenceSettings(), QueryByExampleSettings(), FoldedConvSettings()])
def test_a_step_at_full_size(settings: NetworkSettings) -> None:
    torch.manual_seed(0)
    network = build(settings, 513, 1, 3)
    before = [parameter.clone() for parameter in network.parameters()]
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    network(*_inputs(settings, 2, 1, 513, 16)).sigmoid().square().mean().backward()
    optimizer.step()
    assert all(not torch.equal(old, new) for old, new in zip(before, network.parameters(), strict=True))


def test_anchor_is_the_mean_embedding_of_the_bins_present() -> None:
    """Against every bin's embedding held in memory and averaged one by one."""
    torch.manual_seed(0)
    settings = QueryByExampleSettings(units=5, dimensions=4)
    network = QueryNetwork(settings, bins=6, channels=2).eval()
    query, presence = torch.randn(3, 2, 6, 7), torch.rand(3, 2, 6, 7).round()
    presence[2] = 0
    with torch.no_grad():
        hidden, _ = network.blstm(network.norm(query).reshape(3, 12, 7).permute(2, 0, 1))
        embedded = network.dense(hidden).reshape(7, 3, 2, 6, 4)
        for batch in (0, 1):
            present = presence[batch].permute(2, 0, 1).bool()
            mean = embedded[:, batch][present].mean(dim=0)
            torch.testing.assert_close(network(query, presence)[batch], mean / mean.norm())
        assert (network(query, presence)[2] == 0).all()
        by_frame = presence[:, :1, :1]
        torch.testing.assert_close(network(query, by_frame), network(query, by_frame.expand_as(query)))


def test_a_query_decides() -> None:
    torch.manual_seed(0)
    network = build(SMALL["query_by_example"], 9, 1, 1).eval()
    features, query, presence = _inputs(SMALL["query_by_example"], 1, 1, 9, 5)
    assert not torch.equal(network(features, query, presence), network(features, -query, presence))
    assert not torch.equal(network(features, query, presence), network(features, query, 1 - presence))


def test_folding_keeps_every_bin_in_its_place() -> None:
    """A network whose dense layers hand their input through returns the bins it got, whatever the bands."""
    bands = (Band(fold=2, places=3), Band(fold=4))
    network = build(FoldedConvSettings(bands=bands, widths=(4, 8)), 13, 1, outputs=1)
    for dense in (*network.fold, *network.unfold):
        dense.bias.data.zero_()
        dense.weight.data.copy_(torch.eye(*dense.weight.shape))
    features = torch.randn(2, 1, 13, 5)
    folded = network._folded(features)
    assert folded.shape == (2, 5, 3 + 2, 4)
    assert folded[1, 3, 1, 1] == features[1, 0, 3, 3] and folded[1, 3, 3, 2] == features[1, 0, 6 + 2, 3]
    torch.testing.assert_close(network._unfolded(folded, 13).mT, features)


def test_bands_above_the_highest_bin_are_left_out() -> None:
    bands = (Band(fold=2, places=3), Band(fold=4, places=2), Band(fold=8))
    assert build(FoldedConvSettings(bands=bands), 9, 1, outputs=1).bands == [(2, 3), (4, 1)]
    assert build(FoldedConvSettings(bands=bands), 15, 1, outputs=1).bands == [(2, 3), (4, 2), (8, 1)]
    for wrong in ((), (Band(fold=2), Band(fold=4)), (Band(fold=2, places=3),)):
        with pytest.raises(ValidationError, match="every band but the last"):
            FoldedConvSettings(bands=wrong)


def test_fused_batch_norms_answer_the_same() -> None:
    torch.manual_seed(0)
    network = build(SMALL["folded_conv"], 65, 1, outputs=2)
    for _ in range(3):
        network(*_inputs(SMALL["folded_conv"], 3, 1, 65, 20))
    network.eval()
    features = torch.randn(1, 1, 65, 31)
    with torch.inference_mode():
        before = network(features)
        torch.testing.assert_close(fuse_batch_norms(network)(features), before, atol=1e-5, rtol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def test_settings_are_read_by_kind_and_unknown_keys_refused() -> None:
    read = TypeAdapter(NetworkSettings).validate_python
    assert read({"kind": "folded_conv", "units": 8}) == FoldedConvSettings(units=8)
    for wrong in (
        {"kind": "folded_conv", "folds": 8},
        {"kind": "mask_inference", "dropout": 1},
        {"kind": "transformer"},
    ):
        with pytest.raises(ValidationError):
            read(wrong)


def test_a_softer_copy_is_heard_alike() -> None:
    torch.manual_seed(0)
    network = build(SMALL["folded_conv"], 33, 2, outputs=2).eval()
    features = 10 * torch.randn(3, 2, 33, 21)
    softer = features - torch.tensor([0.0, 12.0, 30.0]).view(-1, 1, 1, 1)
    with torch.inference_mode():
        torch.testing.assert_close(network(softer), network(features), atol=1e-4, rtol=1e-4)
        assert not torch.allclose(network(features * 1.1), network(features), atol=1e-2)


def test_standardising_by_bins_equals_torchs_batch_norm_once_trained() -> None:
    torch.manual_seed(0)
    ours, torchs = BinNorm(bins=5, channels=2), torch.nn.BatchNorm1d(10)
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter)
    for _ in range(3):
        ours(torch.randn(4, 2, 5, 7) * 3 + 1)
    torchs.load_state_dict(ours.state_dict())
    features = torch.randn(2, 2, 7, 5).mT
    expected = torchs.eval()(features.flatten(1, 2)).view_as(features)
    torch.testing.assert_close(ours.eval()(features), expected)
