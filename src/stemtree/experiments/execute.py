"""One run, from where it was left: train, measure, keep the rows."""

import shutil
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import polars as pl
import pytorch_lightning as lightning
import torch
from pytorch_lightning.utilities.exceptions import SIGTERMException

from stemtree.errors import SplitterError, StemtreeError
from stemtree.evaluation.chunk_list import read_chunks
from stemtree.evaluation.estimators.mean_mask import fit_mean_mask
from stemtree.evaluation.estimators.registry import make_estimator
from stemtree.evaluation.evaluate import Selection, evaluate
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.evaluation.tables import summarise
from stemtree.experiments.identity import code_identity, code_state
from stemtree.experiments.plan import TRAINED, Run, target_nodes
from stemtree.experiments.rows import SDR_STATISTICS, Description, read_run, unmeasured, write_run
from stemtree.experiments.run_folder import ExperimentRun, cpu_seconds
from stemtree.experiments.test_set import TestSet
from stemtree.hierarchy import Hierarchy
from stemtree.hierarchy import load as load_hierarchy
from stemtree.model_files import has_model
from stemtree.training.monitor import Monitor
from stemtree.training.run import fit, prepare, publish
from stemtree.training.run_folder import RunFolder
from stemtree.version import __version__

_MEAN_CHUNKS = 150
"""How many chunks a constant mask is fitted to."""


class Outcome(StrEnum):
    """How an attempt at a run ended."""

    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    LOST = "lost"
    """Its process was ended, or a cluster gave none."""

    ELSEWHERE = "elsewhere"
    OTHER_CODE = "other code"
    NOT_INSTALLED = "not installed"
    """The separator, or its weights, are not on this machine."""


@dataclass(frozen=True)
class Job:
    """What a process needs to do a run.

    Parameters
    ----------
    run : Run
        What is done.
    folder : pathlib.Path
        Of the run.
    code : str
        By which the run is to be done.
    chunks : mapping
        The file of frozen chunks of each test set, by its name.
    stop : pathlib.Path
        Where a file of this name appears, training stops at its next checkpoint.
    own_process : bool
        Whether the process does nothing else, so that all of its CPU time is the run's.
    """

    run: Run
    folder: Path
    code: str
    chunks: Mapping[str, Path]
    stop: Path
    own_process: bool


def execute(job: Job) -> Outcome:
    """Do a run, or go on with it; what goes wrong is written into its folder."""
    if code_identity() != job.code:
        return Outcome.OTHER_CODE
    folder, state = ExperimentRun(job.folder), code_state()
    torch.set_num_threads(1)
    with folder.locked() as held:
        if not held:
            return Outcome.ELSEWHERE
        lacking = unmeasured(folder.rows, {name: file.stem for name, file in job.chunks.items()})
        if not lacking:
            return Outcome.DONE
        with folder.counted(0.0 if job.own_process else cpu_seconds()):
            try:
                folder.describe(_description(job))
                if not _train(job, folder):
                    return Outcome.STOPPED
                measured = {test.name: _measure(job, folder, test) for test in job.run.tests if test.name in lacking}
                if code_state() != state:  # modules that were imported late may be the new ones
                    folder.fail("the code changed while the run was done: do it again with --retry")
                    return Outcome.FAILED
            except SplitterError as error:
                folder.fail(str(error))
                return Outcome.NOT_INSTALLED
            except StemtreeError as error:
                if isinstance(error.__context__, SIGTERMException):
                    return Outcome.STOPPED
                folder.fail(str(error))
                return Outcome.FAILED
            except Exception as error:  # of a library: whatever it is, the other runs go on
                folder.fail(f"{type(error).__name__}: {error}\n\n{traceback.format_exc()}")
                return Outcome.FAILED
        _finish(job, folder, measured)
    return Outcome.DONE


class _StopAtCheckpoint(lightning.Callback):
    """Ends training once the file is there and a checkpoint is written."""

    def __init__(self, file: Path) -> None:
        self.file, self.stopped = file, False

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if self.file.exists() and not trainer.should_stop and trainer.current_epoch + 1 < (trainer.max_epochs or 0):
            self.stopped = trainer.should_stop = True


def _train(job: Job, folder: ExperimentRun) -> bool:
    """Train unless that is done; returns whether there is a model now, or none is needed."""
    if job.run.estimator != TRAINED or has_model(folder.model):
        return True
    if job.stop.exists():
        return False
    watch = _StopAtCheckpoint(job.stop)
    run = prepare(job.run.settings, RunFolder(folder.model), progress_bar=False, monitor=Monitor())
    run.trainer.callbacks.append(watch)  # type: ignore[attr-defined]
    fit(run)
    if watch.stopped:
        return False
    publish(run)
    return True


