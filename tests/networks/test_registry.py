"""What holds for every network: shapes, parameters, exact sizes."""

import sys
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from support.networks import SMALL, SMALL_SEPARATORS, network_inputs, small_model
from torch import nn

from stemtree.errors import OptionError
from stemtree.masks.relation import RELATIONS
from stemtree.networks.demucs import DemucsSettings
from stemtree.networks.folded_conv import FoldedConvSettings
from stemtree.networks.mask_inference import MaskInferenceSettings
from stemtree.networks.open_unmix import OpenUnmixSettings
from stemtree.networks.query_by_example import QueryByExample, QueryByExampleSettings
from stemtree.networks.registry import NetworkSettings
from stemtree.networks.x_umx import XUmxSettings


@pytest.mark.parametrize("kind", SMALL)
@pytest.mark.parametrize(("channels", "bins", "frames"), [(1, 513, 1), (2, 2049, 9), (1, 1, 9), (2, 130, 33)])
def test_any_size(kind: str, channels: int, bins: int, frames: int) -> None:
    torch.manual_seed(0)
    network = SMALL[kind].build(bins, channels, outputs=3)
    logits = network(*network_inputs(SMALL[kind], 2, channels, bins, frames))
    assert logits.shape == (2, 3, 1 if kind in ("folded_conv", "component_query") else channels, bins, frames)
    (logits - 1).square().sum().backward()  # whose slope is not 0 where outputs have a mean of 0
    if frames > 1:  # a single frame moves no recurrent weight
        # In Open-Unmix a batch norm takes away what this shift adds: its slope is 0 but for rounding.
        cancelled = "norm.bias" if kind in ("open_unmix", "x_umx") else "none"
        learning = [parameter for name, parameter in network.named_parameters() if not name.endswith(cancelled)]
        assert all(parameter.grad is not None and parameter.grad.any() for parameter in learning)


@pytest.mark.parametrize("kind", SMALL)
def test_in_evaluation_an_example_is_alone(kind: str) -> None:
    """What else is in the batch changes nothing, nor does asking twice."""
    torch.manual_seed(0)
    network = SMALL[kind].build(33, 1, outputs=2)
    inputs = network_inputs(SMALL[kind], 4, 1, 33, 21)
    network(*inputs)  # moves the running statistics
    network.eval()
    with torch.inference_mode():
        together = network(*inputs)
        torch.testing.assert_close(network(*(each[1:2] for each in inputs)), together[1:2], atol=1e-5, rtol=1e-4)
        assert torch.equal(network(*inputs), together)


@pytest.mark.parametrize("kind", SMALL_SEPARATORS)
def test_a_copy_is_the_same_network(kind: str) -> None:
    """Averages of weights are kept in a copy."""
    network = small_model(SMALL_SEPARATORS[kind]).network
    assert _parameters(deepcopy(network)) == _parameters(network)


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_sizes_of_the_papers() -> None:
    """4 x 600 and 2 x 600 BLSTM: per direction and layer four gates of inputs, units and two biases."""

    def blstm(inputs: int, layers: int) -> int:
        return 2 * 4 * 600 * sum(width + 600 + 2 for width in [inputs, *[1200] * (layers - 1)])

    norm = 2 * 513
    with torch.device("meta"):
        levels = [_parameters(MaskInferenceSettings().build(513, 1, outputs)) for outputs in (1, 3)]
        query = QueryByExampleSettings().build(513, 1, 3)
    assert levels == [norm + blstm(513, 4) + 1201 * 513 * outputs for outputs in (1, 3)]
    assert round(levels[1] / 1e6, 2) == 33.15
    assert isinstance(query, QueryByExample)
    assert _parameters(query.query) == norm + blstm(513, 2) + 1201 * 513 * 20
    assert _parameters(query.masking) == norm + blstm(513 + 20, 4) + 1201 * 513 * 3
    assert 0.8e6 < _parameters(FoldedConvSettings().build(513, 1, 24)) < 1e6
    with torch.device("meta"):
        one, four = OpenUnmixSettings().build(2049, 2, 1), XUmxSettings().build(2049, 2, 4)
    assert round(_parameters(one) / 1e6, 1) == 8.9 and _parameters(four) == 4 * _parameters(one)


