from pathlib import Path

import pytest
import torch

from stemtree.errors import OptionError
from stemtree.training.configuration import read_settings
from stemtree.training.run import train
from stemtree.training.run_folder import RunFolder
from stemtree.training.trainer import Checkpoint, make_trainer


def test_what_slurm_saves_stays_in_the_run(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that is stopped before its first validation goes on with its own steps, not with what lies around."""
    (tmp_path / "hpc_ckpt_1.ckpt").write_bytes(b"of another run")
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "SLURM_NTASKS": "1",
        "SLURM_JOB_NAME": "night",
        "SLURM_PROCID": "0",
        "SLURM_LOCALID": "0",
    }.items():
        monkeypatch.setenv(name, value)
    assert train(read_settings([config]), tmp_path / "run").card.training["steps"] == 4


def test_what_every_run_sets_by_itself(config: Path, tmp_path: Path) -> None:
    settings = read_settings([config], ["trainer.logger=false"])
    with pytest.raises(OptionError, match=r"'trainer\.logger' is what every run sets by itself: leave it out"):
        make_trainer(settings, RunFolder(tmp_path / "run"), progress_bar=False)


@pytest.mark.parametrize(("able", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_processors_without_bfloat16_train_in_single_precision(
    able: bool, precision: str, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stemtree.training.trainer.computes_bfloat16", lambda device: able)
    settings = read_settings([config], ["trainer.precision=bf16-mixed", "trainer.accelerator=cpu"])
    assert make_trainer(settings, RunFolder(tmp_path / "run"), progress_bar=False).precision == precision


def test_a_run_whose_folder_was_moved_remembers_its_best_weights(tmp_path: Path) -> None:
    before, after = (Checkpoint(tmp_path / name, "best", monitor="val_loss") for name in ("old", "new"))
    file, score = str(tmp_path / "old" / "best.ckpt"), torch.tensor(0.5)
    before.best_model_path = before.kth_best_model_path = file
    before.best_k_models, before.kth_value, before.best_model_score = {file: score}, score, score
    after.load_state_dict(before.state_dict())
    assert after.best_model_path == after.kth_best_model_path == str(tmp_path / "new" / "best.ckpt")
    assert after.best_k_models == {after.best_model_path: score} and after.best_model_score == score


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("trainer.gradient_clip_val=1", "'trainer.gradient_clip_val' does nothing, since gradients are clipped by"),
        ("trainer.max_time=5", "'trainer.max_time' is a number: write days:hours:minutes:seconds in quotes"),
    ],
)
def test_what_would_do_nothing_or_fail_later(change: str, message: str, config: Path) -> None:
    with pytest.raises(OptionError, match=message):
        read_settings([config], [change])


def test_an_interval_that_no_epoch_has(config: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"Lightning's trainer cannot run so .*val_check_interval"):
        train(read_settings([config], ["trainer.val_check_interval=700"]), tmp_path / "run")
