"""Lightning's trainer, with the callbacks that a run needs."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import (
    Callback,
    EarlyStopping,
    EMAWeightAveraging,
    LearningRateMonitor,
    ModelCheckpoint,
    RichProgressBar,
)
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.utilities import rank_zero_only

from stemtree.devices import computes_bfloat16
from stemtree.errors import OptionError
from stemtree.training.checkpoint_files import CheckpointFiles
from stemtree.training.run_folder import RunFolder
from stemtree.training.settings import TrainSettings


def make_trainer(settings: TrainSettings, folder: RunFolder, progress_bar: bool) -> pl.Trainer:
    """Make the trainer of a run; for a processor without bfloat16 in single precision, in place of ``bf16-mixed``.

    Raises
    ------
    OptionError
        If Lightning does not take ``settings.trainer``.
    """
    # SLURM stops jobs at any step; a checkpoint that Lightning writes then must lie in this run's folder.
    defaults: dict[str, Any] = {"default_root_dir": folder.path, "plugins": [CheckpointFiles()]}
    ours: dict[str, Any] = {
        "logger": TensorBoardLogger(folder.path, name="", version="events"),
        "callbacks": _callbacks(settings, folder.checkpoints, progress_bar),
        "enable_progress_bar": progress_bar,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "use_distributed_sampler": False,
    }
    for key in ours.keys() & settings.trainer_settings:
        raise OptionError(f"'trainer.{key}' is what every run sets by itself: leave it out")
    try:
        with quiet():
            given = defaults | settings.trainer_settings
            trainer = pl.Trainer(**ours, **given)
            if trainer.precision == "bf16-mixed" and not computes_bfloat16(trainer.strategy.root_device):
                return pl.Trainer(**ours, **(given | {"precision": "32-true"}))
            return trainer
    except (TypeError, ValueError, MisconfigurationException) as error:
        raise OptionError(f"Lightning's trainer does not take {settings.trainer}: {error}") from None


class Checkpoint(ModelCheckpoint):
    """Remembers the best weights of a run whose folder was moved too: Lightning forgets them."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a state, its files being in the present folder."""

        def here(file: str) -> str:
            return str(Path(str(self.dirpath)) / Path(file).name) if file else file

        moved = state_dict | {"dirpath": self.dirpath, "best_model_path": here(state_dict["best_model_path"])}
        moved["best_k_models"] = {here(file): score for file, score in state_dict["best_k_models"].items()}
        moved["kth_best_model_path"] = here(state_dict["kth_best_model_path"])
        super().load_state_dict(moved)


class Stopping(EarlyStopping):
    """Ends a run that it has ended before at once: Lightning would train it for another epoch."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """See Lightning."""
        super().on_train_start(trainer, pl_module)
        trainer.should_stop = trainer.should_stop or self.wait_count >= self.patience


def _callbacks(settings: TrainSettings, checkpoints: Path, progress_bar: bool) -> list[Callback]:
    callbacks: list[Callback] = [
        Checkpoint(checkpoints, "best", monitor="val_loss", enable_version_counter=False),
        # Not `save_last`, which saves nothing where the best is not beaten.
        Checkpoint(checkpoints, "last", every_n_epochs=1, enable_version_counter=False),
        Stopping("val_loss", patience=settings.stop_after, strict=False),  # a run may end within an epoch
        LearningRateMonitor("epoch"),
    ]
    if settings.average_decay:
        callbacks.append(EMAWeightAveraging(decay=settings.average_decay))
    if progress_bar:
        callbacks.append(RichProgressBar())
    return callbacks


def first_process() -> bool:
    """Whether this is the process, of those that train together, that writes files and prints."""
    return bool(rank_zero_only.rank == 0)  # type: ignore[attr-defined]


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress Lightning's own messages and warnings."""
    logger = logging.getLogger("pytorch_lightning")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"pytorch_lightning|lightning_fabric|lightning_utilities")
        try:
            yield
        finally:
            logger.setLevel(level)