@pytest.mark.parametrize("settings", [MaskInferenceSettings(), QueryByExampleSettings(), FoldedConvSettings()])
def test_a_step_at_full_size(settings: NetworkSettings) -> None:
    torch.manual_seed(0)
    network = settings.build(513, 1, 3)
    before = [parameter.clone() for parameter in network.parameters()]
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    network(*network_inputs(settings, 2, 1, 513, 16)).sigmoid().square().mean().backward()
    optimizer.step()
    assert all(not torch.equal(old, new) for old, new in zip(before, network.parameters(), strict=True))


def test_settings_are_read_by_kind_and_unknown_keys_refused() -> None:
    read = TypeAdapter(NetworkSettings).validate_python
    assert read({"kind": "folded_conv", "units": 8}) == FoldedConvSettings(units=8)
    for settings in (SMALL | SMALL_SEPARATORS).values():
        written = settings.model_dump(mode="json")
        assert read(written) == settings and next(iter(written)) == "kind"  # which files begin with
    for wrong in (
        {"kind": "folded_conv", "folds": 8},
        {"kind": "mask_inference", "dropout": 1},
        {"kind": "transformer"},
        {"kind": "open_unmix", "units": 9},
        {"kind": "scnet", "bands": [0.5, 0.4, 0.2]},
        {"kind": "scnet", "layers": 3},
        {"kind": "bs_roformer", "head_width": 7},
        {"kind": "bs_roformer", "bands": [4]},
        {"kind": "demucs", "heads": 3},
        {"kind": "moises_light", "bands": 3},
        {"kind": "moises_light", "window": 2048},
        {"kind": "moises_light", "bottleneck": 1024},
        {"kind": "moises_light", "decoded": 4},
    ):
        with pytest.raises(ValidationError):
            read(wrong)


@pytest.mark.parametrize("kind", ["open_unmix", "x_umx", *SMALL_SEPARATORS, "hybrid", "waveform"])
def test_three_steps_under_every_head(kind: str) -> None:
    """Each makes masks, and learns; Demucs in all its architectures."""
    of_demucs = {name: DemucsSettings(architecture=name, width=8) for name in ("hybrid", "waveform")}
    settings = (SMALL | SMALL_SEPARATORS | of_demucs)[kind]
    batch = 1 if kind in of_demucs else 2  # these are slow
    mixture, truth = torch.randn(batch, 2, 33, 9, dtype=torch.complex64), torch.rand(batch, 4, 2, 33, 9)
    networks = {}
    for relation in RELATIONS:
        model = small_model(settings, relation)
        network = networks.setdefault(model.relation.outputs, model.network)  # heads of as many outputs share one
        model = replace(model, network=network)
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
        losses = []
        for _ in range(3):
            masks = model.estimate(mixture).masks
            assert masks.shape == truth.shape and masks.min() >= 0 and masks.max() <= 1 + 1e-6
            losses.append((masks - truth).square().mean())
            optimizer.zero_grad()
            losses[-1].backward()
            optimizer.step()
        assert losses[2] < losses[1] < losses[0]


@pytest.mark.parametrize("kind", SMALL_SEPARATORS)
def test_networks_of_spectrograms_and_waveforms(kind: str) -> None:
    """Of any size; how loud a recording is, and what else is in the batch, changes nothing."""
    settings = SMALL_SEPARATORS[kind]
    for channels, window, frames in ((1, 64, 4), (2, 130, 5), (2, 256, 16)):
        model = small_model(settings, "tree", channels, window)
        mixture = torch.randn(2, channels, window // 2 + 1, frames, dtype=torch.complex64)
        model.network.eval()
        with torch.inference_mode():
            masks = model.estimate(mixture).masks
            assert masks.shape == (2, 4, channels, window // 2 + 1, frames)
            alone = model.estimate(mixture[1:] / 8).masks
            torch.testing.assert_close(alone, masks[1:], atol=1e-4, rtol=1e-4)
        model.network.train()
        model.estimate(mixture).masks.square().sum().backward()  # nothing is left of what was evaluated


@pytest.mark.parametrize(
    ("kind", "module", "package"),
    [
        ("tfc_tdf", "pymss_core", "pymss_core"),
        ("scnet", "pymss_core.modules.scnet", "pymss_core"),
        ("bs_roformer", "pymss_core", "pymss_core"),
        ("demucs", "demucs.htdemucs", "demucs"),
        ("moises_light", "moises_light", "moises_light"),
    ],
)
def test_a_package_that_is_missing(kind: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(OptionError) as error:
        small_model(SMALL_SEPARATORS[kind])
    assert str(error.value) == f"the network '{kind}' needs {package}: `pip install 'stemtree[networks]'`"
