"""A run of training: from settings to a saved model, stopped and gone on with at will."""

import logging
import pickle
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
import yaml
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

from stemtree.corpora.fingerprint import corpus_fingerprint
from stemtree.corpora.track import Corpus
from stemtree.errors import ModelError, OptionError, TrainingError
from stemtree.hierarchy import load
from stemtree.memory import keep_freed_memory
from stemtree.model import Card, Model, load_model, make_model, save_model
from stemtree.training.data import Goal, Order, make_examples, make_goal, make_loader
from stemtree.training.settings import TrainSettings
from stemtree.training.task import Task

SETTINGS = "settings.yaml"


def train(
    settings: TrainSettings,
    folder: Path,
    *,
    progress_bar: bool = False,
    tell: Callable[[str], None] | None = None,
) -> Model:
    """Train a model, or go on with it.

    Parameters
    ----------
    settings : TrainSettings
        What is learned, from what, and how.
    folder : pathlib.Path
        Gets the settings, checkpoints (``best`` and ``last``), TensorBoard's events and at the end the model with the
        weights that `TrainSettings.keep` names. A run that was stopped goes on from the last checkpoint.
    progress_bar : bool
        Draw one.
    tell : callable, optional
        Told, in a sentence, which leaves of a tree no example is drawn for because they are heard nowhere.

    Returns
    -------
    Model
        With these weights. Of several processes that learn together the first saves it, see `first_process`.

    Raises
    ------
    OptionError
        If the folder holds another run or cannot hold one, if a setting of the trainer does not exist, or if there are
        more processes than an epoch has batches.
    ModelError
        If its last checkpoint, or the model that it begins with, is damaged or of another network or other nodes.
    TrainingError
        If a loss or a gradient is not a number, or if the trainer's limits leave no time for a validation.
    """
    if settings.network.reuses_freed_memory:  # the others gain nothing, and would hold 1 GB more
        keep_freed_memory()
    if first_process():
        _check_folder(folder, settings)
    pl.seed_everything(settings.seed, verbose=False)
    hierarchy = load(settings.hierarchy)
    goal = make_goal(settings, hierarchy)
    training = make_examples(settings, goal, hierarchy, settings.train, training=True)
    validation = make_examples(settings, goal, hierarchy, settings.validation, training=False)
    for songs, examples in (("train", training), ("validation", validation)):
        unheard = ", ".join(f"'{node}'" for node in goal.targets if node not in examples.targets)
        if unheard and tell:
            tell(f"in the songs of '{songs}', no example is drawn for what is salient nowhere: {unheard}")
    model = make_model(_card(settings, goal, training.corpus))
    if settings.weights:
        model = _begun_with(settings.weights, model)
    task = Task(model, settings, goal.picks)
    trainer = _trainer(settings, folder, progress_bar)
    rank, world = trainer.global_rank, trainer.world_size
    order = Order(settings, rank, world)
    if len(order) < settings.batch:
        raise OptionError(
            f"an epoch of {settings.epoch} examples holds no batch of {settings.batch} for each of {world} processes: "
            "make it longer"
        )
    learned_from = make_loader(training, settings, order)
    held_out = make_loader(validation, settings, range(rank, len(validation), world))
    checkpoint = _last_checkpoint(folder, task)
    if first_process():
        _write_settings(folder, settings)
    with _quiet():
        trainer.fit(task, learned_from, held_out, ckpt_path=checkpoint, weights_only=True)
    if trainer.interrupted:
        raise KeyboardInterrupt
    steps = trainer.global_step
    file = folder / "checkpoints" / f"{settings.keep}.ckpt"
    if not file.exists() and checkpoint is None:
        raise TrainingError(
            f"the trainer's limits ended the run after {steps} steps, before a validation: there are no weights to "
            "keep; give it more time or a shorter 'epoch'"
        )
    kept = _read_checkpoint(file)
    task.load_state_dict(kept["state_dict"])  # not by the trainer, which would take those before averaging
    with _quiet():
        trainer.test(task, held_out, verbose=False)
    told = {"steps": steps, "kept_step": kept["global_step"], "cpu_seconds": round(task.cpu_seconds)}
    card = {"training": model.card.training | told, "metrics": {"validation": task.improvement()}}
    model = replace(model, card=model.card.model_copy(update=card))
    model.network.cpu().eval().requires_grad_(False)
    if first_process():
        save_model(model, folder)
    return model


def first_process() -> bool:
    """Whether this is the one, of those that learn together, that writes and prints."""
    return bool(rank_zero_only.rank == 0)  # type: ignore[attr-defined]


def _check_folder(folder: Path, settings: TrainSettings) -> None:
    """See that a folder is new or holds a run with these settings."""
    told = settings.model_dump(mode="json")
    try:
        before = _settings_before(folder)
    except OSError as error:  # a file, or a name that is too long
        raise OptionError(f"'{folder}' cannot hold a run ({error.strerror}): give another folder") from None
    except (UnicodeDecodeError, yaml.YAMLError):
        raise OptionError(f"the settings in '{folder}' are damaged: give another folder, or remove this one") from None
    if before is None:
        return
    differing = [key for key in told if key != "trainer" and told[key] != before.get(key)]
    end = "max_epochs"
    if settings.schedule == "cosine" and told["trainer"][end] != before["trainer"].get(end):
        differing.append(f"trainer.{end}")
    if differing:
        raise OptionError(
            f"'{folder}' holds a run with another '{differing[0]}': give another folder, or those settings"
        )


