import shutil
from pathlib import Path

import pytest
import torch
import yaml

from stemtree.errors import ModelError, OptionError
from stemtree.training.configuration import read_settings
from stemtree.training.monitor import Monitor
from stemtree.training.run import prepare, train
from stemtree.training.run_folder import RunFolder


def test_folders_that_hold_something_else(config: Path, tmp_path: Path) -> None:
    train(read_settings([config]), tmp_path / "run")
    with pytest.raises(OptionError, match="holds a run with another 'loss'"):
        train(read_settings([config], ["loss=tpsa_l1"]), tmp_path / "run")
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    kept = torch.load(last, weights_only=True)
    torch.save(kept | {"divides": kept["divides"] | {"nodes": ["strings_guitar_keyboards/rest"]}}, last)
    with pytest.raises(ModelError, match=r"the checkpoint '.*last\.ckpt' is of another hierarchy"):
        train(read_settings([config]), tmp_path / "run")
    torch.save(kept | {"state_dict": {}}, last)
    with pytest.raises(ModelError, match=r"the checkpoint '.*last\.ckpt' is of another network"):
        train(read_settings([config]), tmp_path / "run")
    torch.save(kept, last)
    best = last.with_name("best.ckpt")
    whole = best.read_bytes()
    for damaged in (b"damage", whole[: len(whole) // 2], whole[:-1]):
        best.write_bytes(damaged)
        with pytest.raises(ModelError, match=r"the checkpoint '.*best\.ckpt' is damaged"):
            train(read_settings([config]), tmp_path / "run")
    kept_last = last.read_bytes()
    last.write_bytes(kept_last[:-1])
    with pytest.raises(ModelError, match=r"the checkpoint '.*last\.ckpt' is damaged"):  # and so is the best
        train(read_settings([config]), tmp_path / "run")
    last.write_bytes(kept_last)
    best.unlink()
    with pytest.raises(ModelError, match=r"there is no checkpoint '.*best\.ckpt' any more"):
        train(read_settings([config]), tmp_path / "run")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(OptionError, match="is not empty and holds no run"):
        train(read_settings([config]), tmp_path / "mine")
    for damaged in ("", "trainer: [", "- a list"):
        (tmp_path / "mine" / "settings.yaml").write_text(damaged)
        with pytest.raises(OptionError, match=r"the settings in '.*mine' are damaged"):
            train(read_settings([config]), tmp_path / "mine")


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ("accumulate_grad_batches=2", True),
        ("limit_train_batches=1", True),
        ("precision=bf16-mixed", False),
        ("max_time=00:00:10:00", False),
    ],
)
def test_what_of_the_trainer_may_differ(change: str, refused: bool, config: Path, tmp_path: Path) -> None:
    train(read_settings([config]), tmp_path / "run")
    if refused:
        with pytest.raises(OptionError, match=f"holds a run with another 'trainer.{change.split('=')[0]}'"):
            train(read_settings([config], [f"trainer.{change}"]), tmp_path / "run")
    else:
        train(read_settings([config], [f"trainer.{change}"]), tmp_path / "run")


def test_a_run_goes_on_with_the_songs_that_it_learned_from(config: Path, tmp_path: Path) -> None:
    place = Path(yaml.safe_load(config.read_text())["train"][0]["root"])
    shutil.copytree(place, tmp_path / "songs")
    here = [f"train=[{{root: {tmp_path / 'songs'}, split: train}}]"]
    train(read_settings([config], [*here, "trainer.max_epochs=1"]), tmp_path / "run")
    first = min((tmp_path / "songs" / "train").iterdir())
    first.rename(tmp_path / first.name)
    with pytest.raises(ModelError, match="learned from other songs than there are now"):
        train(read_settings([config], [*here, "trainer.max_epochs=2"]), tmp_path / "run")
    (tmp_path / first.name).rename(first)
    train(read_settings([config], [*here, "trainer.max_epochs=2"]), tmp_path / "run")


def test_songs_that_are_learned_from_and_validated_on_are_told(config: Path, tmp_path: Path) -> None:
    source = yaml.safe_load(config.read_text())["train"][0]
    told: list[str] = []
    settings = read_settings([config], [f"validation=[{{root: {source['root']}, split: train}}]"])
    prepare(settings, RunFolder(tmp_path / "run"), progress_bar=False, monitor=Monitor(report=told.append))
    assert any("4 songs are in 'train' and in 'validation', such as '" in sentence for sentence in told)
    told.clear()
    prepare(
        read_settings([config]), RunFolder(tmp_path / "run"), progress_bar=False, monitor=Monitor(report=told.append)
    )
    assert not any("in 'validation', such as" in sentence for sentence in told)


@pytest.mark.parametrize("name", ["a file", "a file/run", "x" * 300])
def test_what_cannot_be_a_runs_folder(name: str, config: Path, tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("mine")
    with pytest.raises(OptionError, match=r"cannot hold a run .*: give another folder"):
        train(read_settings([config]), tmp_path / name)
