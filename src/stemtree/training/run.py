"""A run of training: prepare, fit, publish."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import pytorch_lightning as pl

from stemtree.data.dataset import Examples
from stemtree.data.withheld import KnownAudio
from stemtree.errors import OptionError, TrainingError, counted
from stemtree.hierarchy import NodePath, load
from stemtree.model import Model, save_model
from stemtree.training.examples import make_examples
from stemtree.training.initial_model import initial_model
from stemtree.training.interruptions import explained
from stemtree.training.kernels import tune_memory
from stemtree.training.module import TrainingModule
from stemtree.training.monitor import Monitor
from stemtree.training.order import Batches, ExampleOrder, make_loader
from stemtree.training.run_folder import RunFolder, read_checkpoint
from stemtree.training.settings import TrainSettings
from stemtree.training.targets import TrainingTargets, training_targets, with_paths
from stemtree.training.trainer import first_process, make_trainer, quiet


def train(
    settings: TrainSettings,
    folder: Path,
    *,
    progress_bar: bool = False,
    monitor: Monitor | None = None,
) -> Model:
    """Train a model, or continue a run that was stopped.

    Parameters
    ----------
    settings : TrainSettings
        The run's.
    folder : pathlib.Path
        Gets the settings, checkpoints (``best`` and ``last``), TensorBoard's events and at the end the model with the
        weights that `TrainSettings.keep` names. A run that was stopped continues from the last checkpoint.
    progress_bar : bool
        Show one.
    monitor : Monitor, optional
        Shows the measuring of salience where a corpus's index lacks songs, and gets sentences: why that is needed, what
        is left out, and which leaves of a tree are salient nowhere, so that no chunk is sampled for them.

    Returns
    -------
    Model
        With these weights. Of several processes that train together the first saves it, see `first_process`.

    Raises
    ------
    OptionError
        If the folder holds another run or cannot hold one, if a setting of the trainer does not exist, or if there are
        more processes than an epoch has batches.
    ModelError
        If its last checkpoint, or the model that it begins with, is damaged or of another network or other nodes.
    TrainingError
        If a loss or a gradient is not a number, if the trainer's limits leave no time for a validation, or if the
        system ended it: the disk is full, or a process was killed.
    KeyboardInterrupt
        If the user stopped it.
    """
    run = prepare(settings, RunFolder(folder), progress_bar=progress_bar, monitor=monitor or Monitor())
    fit(run)
    return publish(run)


@dataclass(frozen=True)
class PreparedRun:
    """Everything that a run needs.

    Parameters
    ----------
    settings : TrainSettings
        Its settings.
    folder : RunFolder
        Its folder.
    module : TrainingModule
        Model, loss and optimiser.
    trainer : pytorch_lightning.Trainer
        Runs the steps.
    train_batches, validation_batches : Batches
        Batches of examples.
    checkpoint : pathlib.Path or None
        Where the run continues from; None for a new one.
    known_audio : mapping of NodePath to KnownAudio
        Where truth is withheld: how much audio with each target keeps it.
    """

    settings: TrainSettings
    folder: RunFolder
    module: TrainingModule
    trainer: pl.Trainer
    train_batches: Batches
    validation_batches: Batches
    checkpoint: Path | None
    known_audio: Mapping[NodePath, KnownAudio]

    def explained(self) -> AbstractContextManager[None]:
        """A context in which what ends the run from outside is an error in the user's words."""
        return explained(self.trainer, (self.train_batches, self.validation_batches))


def prepare(settings: TrainSettings, folder: RunFolder, *, progress_bar: bool, monitor: Monitor) -> PreparedRun:
    """Make examples, model and trainer; nothing but indices of corpora is written. See `train`."""
    if settings.network.knows_classes:
        raise OptionError("'network.named: true' is learned by recipes/query_model/make.py alone: leave it out")
    hierarchy = load(settings.hierarchy)
    settings = with_paths(settings, hierarchy)
    tune_memory(settings)
    if first_process():
        folder.check(settings)
    pl.seed_everything(settings.seed, verbose=False)
    targets = training_targets(settings, hierarchy)
    training = make_examples(settings, targets, hierarchy, "train", monitor)
    validation = make_examples(settings, targets, hierarchy, "validation", monitor)
    _report_shared_songs(training, validation, monitor)
    _report_not_sampled(targets, {"train": training, "validation": validation}, monitor)
    known_audio = training.sampler.known_audio() if settings.rules.missing else {}
    _report_known_audio(known_audio, monitor)
    model = initial_model(settings, targets, training.corpus)
    module = TrainingModule(model, settings, targets.example_indices)
    trainer = make_trainer(settings, folder, progress_bar)
    rank, world_size = trainer.global_rank, trainer.world_size
    order = ExampleOrder(settings, rank, world_size)
    if len(order) < settings.batch:
        raise OptionError(
            f"an epoch of {counted(settings.epoch, 'example')} holds no batch of {settings.batch} for each of "
            f"{world_size} processes: make it longer"
        )
    train_batches = make_loader(training, settings, order)
    validation_batches = make_loader(validation, settings, range(rank, len(validation), world_size))
    checkpoint = folder.last_checkpoint(module, monitor.report)
    return PreparedRun(settings, folder, module, trainer, train_batches, validation_batches, checkpoint, known_audio)


