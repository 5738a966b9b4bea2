"""One step of training, of validation and of measuring, as Lightning calls them."""

import math
import time
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor

from stemtree.data.dataset import TrainingExample
from stemtree.errors import TrainingError
from stemtree.evaluation.rows import Status
from stemtree.evaluation.status import statuses
from stemtree.losses import LOSSES, Truth, with_residuals
from stemtree.masks.relation import Estimate
from stemtree.metrics.si_sdr import si_sdr_improvement
from stemtree.model import Model
from stemtree.training.kernels import node_spectrograms
from stemtree.training.optimiser import make_optimiser, make_schedule
from stemtree.training.settings import TrainSettings


class TrainingModule(pl.LightningModule):
    """A model, its loss and its optimiser.

    Parameters
    ----------
    model : Model
        The model to train.
    settings : TrainSettings
        The run's.
    example_indices : tuple of int
        For each node that the model makes a mask for its index among the nodes of an example.
    """

    def __init__(self, model: Model, settings: TrainSettings, example_indices: tuple[int, ...]) -> None:
        super().__init__()
        self.model, self.network = model, model.network
        self._settings, self._example_indices = settings, list(example_indices)
        self._gradient_norms: list[float] = []
        self._last_songs, self._last_loss = "", 0.0
        self._cpu_before = 0.0

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds that the run has taken in this process, those before it was last stopped included."""
        return self._cpu_before + time.process_time()

    def on_train_batch_start(self, batch: TrainingExample, number: int) -> None:
        """Seed dropout with the step, so that a run that was stopped continues as if it had not been."""
        torch.manual_seed(hash((self._settings.seed, self.global_step, self.global_rank)) % 2**63)

    def training_step(self, batch: TrainingExample, number: int) -> Tensor:
        """Loss of one batch.

        Raises
        ------
        TrainingError
            If it is not a finite number.
        """
        loss = self._loss(*self.forward(batch))
        self._last_songs, self._last_loss = _songs(batch), loss.item()
        # Of several processes one that stopped here would leave the others waiting for its gradient.
        if not math.isfinite(self._last_loss) and (self.trainer.world_size == 1 or self._scaled):
            raise self._not_finite(f"the loss is {self._last_loss}")
        self.log("train_loss", loss, prog_bar=True, batch_size=len(batch["track"]))
        return loss

    def validation_step(self, batch: TrainingExample, number: int) -> None:
        """Log the loss of one batch, and an image of the masks of the first.

        Raises
        ------
        TrainingError
            If the loss is not a finite number.
        """
        estimate, truth = self.forward(batch)
        loss = self._loss(estimate, truth)
        if not loss.isfinite():
            self._last_songs = _songs(batch)
            raise self._not_finite(f"the validation loss is {loss.item()}")
        self.log("cpu_seconds", self.cpu_seconds, batch_size=1)
        self.log("val_loss", loss, prog_bar=True, batch_size=len(batch["track"]), sync_dist=True)
        if number == 0:
            self._log_masks(estimate, truth)

    def on_test_epoch_start(self) -> None:
        """Reset the sums of `test_step`."""
        self._improvement = torch.zeros(2, len(self._example_indices), dtype=torch.float64, device=self.device)

    def test_step(self, batch: TrainingExample, number: int) -> None:
        """Add up the SI-SDR improvement of each node over the examples in which an evaluation counts it."""
        stft, mixture = self._settings.stft, batch["mixture"]
        spectrogram = stft.transform(mixture)
        query = stft.transform(batch["query"]) if self.model.takes_query else None
        masks = self.model.estimate(spectrogram, query).masks
        estimates = stft.inverse(masks * spectrogram[:, None], mixture.shape[-1])
        truth = batch["nodes"][:, self._example_indices]
        gained = si_sdr_improvement(estimates, truth, mixture[:, None])
        is_counted = torch.from_numpy(statuses(truth, mixture[:, None]) == Status.COUNTED)
        counted = is_counted.to(self.device) & gained.isfinite()
        self._improvement += torch.stack([gained.where(counted, 0).sum(dim=0), counted.sum(dim=0).double()])

    def improvement(self) -> dict[str, dict[str, float]]:
        """Mean SI-SDR improvement of each node in dB, and number of examples, over all processes; see `test_step`."""
        total = self.trainer.strategy.reduce(self._improvement, reduce_op="sum")
        pairs = zip(self.model.card.nodes, *total.tolist(), strict=True)
        return {
            node: {"si_sdr_improvement": round(gained / count, 3) if count else float("nan"), "examples": int(count)}
            for node, gained, count in pairs
        }

    def forward(self, batch: TrainingExample) -> tuple[Estimate, Truth]:
        """Masks of a batch, and the ground truth in the same order of nodes; of every `loss_every`-th frame."""
        stft, every = self._settings.stft, self._settings.loss_every
        mixture, signals = stft.transform(batch["mixture"]), batch["nodes"]
        query = stft.transform(batch["query"]) if self.model.takes_query else None
        estimate = self.model.estimate(mixture, query, every)
        mixture = mixture[..., ::every]
        if mixture.shape[1] > estimate.masks.shape[2]:  # one mask for both channels
            mixture, signals = _alternate_channels(mixture, dim=1), _alternate_channels(signals, dim=2)
        nodes = node_spectrograms(signals[:, self._example_indices], self.model.relation.partition, stft, every)
        known = batch["known"][:, self._example_indices].float()
        return estimate, Truth(mixture, nodes[..., : mixture.shape[-1]], known)

    def _loss(self, estimate: Estimate, truth: Truth) -> Tensor:
        if estimate.residuals.shape[1]:
            estimate, truth = with_residuals(estimate, truth, self.model.relation.partition)
        loss: Tensor = LOSSES[self._settings.loss](estimate, truth)
        return loss

    def configure_gradient_clipping(self, optimizer: Any, *_: Any, **__: Any) -> None:
        """Clip gradients to a percentile of all norms so far (AutoClip, Seetharaman 2020)."""
        norm = float(torch.nn.utils.get_total_norm([p.grad for p in self.parameters() if p.grad is not None]))
        if np.isfinite(norm):
            self._gradient_norms.append(norm)
        elif not self._scaled:  # otherwise the scaler skips this step
            is_loss = not math.isfinite(self._last_loss)
            raise self._not_finite(f"the loss is {self._last_loss}" if is_loss else f"the gradient is {norm}")
        threshold = (
            float(np.percentile(self._gradient_norms, self._settings.clip_percentile)) if self._gradient_norms else 0.0
        )
        torch.nn.utils.clip_grad_norm_(self.parameters(), threshold)
        self.log("gradient_norm", norm)

    @property
    def _scaled(self) -> bool:
        """Whether losses are scaled for half precision, where gradients may overflow."""
        return getattr(self.trainer.precision_plugin, "scaler", None) is not None

    def _not_finite(self, what: str) -> TrainingError:
        return TrainingError(
            f"{what} at step {self.global_step}, of {self._last_songs}: the last checkpoint is kept; "
            "look at these songs, or begin anew in another folder with a lower 'learning_rate'"
        )

    @property
    def songs(self) -> str:
        """A fingerprint of the songs that it learns from, see `stemtree.corpora.fingerprint.corpus_fingerprint`."""
        trained_on: dict[str, Any] = self.model.card.corpora[0] if self.model.card.corpora else {}
        return str(trained_on.get("fingerprint", ""))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save gradient norms, CPU time, what the model separates, and which songs it learns from."""
        checkpoint["gradient_norms"], checkpoint["cpu_seconds"] = list(self._gradient_norms), self.cpu_seconds
        checkpoint["divides"], checkpoint["songs"] = self.model.card.divides, self.songs

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore gradient norms and CPU time."""
        self._gradient_norms = list(checkpoint["gradient_norms"])
        self._cpu_before = checkpoint["cpu_seconds"] - time.process_time()

    def configure_optimizers(self) -> Any:
        """The optimiser and the learning-rate schedule of the settings."""
        optimiser = make_optimiser(self._settings, self.network.parameters())
        schedule = make_schedule(self._settings, optimiser, lambda: int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimiser, "lr_scheduler": schedule}

    def _log_masks(self, estimate: Estimate, truth: Truth) -> None:
        """Log to TensorBoard, of the first example, the masks of all nodes with the ideal ones below."""
        if not isinstance(self.logger, TensorBoardLogger):
            return
        ideal = truth.in_phase[0] / truth.mixture_magnitude[0].clamp_min(1e-6)
        rows = [torch.cat(list(masks[:, 0].flip(1)), dim=-1) for masks in (estimate.masks[0], ideal)]
        self.logger.experiment.add_image("masks", torch.cat(rows)[None].clamp(0, 1).cpu(), self.global_step)


def _alternate_channels(signals: Tensor, dim: int) -> Tensor:
    """Keep, along `dim`, the left channel of every other example and the right channel of those between.

    Where one mask serves both channels, either can train it.
    """
    return torch.stack([example.narrow(dim - 1, number % 2, 1) for number, example in enumerate(signals)])


def _songs(batch: Any) -> str:
    """Songs of a batch, and where in them, for messages."""
    return ", ".join(f"'{track}' at {start:.1f} s" for track, start in zip(batch["track"], batch["start"], strict=True))