def _measure(job: Job, folder: ExperimentRun, test: TestSet) -> pl.DataFrame:
    settings = job.run.settings
    tree = load_hierarchy(settings.hierarchy)
    chunks = read_chunks(job.chunks[test.name])
    corpus = test.corpus.load(test.corpus.hierarchy(tree))
    estimator = job.run.estimator
    nodes = target_nodes(settings, tree)
    if estimator == TRAINED:
        estimator = str(folder.model)
    elif estimator == "mean":
        estimator = f"mean:{_constant_mask(job, folder, tree)}"
    file = folder.path / "evaluation" / f"{job.chunks[test.name].stem}.parquet"
    file.parent.mkdir(exist_ok=True)
    made = make_estimator(estimator, nodes, settings.stft, tree)
    selected = None if job.run.estimator == TRAINED else tuple(node for node in nodes if node in made.nodes)
    selection = Selection(selected, chunks)
    return evaluate(made, corpus, tree, test.settings(settings), selection=selection, file=file, workers=1)


def _constant_mask(job: Job, folder: ExperimentRun, tree: Hierarchy) -> Path:
    file = folder.path / "mean.safetensors"
    if not file.exists():
        settings = job.run.settings
        source = settings.train[0]
        corpus = source.load(source.hierarchy(tree))
        chosen = EvaluationSettings(root=settings.subtree, sample=_MEAN_CHUNKS)
        fit_mean_mask(corpus, target_nodes(settings, tree), chosen, stft=settings.stft).save(file)
    return file


def _finish(job: Job, folder: ExperimentRun, measured: Mapping[str, pl.DataFrame]) -> None:
    """Write the rows, those of test sets measured before among them, then remove what only the run itself needed."""
    chunks = {name: job.chunks[name].stem for name in measured}
    sdr = {} if job.run.estimator == TRAINED else _sdr(job, measured)
    if folder.rows.exists():
        before, rows = read_run(folder.rows)
        measured = {name: rows.filter(test=name) for name in before.chunks} | dict(measured)
        chunks, sdr = before.chunks | chunks, before.sdr | sdr
    curve = _curve(folder.model / "events") if job.run.estimator == TRAINED else []
    description = Description(
        estimator=job.run.estimator,
        identity=job.run.identity,
        corpora=job.run.corpora,
        code=job.code,
        version=__version__,
        torch=torch.__version__,
        cpu_seconds=round(folder.cpu_seconds),
        curve=curve,
        chunks=chunks,
        parameters=_parameters(folder.model) if job.run.estimator == TRAINED else 0,
        sdr=sdr,
    )
    write_run(measured, description, folder.rows)
    shutil.rmtree(folder.model / "checkpoints", ignore_errors=True)
    shutil.rmtree(folder.path / "evaluation", ignore_errors=True)


def _sdr(job: Job, measured: Mapping[str, pl.DataFrame]) -> dict[str, dict[str, dict[str, float]]]:
    """SDR of every node of each test set, as results of separators are published."""
    tree = load_hierarchy(job.run.settings.hierarchy)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for test, rows in measured.items():
        figures = summarise(rows, tree).filter(group="node", metric="sdr").drop_nulls("value").drop_nans("value")
        of_statistics = {statistic: figures.filter(statistic=statistic) for statistic in SDR_STATISTICS}
        found[test] = {
            statistic: {name: round(value, 3) for name, value in table.select("name", "value").iter_rows()}
            for statistic, table in of_statistics.items()
        }
    return found


def _curve(events: Path) -> list[tuple[int, float]]:
    """Step and loss of every validation; where a run was stopped and went on, what counts is the later."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(events))
    accumulator.Reload()
    if "val_loss" not in accumulator.Tags()["scalars"]:
        return []
    found = sorted(accumulator.Scalars("val_loss"), key=lambda event: event.wall_time)
    return sorted({event.step: round(event.value, 5) for event in found}.items())


def _parameters(model: Path) -> int:
    from stemtree.model import load_model

    return sum(parameter.numel() for parameter in load_model(model).network.parameters())


def _description(job: Job) -> dict[str, Any]:
    return {
        "uses": [[use.experiment, use.arm, use.seed] for use in job.run.uses],
        "estimator": job.run.estimator,
        "identity": job.run.identity,
        "corpora": job.run.corpora,
        "code": job.code,
        "version": __version__,
        "begun": time.strftime("%Y-%m-%d %H:%M:%S"),
        "settings": job.run.settings.model_dump(mode="json"),
    }
