import pytest
import torch
from torch import Tensor

from stemtree.networks.component_query import ComponentQuery, ComponentQuerySettings
from stemtree.networks.folded_conv import Band, FoldedConvSettings
from stemtree.networks.kernels import fuse_batch_norms

BINS, CHANNELS, OUTPUTS = 33, 2, 4
SETTINGS = ComponentQuerySettings(
    bands=(Band(fold=2, places=6), Band(fold=5)), widths=(6, 8, 10), units=5, components=7, dimensions=3
)


@pytest.fixture
def network() -> ComponentQuery:
    torch.manual_seed(0)
    return SETTINGS.build(BINS, CHANNELS, OUTPUTS).eval()


def features(frames: int, seed: int) -> Tensor:
    return 10 * torch.randn(3, CHANNELS, BINS, frames, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("frames", "query_frames"), [(16, 16), (13, 5), (1, 1)])
def test_any_number_of_frames(network: ComponentQuery, frames: int, query_frames: int) -> None:
    query = features(query_frames, 1)
    logits = network(features(frames, 0), query, (query > 0).float())
    assert logits.shape == (3, OUTPUTS, 1, BINS, frames)
    torch.testing.assert_close(logits.exp().sum(dim=1), torch.ones(3, 1, BINS, frames), atol=1e-4, rtol=0)


def test_the_anchor_is_a_mean_over_what_is_salient(network: ComponentQuery) -> None:
    query = features(16, 1)
    presence = torch.ones(3, 1, 1, 16)
    anchor = network.anchor(query, presence)
    amounts, timbre = anchor.split([SETTINGS.components, SETTINGS.dimensions], dim=1)
    torch.testing.assert_close(amounts, network.hear(query).mean(dim=(2, 3, 4)))
    torch.testing.assert_close(timbre.square().mean(dim=1), torch.ones(3))
    torch.testing.assert_close(network.anchor(query, 3 * presence), anchor)  # weights count relative to each other
    late = presence.clone()
    late[..., :8] = 0
    torch.testing.assert_close(network.anchor(query, late)[:, :7], network.hear(query)[..., 8:].mean(dim=(2, 3, 4)))
    assert network.anchor(query, 0 * presence).abs().max() == 0


def test_parts_are_sums_of_shares_of_components(network: ComponentQuery) -> None:
    """An anchor that gives components wholly away gives each part the components that it says."""
    owners = torch.arange(SETTINGS.components) % OUTPUTS
    last = network.share[-1]
    torch.nn.init.zeros_(last.weight)
    with torch.no_grad():
        last.bias.copy_(100 * torch.nn.functional.one_hot(owners, OUTPUTS).T.flatten())
    components = network.hear(features(16, 0))
    wanted = torch.stack([components[:, owners == part].sum(dim=1) for part in range(OUTPUTS)], dim=1)
    logits = network.answer(components, torch.rand(3, SETTINGS.components + SETTINGS.dimensions))
    torch.testing.assert_close(logits.exp(), wanted, atol=2e-6, rtol=1e-4)


def test_untrained_the_instrument_gets_what_is_like_the_example(network: ComponentQuery) -> None:
    for layer in (network.share[-1].weight, network.share[-1].bias):
        torch.nn.init.zeros_(layer)
    amounts = torch.tensor([[0.9, 0.1, 0, 0, 0, 0, 0]])
    instrument, rest, *between = network.shares(torch.cat([amounts, torch.zeros(1, SETTINGS.dimensions)], dim=1))[0]
    assert instrument[0] > 0.7 and rest[1:].min() > 0.5 and instrument[2:].max() < 0.01
    assert all(torch.all(part < rest) for part in between)


def test_components_are_what_the_folded_network_divides(network: ComponentQuery) -> None:
    """They do not depend on the example."""
    sizes = SETTINGS.model_dump(include=FoldedConvSettings.model_fields.keys() - {"kind"})
    plain = FoldedConvSettings(**sizes).build(BINS, CHANNELS, SETTINGS.components).eval()
    plain.load_state_dict(network.divide.state_dict())
    mixture = features(16, 0)
    torch.testing.assert_close(network.hear(mixture), plain(mixture).softmax(dim=1))


def test_an_example_does_not_move_running_statistics(network: ComponentQuery) -> None:
    network.train()
    before = {name: value.clone() for name, value in network.divide.state_dict().items()}
    query = features(16, 1)
    anchor = network.anchor(query, torch.ones(3, 1, 1, 16))
    assert network.divide.training and all(
        torch.equal(network.divide.state_dict()[name], before[name]) for name in before
    )
    anchor.sum().backward()
    assert all(parameter.grad is None for parameter in network.divide.parameters())
    assert network.hear_timbre[0].weight.grad.abs().max() > 0


def test_frozen_it_learns_shares_alone() -> None:
    torch.manual_seed(0)
    network = SETTINGS.model_copy(update={"frozen": True}).build(BINS, CHANNELS, OUTPUTS).train()
    before = {name: value.clone() for name, value in network.divide.state_dict().items()}
    query = features(16, 1)
    network(features(16, 0), query, (query > 0).float()).square().mean().backward()
    assert all(torch.equal(value, before[name]) for name, value in network.divide.state_dict().items())
    learning = {name.split(".")[0] for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert learning == {"hear_timbre", "share"}


def test_batch_norms_can_be_fused(network: ComponentQuery) -> None:
    query = features(16, 1)
    arguments = (features(16, 0), query, (query > 0).float())
    before = network(*arguments)
    torch.testing.assert_close(fuse_batch_norms(network)(*arguments), before, atol=1e-5, rtol=1e-4)
