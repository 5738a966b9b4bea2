"""How checkpoints are written."""

from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO

from stemtree.errors import TrainingError
from stemtree.staging import whole_file


class CheckpointFiles(TorchCheckpointIO):
    """Writes checkpoints straight to their files; Lightning would first make the whole file in memory, twice."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """See `lightning_fabric.plugins.io.CheckpointIO.save_checkpoint`.

        Raises
        ------
        TrainingError
            If the file cannot be written; an earlier one of that name stays.
        """
        file = Path(path)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(file) as partial:
                torch.save(checkpoint, partial)
        except (OSError, RuntimeError) as error:  # RuntimeError: torch's writer
            reason = getattr(error, "strerror", None) or "no room left on the device"
            raise TrainingError(
                f"cannot write the checkpoint '{file}' ({reason}): make room, and run again to go on from the last one"
            ) from None
