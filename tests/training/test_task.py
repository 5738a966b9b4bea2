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
