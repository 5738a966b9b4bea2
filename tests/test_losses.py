"""Every loss against a twin that goes through one bin after the other in complex numbers."""

import cmath
import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from stemtree.hierarchy import load
from stemtree.losses import LOSSES, Truth, with_residuals
from stemtree.masks.relation import Estimate, make_relation

MUSDB = load("musdb18")
NODES = ("accompaniment/drums", "accompaniment", "vocals")
BATCH, CHANNELS, BINS, FRAMES = 3, 2, 4, 5


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _truth(known: torch.Tensor | None = None) -> Truth:
    generator = _generator()
    nodes = torch.randn(BATCH, 3, CHANNELS, BINS, FRAMES, dtype=torch.complex64, generator=generator)
    nodes[:, :2, :, 0] = 0  # silent parents
    mixture = nodes[:, 1] + nodes[:, 2]
    mixture[:, :, 1] = 0  # sources that cancel out
    return Truth(mixture, nodes, torch.ones(BATCH, 3) if known is None else known)


def _estimate(kind: str = "sequential") -> Estimate:
    relation = make_relation(kind, MUSDB, NODES)
    logits = torch.randn(BATCH, relation.outputs, CHANNELS, BINS, FRAMES, generator=_generator())
    return relation.estimate(logits.requires_grad_())


def _truncated(node: complex, mixture: complex) -> float:
    return min(max(abs(node) * math.cos(cmath.phase(node) - cmath.phase(mixture)), 0), abs(mixture)) if mixture else 0


def _ratio(part: float, whole: complex) -> float:
    return min(part / abs(whole), 1) if whole else 0


# mask of the mixture, mask of the source, node, source, mixture -> the error of one bin
TWINS: dict[str, Callable[[float, float, complex, complex, complex], float]] = {
    "magnitude_mse": lambda m, r, s, above, x: (abs(s) - m * abs(x)) ** 2,
    "magnitude_l1": lambda m, r, s, above, x: abs(abs(s) - m * abs(x)),
    "mask_l1": lambda m, r, s, above, x: abs(m - _ratio(abs(s), x)),
    "ratio_l1": lambda m, r, s, above, x: abs(r - _ratio(abs(s), above)),
    "tpsa_l1": lambda m, r, s, above, x: abs(m * abs(x) - _truncated(s, x)),
    "tpsa_mse": lambda m, r, s, above, x: (m * abs(x) - _truncated(s, x)) ** 2,
    "tpsa_relative_mse": lambda m, r, s, above, x: (m * abs(x) - _truncated(s, x)) ** 2,
    "tpsa_mask_l1": lambda m, r, s, above, x: abs(m - _ratio(_truncated(s, x), x)),
}


def _twin(name: str, estimate: Estimate, truth: Truth) -> float:
    total = weights = 0.0
    for batch in range(BATCH):
        power = [abs(x.item()) ** 2 for x in truth.mixture[batch].flatten()]
        scale = len(power) / sum(power) if name == "tpsa_relative_mse" else 1
        for node in range(3):
            source = estimate.sources[node]
            weight = truth.known[batch, node].item()
            if name == "ratio_l1" and source is not None:
                weight *= truth.known[batch, source].item()
            for place in [(c, f, t) for c in range(CHANNELS) for f in range(BINS) for t in range(FRAMES)]:
                x = truth.mixture[batch][place].item()
                above = x if source is None else truth.nodes[batch, source][place].item()
                mask, relative = estimate.masks[batch, node][place].item(), estimate.relative[batch, node][place].item()
                total += scale * weight * TWINS[name](mask, relative, truth.nodes[batch, node][place].item(), above, x)
                weights += weight
    return total / weights


@pytest.mark.parametrize("name", LOSSES)
def test_equals_the_equation_bin_by_bin(name: str) -> None:
    known = torch.tensor([[1.0, 1, 1], [0, 1, 1], [1, 0, 0.5]])
    for kind in ("sequential", "direct"):
        estimate = _estimate(kind)
        for truth in (_truth(), _truth(known)):
            assert LOSSES[name](estimate, truth).item() == pytest.approx(_twin(name, estimate, truth), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_not_known_has_no_part(name: str) -> None:
    """Neither in the sum nor in N: any signal may stand there, and repeating known examples changes nothing."""
    known = torch.tensor([[0.0, 1, 1]]).expand(BATCH, 3)
    truth = _truth(known)
    other = replace(truth, nodes=torch.cat([truth.nodes[:, :1] + 7, truth.nodes[:, 1:]], dim=1))
    estimate = _estimate("direct")
    loss = LOSSES[name](estimate, truth)
    assert loss.item() == LOSSES[name](estimate, other).item() > 0
    (gradient,) = torch.autograd.grad(loss, estimate.masks)
    assert (gradient[:, 0] == 0).all() and (gradient[:, 1:] != 0).any()


@pytest.mark.parametrize("name", LOSSES)
def test_nothing_known_is_zero_and_its_gradient_too(name: str) -> None:
    estimate = _estimate("direct")
    loss = LOSSES[name](estimate, _truth(torch.zeros(BATCH, 3)))
    (gradient,) = torch.autograd.grad(loss, estimate.masks)
    assert loss.item() == 0 and (gradient == 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_points_where_the_loss_falls(name: str) -> None:
    """A step of Adam's size against the gradient lowers it; a loss with its sign wrong would rise."""
    relation, truth = make_relation("sequential", MUSDB, NODES), _truth()
    logits = torch.randn(BATCH, 3, CHANNELS, BINS, FRAMES, generator=_generator()).requires_grad_()
    before = LOSSES[name](relation.estimate(logits), truth)
    before.backward()
    after = LOSSES[name](relation.estimate(logits - 1e-3 * logits.grad.sign()), truth)
    assert logits.grad.isfinite().all() and after < before


def test_the_rest_is_what_no_wanted_node_holds() -> None:
    """accompaniment without drums; the mixture is covered, so it leaves no rest."""
    estimate, truth = _estimate("tree"), _truth(torch.tensor([[1.0, 1, 1], [0, 1, 1], [1, 0, 1]]))
    partition = make_relation("tree", MUSDB, NODES).partition
    assert partition.residuals == ("accompaniment",)
    full, told = with_residuals(estimate, truth, partition)
    torch.testing.assert_close(told.nodes[:, 3], truth.nodes[:, 1] - truth.nodes[:, 0])
    assert told.known[:, 3].tolist() == [1, 0, 0]
    torch.testing.assert_close(full.masks[:, 3], estimate.masks[:, 1] - estimate.masks[:, 0])
    assert LOSSES["tpsa_mse"](full, told).item() > 0


def test_a_residual_among_siblings_is_a_part_of_its_node() -> None:
    estimate, truth = _estimate("siblings"), _truth()
    partition = make_relation("siblings", MUSDB, NODES).partition
    full, told = with_residuals(estimate, truth, partition)
    node = partition.nodes.index("accompaniment")
    assert full.sources == (*partition.parents, node)
    torch.testing.assert_close(full.masks[:, 3], full.relative[:, 3] * full.masks[:, node])
    family = full.relative[:, [*partition.children(node), 3]].sum(dim=1)
    torch.testing.assert_close(family, torch.ones_like(family))
    exact = (told.nodes[:, 3].abs() / told.nodes[:, node].abs()).nan_to_num(0, 1).clamp_max(1)
    perfect = replace(full, relative=torch.cat([full.relative[:, :3], exact[:, None]], dim=1))
    assert LOSSES["ratio_l1"](perfect, told) < LOSSES["ratio_l1"](full, told)
