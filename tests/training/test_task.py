from pathlib import Path

import pytest
import torch
from torch.utils.data import default_collate

from stemtree.hierarchy import load
from stemtree.training.data import make_examples, make_goal
from stemtree.training.run import _card, make_model
from stemtree.training.settings import read_settings
from stemtree.training.task import Task


@pytest.mark.parametrize("told", ["targets=[bass/bass/acoustic_basses]", "targets=[]"])
def test_a_loss_that_looks_at_every_other_frame(told: str, config: Path) -> None:
    """Masks and truth are those of the whole, frame by frame."""
    seen = []
    for every in (1, 2):
        kinds = ["relation={kind: tree}", "subtree=strings_guitar_keyboards"] if told == "targets=[]" else []
        changes = [told, *kinds, "stft.hop=64", f"loss_every={every}"]
        settings = read_settings([config], changes)
        goal, hierarchy = make_goal(settings, load("slakh")), load("slakh")
        examples = make_examples(settings, goal, hierarchy, settings.train, training=True)
        torch.manual_seed(0)
        task = Task(make_model(_card(settings, goal, examples.corpus)), settings, goal.picks).eval()
        seen.append(task.forward(default_collate([examples[number] for number in range(3)])))
    (whole, truth), (thinned, thinned_truth) = seen
    assert thinned.masks.shape[-1] == (whole.masks.shape[-1] + 1) // 2
    torch.testing.assert_close(thinned.masks, whole.masks[..., ::2])
    torch.testing.assert_close(thinned_truth.nodes, truth.nodes[..., ::2])
    torch.testing.assert_close(thinned_truth.mixture, truth.mixture[..., ::2])


@pytest.mark.parametrize("network", ["{units: 8}", "{kind: folded_conv, widths: [8, 16], squeeze: 2, units: 8}"])
def test_muon_turns_all_of_a_matrix_alike_and_leaves_vectors_to_adam(network: str, config: Path) -> None:
    """Singular values of a step are about 0.2 sqrt(longer side), but for those that so few examples leave at nothing;
    every weight of a vector moves by the rate.
    """
    settings = read_settings([config], ["optimiser=muon", "learning_rate=0.01", f"network={network}"])
    goal, hierarchy = make_goal(settings, load("slakh")), load("slakh")
    examples = make_examples(settings, goal, hierarchy, settings.train, training=True)
    task = Task(make_model(_card(settings, goal, examples.corpus)), settings, goal.picks)
    before = {name: parameter.detach().clone() for name, parameter in task.network.named_parameters()}
    optimiser = task.configure_optimizers()["optimizer"]
    task._loss(*task.forward(default_collate([examples[number] for number in range(3)]))).backward()
    optimiser.step()
    for name, parameter in task.network.named_parameters():
        step = (parameter.detach() - before[name]) / 0.01
        if step.ndim > 1:
            values = torch.linalg.svdvals(step.flatten(1)) / (0.2 * max(step.flatten(1).shape) ** 0.5)
            assert values[1] > 0.6 and values.max() < 1.3, name
        else:
            moved = step[parameter.grad.abs() > 1e-6].abs()
            assert len(moved), name
            torch.testing.assert_close(moved, torch.ones_like(moved), atol=0.02, rtol=0)