def _settings_before(folder: Path) -> dict[str, Any] | None:
    """Those of the run in a folder; None where there is nothing yet."""
    file = folder / SETTINGS
    if file.exists():
        before = yaml.safe_load(file.read_text("utf-8"))
        if not isinstance(before, dict) or not isinstance(before.get("trainer"), dict):
            raise yaml.YAMLError
        return before
    if folder.exists() and any(folder.iterdir()):
        raise OptionError(f"'{folder}' is not empty and holds no run: give another folder")
    return None


def _write_settings(folder: Path, settings: TrainSettings) -> None:
    """Claim a folder: only now that everything fits, so that whoever mistyped a setting can use it after all."""
    partial = folder / f".{SETTINGS}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial.write_text(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False), "utf-8")
        partial.replace(folder / SETTINGS)
    except OSError as error:
        raise OptionError(f"'{folder}' cannot hold a run ({error.strerror}): give another folder") from None


def _card(settings: TrainSettings, goal: Goal, corpus: Corpus) -> Card:
    hours: dict[str, float] = defaultdict(float)
    for track in corpus.tracks:
        for stem in track.stems:
            hours[stem.leaf] += track.duration / 3600
    learned = {
        "kinds": sorted({part.kind for part in settings.train}),
        "songs": len(corpus.tracks),
        "stem_hours": {leaf: round(total, 2) for leaf, total in sorted(hours.items())},
        "fingerprint": corpus_fingerprint(corpus),
    }
    kept = settings.model_dump(mode="json", exclude={"train", "validation", "network", "relation", "stft"})
    return Card(
        hierarchy=settings.hierarchy,
        tree=goal.tree.as_dict(),
        root=settings.subtree,
        nodes=goal.nodes,
        relation=settings.relation,
        network=settings.network,
        stft=settings.stft,
        channels=settings.channels,
        corpora=[learned],
        training=kept,
    )


def _begun_with(folder: Path, model: Model) -> Model:
    """A model with the weights of an earlier one, whose corpora and training its card tells too."""
    earlier = load_model(folder)
    if earlier.card.divides != model.card.divides:
        raise ModelError(f"the model '{folder}' is of another hierarchy or other nodes of it: give other 'weights'")
    try:
        model.network.load_state_dict(earlier.network.state_dict())
    except RuntimeError:
        raise ModelError(f"the model '{folder}' is of another network: give other 'weights'") from None
    told = {
        "corpora": [*model.card.corpora, *earlier.card.corpora],
        "training": model.card.training | {"began_with": earlier.card.training},
    }
    return replace(model, card=model.card.model_copy(update=told))


def _trainer(settings: TrainSettings, folder: Path, progress_bar: bool) -> pl.Trainer:
    callbacks: list[Callback] = [
        ModelCheckpoint(folder / "checkpoints", "best", monitor="val_loss", enable_version_counter=False),
        # Not `save_last`, which saves nothing where the best is not beaten.
        ModelCheckpoint(folder / "checkpoints", "last", every_n_epochs=1, enable_version_counter=False),
        EarlyStopping("val_loss", patience=settings.stop_after, strict=False),  # a run may end within an epoch
        LearningRateMonitor("epoch"),
    ]
    if settings.average_decay:
        callbacks.append(EMAWeightAveraging(decay=settings.average_decay))
    if progress_bar:
        callbacks.append(RichProgressBar())
    # SLURM stops jobs at any step; what Lightning keeps then must not be taken for that of another run.
    told: dict[str, Any] = {"max_epochs": 100, "log_every_n_steps": 10, "default_root_dir": folder} | settings.trainer
    try:
        with _quiet():
            return pl.Trainer(
                logger=TensorBoardLogger(folder, name="", version="events"),
                callbacks=callbacks,
                enable_progress_bar=progress_bar,
                enable_model_summary=False,
                num_sanity_val_steps=0,
                use_distributed_sampler=False,
                **told,
            )
    except (TypeError, ValueError, MisconfigurationException) as error:
        raise OptionError(f"Lightning's trainer does not take {settings.trainer}: {error}") from None


def _last_checkpoint(folder: Path, task: Task) -> Path | None:
    """Where to go on from, if it can be read and is of this model."""
    last = folder / "checkpoints" / "last.ckpt"
    if not last.exists():
        return None
    kept = _read_checkpoint(last)
    shapes = {name: tensor.shape for name, tensor in kept["state_dict"].items()}
    divides = task.model.card.divides
    if kept.get("divides", divides) != divides:
        raise ModelError(f"the checkpoint '{last}' is of another hierarchy or other nodes of it: give another folder")
    if shapes != {name: tensor.shape for name, tensor in task.state_dict().items()}:
        raise ModelError(f"the checkpoint '{last}' is of another network: give another folder")
    return last


def _read_checkpoint(file: Path) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = torch.load(file, weights_only=True, mmap=True)
        if not {"global_step", "state_dict"} <= kept.keys():
            raise KeyError
        return kept
    except FileNotFoundError:
        raise ModelError(f"there is no checkpoint '{file}' any more: remove its folder to begin anew") from None
    except (RuntimeError, OSError, pickle.UnpicklingError, EOFError, AttributeError, KeyError, TypeError, ValueError):
        raise ModelError(f"the checkpoint '{file}' is damaged: remove its folder to begin anew") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what Lightning says of itself."""
    logger = logging.getLogger("pytorch_lightning")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"pytorch_lightning|lightning_fabric|lightning_utilities")
        yield
    logger.setLevel(level)
