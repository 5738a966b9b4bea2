"""The folder of a run: its settings and checkpoints."""

import errno
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from pydantic import ValidationError

from stemtree.data.withheld import KnownAudio
from stemtree.errors import ModelError, OptionError
from stemtree.hierarchy import NodePath
from stemtree.staging import whole_file
from stemtree.training.module import TrainingModule
from stemtree.training.settings import TrainSettings
from stemtree.yaml_text import parse_yaml

SETTINGS = "settings.yaml"

_MAY_DIFFER = ("trainer", "workers")
"""Settings that do not decide what is learned, or of which `_OF_TRAINER_MAY_DIFFER` says so."""

_OF_TRAINER_MAY_DIFFER = (
    "accelerator", "devices", "num_nodes", "strategy", "precision", "max_epochs", "max_steps", "max_time",
    "log_every_n_steps", "profiler",
)  # fmt: skip
"""Settings of the trainer that decide how long and where it computes."""

_OF_COSINE = ("max_epochs", "max_steps", "devices", "num_nodes")
"""Those of them on which a cosine schedule depends."""
KNOWN_AUDIO = "known_audio.yaml"


@dataclass(frozen=True)
class RunFolder:
    """The folder of a run.

    Parameters
    ----------
    path : pathlib.Path
        It need not exist yet.
    """

    path: Path

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints ``best.ckpt`` and ``last.ckpt``."""
        return self.path / "checkpoints"

    def check(self, settings: TrainSettings) -> None:
        """Check that the folder is new, or holds a run with these settings.

        ``workers`` may differ, and what of ``trainer`` decides how long and where it computes.

        Raises
        ------
        OptionError
            If it is neither.
        """
        try:
            earlier = self._earlier_settings()
        except OSError as error:  # a file, or a name that is too long
            raise self._cannot_hold_a_run(error) from None
        except (UnicodeError, yaml.YAMLError):
            raise OptionError(
                f"the settings in '{self.path}' are damaged: give another folder, or remove this one"
            ) from None
        if earlier is None:
            return
        ours = settings.model_dump(mode="json")
        differing = [key for key in ours if key not in _MAY_DIFFER and ours[key] != earlier.get(key)]
        may_differ = {*_OF_TRAINER_MAY_DIFFER} - ({*_OF_COSINE} if settings.schedule == "cosine" else set())
        now, before = ours["trainer"], earlier["trainer"]
        differing += [
            f"trainer.{key}" for key in {**now, **before} if key not in may_differ and now.get(key) != before.get(key)
        ]
        if differing:
            raise OptionError(
                f"'{self.path}' holds a run with another '{differing[0]}': give another folder, or those settings"
            )

    def _earlier_settings(self) -> dict[str, Any] | None:
        """Settings of the run in the folder; None where the folder is empty or missing."""
        file = self.path / SETTINGS
        if file.exists():
            settings: dict[str, Any] = parse_yaml(file.read_text("utf-8"))
            if not isinstance(settings, dict) or not isinstance(settings.get("trainer"), dict):
                raise yaml.YAMLError
            try:  # settings that the run's version did not have yet get their defaults
                return TrainSettings.model_validate(settings).model_dump(mode="json")
            except ValidationError:
                return settings
        if self.path.exists() and any(self.path.iterdir()):
            raise OptionError(f"'{self.path}' is not empty and holds no run: give another folder")
        return None

    def write_settings(self, settings: TrainSettings) -> None:
        """Make the folder and write the settings to it; what a killed run left of checkpoints is removed.

        Raises
        ------
        OptionError
            If it cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for unfinished in self.checkpoints.glob(".*.partial"):
                unfinished.unlink(missing_ok=True)
            with whole_file(self.path / SETTINGS) as partial:
                partial.write_text(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False), "utf-8")
        except OSError as error:
            raise self._cannot_hold_a_run(error) from None

    def write_known_audio(self, of_targets: Mapping[NodePath, KnownAudio]) -> None:
        """Write how much audio with each target keeps its truth; raises OptionError if it cannot be written."""
        rows = {
            target: {"share": round(audio.share, 4), "hours": round(audio.known / 3600, 4)}
            for target, audio in of_targets.items()
        }
        try:
            with whole_file(self.path / KNOWN_AUDIO) as partial:
                partial.write_text(yaml.safe_dump({"known_audio": rows}, sort_keys=False), "utf-8")
        except OSError as error:
            raise self._cannot_hold_a_run(error) from None

    def _cannot_hold_a_run(self, error: OSError) -> OptionError:
        room = "make room, or " if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        return OptionError(f"'{self.path}' cannot hold a run ({error.strerror}): {room}give another folder")

    def last_checkpoint(self, module: TrainingModule, report: Callable[[str], None]) -> Path | None:
        """Find the checkpoint to continue from: the last, or the best where the last is damaged; None without any.

        Parameters
        ----------
        module : TrainingModule
            What is to be continued.
        report : callable
            Called with a sentence where the last checkpoint is damaged.

        Raises
        ------
        ModelError
            If both are damaged, or the checkpoint is of another model than the module's.
        """
        last, best = (self.checkpoints / f"{name}.ckpt" for name in ("last", "best"))
        if not last.exists() and not best.exists():
            return None
        try:
            file, checkpoint = last, read_checkpoint(last)
        except ModelError as damaged:
            try:
                file, checkpoint = best, read_checkpoint(best)
            except ModelError:
                raise damaged from None
            report(f"the checkpoint '{last}' is not whole: going on from '{best}', step {checkpoint['global_step']}")
        divides = module.model.card.divides
        if checkpoint.get("divides", divides) != divides:
            raise ModelError(
                f"the checkpoint '{file}' is of another hierarchy or other nodes of it: give another folder"
            )
        songs = module.songs
        if checkpoint.get("songs", songs) != songs:
            raise ModelError(
                f"the run in '{self.path}' learned from other songs than there are now, or with other splits or "
                "labels: bring these back, or give another folder"
            )
        shapes = {name: tensor.shape for name, tensor in checkpoint["state_dict"].items()}
        if shapes != {name: tensor.shape for name, tensor in module.state_dict().items()}:
            raise ModelError(f"the checkpoint '{file}' is of another network: give another folder")
        return file


def read_checkpoint(file: Path) -> dict[str, Any]:
    """Read a checkpoint with torch's restricted loader.

    Raises
    ------
    ModelError
        If it is missing or damaged.
    """
    try:
        checkpoint: dict[str, Any] = torch.load(file, weights_only=True, mmap=True)
        if not isinstance(checkpoint["global_step"], int):
            raise TypeError
        if not all(isinstance(value, torch.Tensor) for value in checkpoint["state_dict"].values()):
            raise TypeError
        return checkpoint
    except FileNotFoundError:
        raise ModelError(f"there is no checkpoint '{file}' any more: remove its folder to begin anew") from None
    except (RuntimeError, OSError, pickle.UnpicklingError, EOFError, AttributeError, KeyError, TypeError, ValueError):
        raise ModelError(f"the checkpoint '{file}' is damaged: remove its folder to begin anew") from None
