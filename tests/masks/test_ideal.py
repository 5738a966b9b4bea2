import itertools

import numpy as np
import pytest
import torch

from stemtree.masks.ideal import IDEAL_MASKS, ideal_binary, ideal_masks, ideal_ratio, phase_sensitive


def _stems(nodes: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(nodes)
    return torch.randn(nodes, 2, 9, 5, dtype=torch.complex64, generator=generator)


@pytest.mark.parametrize("kind", IDEAL_MASKS)
@pytest.mark.parametrize("nodes", [1, 2, 5])
def test_ideal_masks_are_conservative(kind: str, nodes: int) -> None:
    stems = _stems(nodes)
    stems[..., 0] = 0  # silence must be divided too
    masks = IDEAL_MASKS[kind](stems, stems.sum(dim=0))
    assert masks.min() >= 0
    torch.testing.assert_close(masks.sum(dim=0), torch.ones(stems.shape[1:]))


def test_ratio_and_binary_by_hand() -> None:
    stems = torch.tensor([3.0, -4.0j, 0.0]).reshape(3, 1, 1, 1)
    assert ideal_ratio(stems, stems.sum(dim=0)).flatten().tolist() == pytest.approx([3 / 7, 4 / 7, 0])
    assert ideal_binary(stems, stems.sum(dim=0)).flatten().tolist() == [0, 1, 0]


def test_phase_sensitive_is_the_best_conservative_mask() -> None:
    """A fine grid over all conservative masks of three stems finds nothing nearer to the true stems."""
    stems = _stems()[:, :1, :4, :3]
    mixture = stems.sum(dim=0)

    def error(masks: torch.Tensor) -> torch.Tensor:
        return (masks * mixture - stems).abs().square().sum(dim=0)

    best = error(phase_sensitive(stems, mixture))
    steps = np.linspace(0, 1, 51)
    for first, second in itertools.product(steps, steps):
        if first + second <= 1:
            grid = torch.tensor([first, second, 1 - first - second], dtype=torch.float32).reshape(3, 1, 1, 1)
            assert (error(grid) >= best - 1e-5).all()


@pytest.mark.parametrize("kind", IDEAL_MASKS)
def test_each_node_against_everything_else(kind: str) -> None:
    """As of two stems, the node and the others together; a silent node has an empty mask."""
    stems = _stems()
    stems[1] = 0
    mixture = stems.sum(dim=0)
    masks = ideal_masks(kind, stems, mixture)
    for node in (0, 2):
        pair = torch.stack([stems[node], mixture - stems[node]])
        torch.testing.assert_close(masks[node], IDEAL_MASKS[kind](pair, mixture)[0])
    assert not masks[1].any()
