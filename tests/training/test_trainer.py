from pathlib import Path

import pytest

from stemtree.errors import OptionError
from stemtree.training.configuration import read_settings
from stemtree.training.run import train
from stemtree.training.run_folder import RunFolder
from stemtree.training.trainer import make_trainer


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
