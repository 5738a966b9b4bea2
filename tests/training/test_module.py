from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from stemtree.errors import TrainingError
from stemtree.evaluation.estimators.trained import TrainedEstimator
from stemtree.evaluation.measure import measure_chunk
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import load
from stemtree.training.configuration import read_settings
from stemtree.training.examples import make_examples
from stemtree.training.initial_model import initial_model
from stemtree.training.module import TrainingModule
from stemtree.training.run import train
from stemtree.training.targets import training_targets


@pytest.mark.parametrize("change", ["targets=[bass/bass/acoustic_basses]", "targets=[]"])
def test_a_loss_that_looks_at_every_other_frame(change: str, config: Path) -> None:
    """Masks and truth are those of the whole, frame by frame."""
    seen = []
    for every in (1, 2):
        kinds = ["relation={kind: tree}", "subtree=strings_guitar_keyboards"] if change == "targets=[]" else []
        changes = [change, *kinds, "stft.hop=64", f"loss_every={every}"]
        settings = read_settings([config], changes)
        targets, hierarchy = training_targets(settings, load("slakh")), load("slakh")
        examples = make_examples(settings, targets, hierarchy, "train")
        torch.manual_seed(0)
        module = TrainingModule(
            initial_model(settings, targets, examples.corpus), settings, targets.example_indices
        ).eval()
        seen.append(module.forward(default_collate([examples[number] for number in range(3)])))
    (whole, truth), (thinned, thinned_truth) = seen
    assert thinned.masks.shape[-1] == (whole.masks.shape[-1] + 1) // 2
    torch.testing.assert_close(thinned.masks, whole.masks[..., ::2])
    torch.testing.assert_close(thinned_truth.nodes, truth.nodes[..., ::2])
    torch.testing.assert_close(thinned_truth.mixture, truth.mixture[..., ::2])


def test_a_loss_that_is_no_number(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = TrainingModule._loss

    def bad(self: TrainingModule, *arguments: object) -> torch.Tensor:
        loss = good(self, *arguments)
        return loss * torch.nan if self.training and self.global_step == 3 else loss

    monkeypatch.setattr(TrainingModule, "_loss", bad)
    with pytest.raises(
        TrainingError, match=r"the loss is nan at step 3, of 'Track0000\d' at \d\.\d s, .* checkpoint is kept"
    ):
        train(read_settings([config]), tmp_path / "run")
    monkeypatch.setattr(TrainingModule, "_loss", good)
    assert train(read_settings([config]), tmp_path / "run").card.training["steps"] == 4  # from the last good checkpoint


@pytest.mark.parametrize("what", ["gradient", "validation loss"])
def test_weights_that_become_no_numbers_replace_no_checkpoint(
    what: str, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the last step of the second epoch, so that nothing but its gradient or the validation can tell."""
    good = TrainingModule._loss

    def bad(self: TrainingModule, *arguments: object) -> torch.Tensor:
        loss = good(self, *arguments)
        if self.global_step >= 3:
            if what == "gradient" and self.training:
                loss.register_hook(lambda gradient: gradient * torch.inf)
            if what == "validation loss" and not self.training:
                return loss * torch.nan
        return loss

    monkeypatch.setattr(TrainingModule, "_loss", bad)
    step = 3 if what == "gradient" else 4
    with pytest.raises(TrainingError, match=rf"the {what} is (nan|inf) at step {step}, of 'Track0000\d' at .* is kept"):
        train(read_settings([config]), tmp_path / "run")
    kept = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert kept["global_step"] == 2 and all(tensor.isfinite().all() for tensor in kept["state_dict"].values())


def test_what_training_reports_is_what_an_evaluation_counts(config: Path, tmp_path: Path) -> None:
    """On the validation's examples, some of them without a node, and some in which a node is all there is."""
    changes = [
        "targets=[]",
        "subtree=strings_guitar_keyboards",
        "depth=2",
        "validation_size=12",
        "trainer.max_epochs=1",
    ]
    settings = read_settings([config], [*changes, "chunking.threshold=-25"])
    reported = train(settings, tmp_path / "run").card.metrics["validation"]
    hierarchy = load("slakh")
    targets = training_targets(settings, hierarchy)
    examples = make_examples(settings, targets, hierarchy, "validation")
    model, gained = TrainedEstimator(tmp_path / "run"), {node: [] for node in targets.tree.paths}
    for number in range(len(examples)):
        example = examples[number]
        estimates = model.mask(example["mixture"][None])[0]
        columns = measure_chunk(estimates, example["nodes"], example["mixture"], 8000, EvaluationSettings(window=1))
        for node, column in zip(targets.tree.paths, columns, strict=True):
            if column["status"] == "counted" and np.isfinite(column["si_sdr_improvement"]):
                gained[node].append(column["si_sdr_improvement"])
    assert {node: measured["examples"] for node, measured in reported.items()} == {
        node: len(values) for node, values in gained.items()
    }
    assert 0 < sum(map(len, gained.values())) < 12 * len(gained)
    for node, values in gained.items():
        if values:
            assert reported[node]["si_sdr_improvement"] == pytest.approx(np.mean(values), abs=0.01), node
