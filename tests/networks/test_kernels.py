"""Every fast implementation against its plain twin."""

import pytest
import torch
from support.networks import SMALL, network_inputs
from torch import nn

from stemtree.networks.folded_conv import join_bands
from stemtree.networks.kernels import fuse_batch_norms
from stemtree.networks.layers import convolve, standardise_bins
from stemtree.networks.query_by_example import sum_embeddings
from stemtree.networks.unet import double_by_transposed_convolution


def test_standardised_bins() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(3, 2, 7, 5, generator=generator).mT
    mean, scale, shift = torch.randn(3, 10, generator=generator)
    arguments = features, mean, torch.rand(10, generator=generator) + 0.1, scale, shift
    torch.testing.assert_close(standardise_bins(*arguments), standardise_bins.plain(*arguments), atol=1e-5, rtol=1e-4)


def test_sum_of_embeddings() -> None:
    generator = torch.Generator().manual_seed(0)
    hidden, bin_weights = torch.randn(7, 3, 10, generator=generator), torch.rand(3, 12, 7, generator=generator)
    arguments = (
        hidden,
        bin_weights,
        torch.randn(12 * 4, 10, generator=generator),
        torch.randn(12 * 4, generator=generator),
    )
    torch.testing.assert_close(sum_embeddings(*arguments), sum_embeddings.plain(*arguments), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("bins", [40, 37, 33])
def test_bands_joined(bins: int) -> None:
    generator = torch.Generator().manual_seed(0)
    bands = [torch.randn(2, 5, places, 3 * fold, generator=generator) for places, fold in ((4, 2), (2, 4), (3, 8))]
    torch.testing.assert_close(join_bands(bands, 3, bins), join_bands.plain(bands, 3, bins), rtol=0, atol=0)


@pytest.mark.parametrize("outputs", [1, 4])
@pytest.mark.parametrize("channels_last", [False, True])
def test_transposed_convolution(outputs: int, channels_last: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 6, 5, 8, generator=generator)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    arguments = x, torch.randn(6, outputs, 5, 5, generator=generator), torch.randn(outputs, generator=generator)
    doubled = double_by_transposed_convolution(*arguments)
    assert doubled.shape == (2, outputs, 10, 16)
    torch.testing.assert_close(doubled, double_by_transposed_convolution.plain(*arguments), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(7, 10), (8, 5)])
@pytest.mark.parametrize("needs_gradient_of_input", [False, True])
def test_convolution_and_its_gradients(
    stride: int, size: tuple[int, int], needs_gradient_of_input: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 4, *size, generator=generator).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(6, 4, 3, 3, generator=generator).contiguous(memory_format=torch.channels_last)
    answers = []
    for function in (convolve, convolve.plain):
        own_x, own_weight = x.clone().requires_grad_(needs_gradient_of_input), weight.clone().requires_grad_()
        convolved = function(own_x, own_weight, stride)
        convolved.square().sum().backward()
        answers.append([convolved.detach(), own_weight.grad, own_x.grad])
    assert (answers[0][2] is not None) == needs_gradient_of_input
    torch.testing.assert_close(answers[0], answers[1], atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("capability, by_matrices", [("AVX2", True), ("AVX512", False), ("DEFAULT", False)])
def test_gradients_by_products_of_matrices_where_the_library_is_slow(
    capability: str, by_matrices: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    x, weight = torch.ones(1, 2, 4, 4), torch.ones(2, 2, 3, 3, requires_grad=True)

    def goes_by_matrices() -> bool:
        return type(convolve(x, weight, 1).grad_fn).__name__ == "_ConvolutionBackward"

    assert goes_by_matrices() == by_matrices
    with torch.no_grad():
        assert convolve(x, weight, 1).grad_fn is None
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not goes_by_matrices()
    x = x.double()
    weight = weight.detach().double().requires_grad_()
    assert not goes_by_matrices()


def test_fused_batch_norms_answer_the_same() -> None:
    torch.manual_seed(0)
    network = SMALL["folded_conv"].build(65, 1, outputs=2)
    for _ in range(3):
        network(*network_inputs(SMALL["folded_conv"], 3, 1, 65, 20))
    network.eval()
    features = torch.randn(1, 1, 65, 31)
    with torch.inference_mode():
        before = network(features)
        torch.testing.assert_close(fuse_batch_norms(network)(features), before, atol=1e-5, rtol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