def _report_shared_songs(training: Examples, validation: Examples, monitor: Monitor) -> None:
    """Say where songs are learned from and validated on."""
    heard = {stem.file.path.resolve() for track in training.corpus.tracks for stem in track.stems}
    shared = [
        track.id for track in validation.corpus.tracks if any(stem.file.path.resolve() in heard for stem in track.stems)
    ]
    if shared:
        songs = counted(len(shared), "song is", "songs are")
        monitor.report(
            f"{songs} in 'train' and in 'validation', such as '{shared[0]}': what is measured there says nothing of "
            "songs that it has not heard; give both a 'split'"
        )


def fit(run: PreparedRun) -> None:
    """Train until the trainer's limits or `TrainSettings.stop_after` end it; leaves checkpoints in the run's folder.

    Raises
    ------
    KeyboardInterrupt
        If the user stopped it.
    TrainingError
        If a loss or a gradient is not a number, or if the system ended the run.
    """
    if first_process():
        run.folder.write_settings(run.settings)  # only now, so that a mistyped setting takes no folder
        if run.known_audio:
            run.folder.write_known_audio(run.known_audio)
    with quiet(), run.explained():
        run.trainer.fit(
            run.module, run.train_batches, run.validation_batches, ckpt_path=run.checkpoint, weights_only=True
        )


def publish(run: PreparedRun) -> Model:
    """Measure the weights that `TrainSettings.keep` names on the validation examples, and save the model.

    Raises
    ------
    TrainingError
        If there are none, because the run ended before a validation.
    ModelError
        If the checkpoint is damaged or was removed.
    """
    num_steps = run.trainer.global_step
    file = run.folder.checkpoints / f"{run.settings.keep}.ckpt"
    if not file.exists() and run.checkpoint is None:
        raise TrainingError(
            f"the trainer's limits ended the run after {counted(num_steps, 'step')}, before a validation: there are no "
            "weights to keep; give it more time, or begin anew in another folder with a shorter 'epoch'"
        )
    kept = read_checkpoint(file)
    run.module.load_state_dict(kept["state_dict"])  # not by the trainer, which would load those before averaging
    with quiet(), run.explained():
        run.trainer.test(run.module, run.validation_batches, verbose=False)
    model = run.module.model
    outcome = {
        "steps": num_steps,
        "kept_step": kept["global_step"],
        "cpu_seconds": round(run.module.cpu_seconds),
    }
    update = {"training": model.card.training | outcome, "metrics": {"validation": run.module.improvement()}}
    model = replace(model, card=model.card.model_copy(update=update))
    model.network.cpu().eval().requires_grad_(False)
    if first_process():
        with run.explained():
            save_model(model, run.folder.path)
    return model


def _report_known_audio(of_targets: Mapping[NodePath, KnownAudio], monitor: Monitor) -> None:
    """Say how much audio keeps its truth, over all targets."""
    if of_targets:
        known, total = (sum(getattr(audio, name) for audio in of_targets.values()) for name in ("known", "total"))
        share = KnownAudio(known, total).share
        monitor.report(
            f"truth is known in {share:.1%} of the audio with a target: {known / 3600:.2f} of {total / 3600:.2f} h"
        )


def _report_not_sampled(targets: TrainingTargets, examples: Mapping[str, Examples], monitor: Monitor) -> None:
    """Name the targets for which no chunk is sampled, for each set of examples."""
    for songs, of_songs in examples.items():
        missing = ", ".join(f"'{node}'" for node in targets.sampled if node not in of_songs.targets)
        if missing:
            monitor.report(
                f"in the songs of '{songs}', no chunk is sampled for leaves that are salient nowhere: {missing}"
            )
