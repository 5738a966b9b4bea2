from pathlib import Path

import pytest
import torch

from stemtree.errors import ModelError, OptionError
from stemtree.training.configuration import read_settings
from stemtree.training.run import train


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


@pytest.mark.parametrize("name", ["a file", "a file/run", "x" * 300])
def test_what_cannot_be_a_runs_folder(name: str, config: Path, tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("mine")
    with pytest.raises(OptionError, match=r"cannot hold a run .*: give another folder"):
        train(read_settings([config]), tmp_path / name)
