from pathlib import Path

import pytest
import torch
from support.tones import logged
from torch.utils.data import default_collate

from stemtree.errors import OptionError
from stemtree.hierarchy import load
from stemtree.training.configuration import read_settings
from stemtree.training.examples import make_examples
from stemtree.training.initial_model import initial_model
from stemtree.training.module import TrainingModule
from stemtree.training.run import train
from stemtree.training.targets import training_targets


@pytest.mark.parametrize("able", [True, False])
@pytest.mark.parametrize("network", ["{units: 8}", "{kind: folded_conv, widths: [8, 16], squeeze: 2, units: 8}"])
def test_muon_turns_all_of_a_matrix_alike_and_leaves_vectors_to_adam(
    network: str, able: bool, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Singular values of a step are about 0.2 sqrt(longer side), but for those that so few examples leave at nothing;
    every weight of a vector moves by the rate.
    """
    monkeypatch.setattr("stemtree.training.optimiser.computes_bfloat16", lambda device: able)
    settings = read_settings([config], ["optimiser=muon", "learning_rate=0.01", f"network={network}"])
    targets, hierarchy = training_targets(settings, load("slakh")), load("slakh")
    examples = make_examples(settings, targets, hierarchy, "train")
    module = TrainingModule(initial_model(settings, targets, examples.corpus), settings, targets.example_indices)
    before = {name: parameter.detach().clone() for name, parameter in module.network.named_parameters()}
    optimiser = module.configure_optimizers()["optimizer"]
    module._loss(*module.forward(default_collate([examples[number] for number in range(3)]))).backward()
    optimiser.step()
    for name, parameter in module.network.named_parameters():
        step = (parameter.detach() - before[name]) / 0.01
        if step.ndim > 1:
            values = torch.linalg.svdvals(step.flatten(1)) / (0.2 * max(step.flatten(1).shape) ** 0.5)
            assert values[1] > 0.6 and values.max() < 1.3, name
        else:
            moved = step[parameter.grad.abs() > 1e-6].abs()
            assert len(moved), name
            torch.testing.assert_close(moved, torch.ones_like(moved), atol=0.02, rtol=0)


def test_a_schedule_with_an_end_keeps_it(config: Path, tmp_path: Path) -> None:
    cosine = ["schedule=cosine", "trainer.max_epochs=2"]
    train(read_settings([config], cosine), tmp_path / "run")
    assert logged(tmp_path / "run", "lr-Adam")[0] == pytest.approx(0.01)
    last = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(0, abs=1e-12)
    with pytest.raises(OptionError, match=r"holds a run with another 'trainer\.max_epochs'"):
        train(read_settings([config], [*cosine, "trainer.max_epochs=3"]), tmp_path / "run")
