"""How checkpoints are written."""

from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO

from stemtree.staging import whole_file


class CheckpointFiles(TorchCheckpointIO):
    """Writes checkpoints straight to their files; Lightning would first make the whole file in memory, twice."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """See `lightning_fabric.plugins.io.CheckpointIO.save_checkpoint`."""
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(file) as partial:
            torch.save(checkpoint, partial)
