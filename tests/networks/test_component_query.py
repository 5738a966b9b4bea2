import pytest
import torch
from torch import Tensor
from torch.nn import functional

from stemtree.errors import OptionError
from stemtree.networks.component_query import ComponentQuery, ComponentQuerySettings
from stemtree.networks.folded_conv import Band, FoldedConvSettings
from stemtree.networks.kernels import fuse_batch_norms

BINS, CHANNELS, OUTPUTS = 33, 2, 4
SETTINGS = ComponentQuerySettings(
    bands=(Band(fold=2, places=6), Band(fold=5)), widths=(6, 8, 10), units=5, components=7, classes=5
)


@pytest.fixture
def network() -> ComponentQuery:
    torch.manual_seed(0)
    return SETTINGS.build(BINS, CHANNELS, OUTPUTS).eval()


def test_what_has_nothing_beside_it_is_refused() -> None:
    with pytest.raises(OptionError, match="nothing lies beside the targets"):
        SETTINGS.build(BINS, CHANNELS, 1)


def features(frames: int, seed: int) -> Tensor:
    return 10 * torch.randn(3, CHANNELS, BINS, frames, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("frames", "query_frames"), [(16, 16), (13, 5), (1, 1)])
def test_any_number_of_frames(network: ComponentQuery, frames: int, query_frames: int) -> None:
    query = features(query_frames, 1)
    logits = network(features(frames, 0), query, (query > 0).float())
    assert logits.shape == (3, OUTPUTS, 1, BINS, frames)
    torch.testing.assert_close(logits.exp().sum(dim=1), torch.ones(3, 1, BINS, frames), atol=1e-4, rtol=0)


def test_the_anchor_says_which_class_the_example_is(network: ComponentQuery) -> None:
    query = features(16, 1)
    presence = torch.ones(3, 1, 1, 16)
    anchor = network.anchor(query, presence)
    assert anchor.shape == (3, 5) and anchor.min() > 0
    torch.testing.assert_close(anchor.sum(dim=1), torch.ones(3))
    torch.testing.assert_close(network.anchor(query, 3 * presence), anchor)  # weights count relative to each other
    assert network.anchor(query, 0 * presence).abs().max() == 0


def test_classes_are_told_by_a_mean_over_what_is_salient(network: ComponentQuery) -> None:
    query = features(16, 1)
    late = torch.ones(3, 1, 1, 16)
    late[..., :8] = 0
    for presence, heard in ((torch.ones(3, 1, 1, 16), slice(0, 16)), (late, slice(8, 16))):
        sound, is_present = network.sound(query, presence)
        amounts = network.hear(query)[..., heard].mean(dim=(2, 3, 4))
        torch.testing.assert_close(sound[:, :7], ((amounts + 0.01).log() + 3) / 2)
        torch.testing.assert_close(sound[:, 7:].mean(dim=1), torch.zeros(3), atol=1e-5, rtol=0)
        assert is_present.all()


def test_parts_are_sums_of_shares_of_components(network: ComponentQuery) -> None:
    """A class that gives components wholly away gives each part the components that it says."""
    owners = torch.arange(SETTINGS.components) % OUTPUTS
    with torch.no_grad():
        network.owners[:] = 0
        network.owners[2] = 100 * functional.one_hot(owners, OUTPUTS).T
    components = network.hear(features(16, 0))
    wanted = torch.stack([components[:, owners == part].sum(dim=1) for part in range(OUTPUTS)], dim=1)
    certain = functional.one_hot(torch.tensor([2, 2, 2]), 5).float()
    torch.testing.assert_close(network.answer(components, certain).exp(), wanted, atol=2e-6, rtol=1e-4)
    half = (certain + functional.one_hot(torch.tensor([0, 0, 0]), 5)) / 2
    torch.testing.assert_close(
        network.answer(components, half).exp(), wanted / 2 + 1 / 2 / OUTPUTS, atol=2e-6, rtol=1e-4
    )


def test_what_no_class_claims_is_the_rest_of_the_song(network: ComponentQuery) -> None:
    shares = network.shares(torch.zeros(1, 5))[0]
    assert torch.equal(shares, functional.one_hot(torch.tensor(1), OUTPUTS).float()[:, None].expand(-1, 7))


def test_untrained_each_class_has_a_component(network: ComponentQuery) -> None:
    shares = network.shares(torch.eye(5))
    assert torch.equal(shares[:, 0].argmax(dim=1), torch.arange(5)) and shares[:, 0].amax(dim=1).min() > 0.9
    assert shares[:, 1].sum(dim=1).min() > 5


def test_what_a_name_tells() -> None:
    torch.manual_seed(0)
    query = features(16, 1)
    for named in (False, True):
        network = SETTINGS.model_copy(update={"named": named}).build(BINS, CHANNELS, OUTPUTS).eval()
        anchor = network.anchor(query[:1], torch.ones(1, 1, 1, 16))
        by_name, odds = network.limited_to(anchor, [3]), network.evidence(torch.zeros(2, 7))
        assert network.limited_to(0 * anchor, [3]).abs().max() == 0  # silence is no instrument
        if named:
            torch.testing.assert_close(by_name, 0.2 * anchor + 0.8 * torch.eye(5)[3:4])
            family = network.limited_to(anchor, [1, 3])
            within = anchor[:, [1, 3]] / anchor[:, [1, 3]].sum()
            torch.testing.assert_close(family[:, [1, 3]], 0.2 * anchor[:, [1, 3]] + 0.8 * within, atol=1e-4, rtol=0)
            torch.testing.assert_close(family.sum(), torch.ones(()))
            assert odds is not None and odds.shape == (2, 5)
        else:
            assert torch.equal(by_name, anchor) and odds is None


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
    anchor[:, 0].sum().backward()
    assert all(parameter.grad is None for parameter in network.divide.parameters())
    assert network.recognise.weight.grad.abs().max() > 0


def test_frozen_it_learns_classes_alone() -> None:
    torch.manual_seed(0)
    network = SETTINGS.model_copy(update={"frozen": True}).build(BINS, CHANNELS, OUTPUTS).train()
    before = {name: value.clone() for name, value in network.divide.state_dict().items()}
    query = features(16, 1)
    network(features(16, 0), query, (query > 0).float()).square().mean().backward()
    assert all(torch.equal(value, before[name]) for name, value in network.divide.state_dict().items())
    learning = {name.split(".")[0] for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert learning == {"recognise", "owners"}


def test_batch_norms_can_be_fused(network: ComponentQuery) -> None:
    query = features(16, 1)
    arguments = (features(16, 0), query, (query > 0).float())
    before = network(*arguments)
    torch.testing.assert_close(fuse_batch_norms(network)(*arguments), before, atol=1e-5, rtol=1e-4)
