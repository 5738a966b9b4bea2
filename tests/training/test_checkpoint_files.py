from pathlib import Path

import pytest
import torch

from stemtree.training.checkpoint_files import CheckpointFiles


def test_a_checkpoint_is_whole_or_not_there(tmp_path: Path) -> None:
    file = tmp_path / "checkpoints" / "last.ckpt"
    files = CheckpointFiles()
    files.save_checkpoint({"state_dict": {"weight": torch.arange(5)}, "global_step": 3}, file)
    for checkpoint in (torch.load(file, weights_only=True), files.load_checkpoint(file, weights_only=True)):
        assert checkpoint["global_step"] == 3
        assert torch.equal(checkpoint["state_dict"]["weight"], torch.arange(5))
    before = file.read_bytes()
    with pytest.raises((AttributeError, TypeError)):
        files.save_checkpoint({"state_dict": {"weight": torch.zeros(5)}, "what no pickle takes": lambda: None}, file)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]
