"""What the messages of training advise helps: each remedy is tried."""

import re
from pathlib import Path

import pytest

from stemtree.errors import OptionError
from stemtree.hierarchy import load
from stemtree.training.configuration import read_settings
from stemtree.training.run import train
from stemtree.training.run_folder import SETTINGS, RunFolder
from stemtree.training.targets import training_targets

QUERY = "network={kind: query_by_example, layers: 1, units: 4}"
TWO = "targets=[strings_guitar_keyboards/guitar/clean_guitars, strings_guitar_keyboards/guitar/effected_guitars]"


@pytest.mark.parametrize(
    ("wrong", "message", "remedy"),
    [
        (["loss=mse"], "there is no loss 'mse'; there are ", ["loss=tpsa_mse"]),
        (["loss_every=9"], "give at most 1", ["loss_every=1"]),
        ([TWO], "2 targets need a network that takes a query: give one", []),
        ([TWO], "or another network", [TWO, QUERY]),
        ([QUERY, "targets=[]"], "give 'targets'", [QUERY]),
        (["depth=2"], "leave either these or those out", ["depth=2", "targets=[]"]),
        (["schedule=cosine", "trainer.max_epochs=null"], "give 'trainer.max_epochs'", ["schedule=cosine"]),
        (["epoch=2"], "make it longer", ["epoch=4"]),
        (["trainer.max_epochs=0.5"], "give a whole number, at least", ["trainer.max_epochs=1"]),
        (["trainer.limit_val_batches=0"], "leave some", ["trainer.limit_val_batches=1"]),
        (["trainer.precision=16-true"], "give 32, 16-mixed, or bf16-mixed", ["trainer.precision=16-mixed"]),
        (["stft.window=100"], "give a multiple, twice or more", ["stft.window=512"]),
        (["rules.absent=2"], "give a share between 0 and 1", ["rules.absent=1"]),
        (["augmentation.gain=[2, 1]"], "the lower first", ["augmentation.gain=[1, 2]"]),
        (["augmentation.pitch=-1"], "0 or more", ["augmentation.pitch=0"]),
        (["chunking.duration=0"], "give 0.000125 to 86400", ["chunking.duration=0.000125"]),
        (["seed=1", "nonsense"], "write key=value", ["seed=1", "seed=2"]),
        (["seed=2001-13-45"], "put it in quotes", []),
        (["x.y=1"], "there is no setting 'x'", []),
    ],
)
def test_settings(wrong: list[str], message: str, remedy: list[str], config: Path) -> None:
    with pytest.raises(OptionError, match=re.escape(message)):
        read_settings([config], wrong)
    read_settings([config], remedy)


@pytest.mark.parametrize(
    ("wrong", "message", "remedy"),
    [
        (["targets=[]", "levels=[9]"], "give levels from 1 to 4", ["targets=[]", "levels=[4]"]),
        (["levels=[4]"], "give levels 1 to 3", ["levels=[3]"]),
        (
            [QUERY, "targets=[strings_guitar_keyboards/guitar, strings_guitar_keyboards/guitar/clean_guitars]"],
            "name targets of equally long paths",
            [QUERY, TWO],
        ),
    ],
)
def test_targets(wrong: list[str], message: str, remedy: list[str], config: Path) -> None:
    hierarchy = load("slakh")
    with pytest.raises(OptionError, match=re.escape(message)):
        training_targets(read_settings([config], wrong), hierarchy)
    training_targets(read_settings([config], remedy), hierarchy)


def test_folders(config: Path, tmp_path: Path) -> None:
    settings, run = read_settings([config]), tmp_path / "run"
    RunFolder(run).write_settings(settings)
    with pytest.raises(OptionError, match="with another 'batch': give another folder, or those settings"):
        RunFolder(run).check(read_settings([config], ["batch=2"]))
    RunFolder(tmp_path / "other").check(read_settings([config], ["batch=2"]))
    RunFolder(run).check(settings)
    (run / SETTINGS).write_text("trainer: [")
    with pytest.raises(OptionError, match="are damaged: give another folder, or remove this one"):
        RunFolder(run).check(settings)
    (run / SETTINGS).unlink()
    (run / "mine").touch()
    with pytest.raises(OptionError, match="is not empty and holds no run: give another folder"):
        RunFolder(run).check(settings)
    (run / "mine").unlink()
    RunFolder(run).check(settings)


def test_a_run_goes_on_with_fewer_workers(config: Path, tmp_path: Path) -> None:
    """As is advised where memory is short; the weights are those of a run in one piece."""
    train(read_settings([config], ["workers=1", "trainer.max_epochs=1"]), tmp_path / "run")
    resumed = train(read_settings([config], ["workers=0"]), tmp_path / "run")
    whole = train(read_settings([config]), tmp_path / "whole")
    theirs = whole.network.state_dict()
    assert all(weights.equal(theirs[name]) for name, weights in resumed.network.state_dict().items())
