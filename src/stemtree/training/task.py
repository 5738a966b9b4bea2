"""What one step of training does."""

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_optimizer import Muon
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau

from stemtree.data.dataset import Example
from stemtree.errors import TrainingError
from stemtree.losses import LOSSES, Truth, with_residuals
from stemtree.masks.relation import Estimate
from stemtree.metrics.si_sdr import si_sdr_improvement
from stemtree.model import Model
from stemtree.training.settings import TrainSettings


class Task(pl.LightningModule):
    """A model, its loss and its optimiser.

    Parameters
    ----------
    model : Model
        With fresh weights.
    settings : TrainSettings
        The run's.
    picks : tuple of int
        Which of an example's nodes the model makes masks of, in its order.
    """

    def __init__(self, model: Model, settings: TrainSettings, picks: tuple[int, ...]) -> None:
        super().__init__()
        self.model, self.network = model, model.network
        self._settings, self._picks = settings, list(picks)
        self._norms: list[float] = []
        self._seen, self._last_loss = "", 0.0
        self._cpu_before = 0.0

    @property
    def cpu_seconds(self) -> float:
        """What this process has spent on the run, before and since it was last stopped."""
        return self._cpu_before + time.process_time()

    def on_train_batch_start(self, batch: Example, number: int) -> None:
        """Let dropout depend on the step alone, so that a run that was stopped goes on as if it had not been."""
        torch.manual_seed(hash((self._settings.seed, self.global_step, self.global_rank)) % 2**63)

    def training_step(self, batch: Example, number: int) -> Tensor:
        """The loss of one batch; stops at one that is not a number."""
        loss = self._loss(*self.forward(batch))
        self._seen, self._last_loss = _names(batch), loss.item()
        # Where several processes learn together, one that stopped here would leave the others waiting for its gradient.
        if not math.isfinite(self._last_loss) and (self.trainer.world_size == 1 or self._scaled):
            raise self._no_number(f"the loss is {self._last_loss}")
        self.log("train_loss", loss, prog_bar=True, batch_size=len(batch["track"]))
        return loss

    def validation_step(self, batch: Example, number: int) -> None:
        """The loss that decides which weights are best, and pictures of the first batch's masks."""
        estimate, truth = self.forward(batch)
        loss = self._loss(estimate, truth)
        if not loss.isfinite():
            self._seen = _names(batch)
            raise self._no_number(f"the validation loss is {loss.item()}")
        self.log("cpu_seconds", self.cpu_seconds, batch_size=1)
        self.log("val_loss", loss, prog_bar=True, batch_size=len(batch["track"]), sync_dist=True)
        if number == 0:
            self._draw(estimate, truth)

    def on_test_epoch_start(self) -> None:
        """Count anew."""
        self._improvement = torch.zeros(2, len(self._picks), dtype=torch.float64, device=self.device)

    def test_step(self, batch: Example, number: int) -> None:
        """How much nearer each node's signal is to the truth than the mixture is, where it is salient."""
        stft, mixture = self._settings.stft, batch["mixture"]
        spectrogram = stft.transform(mixture)
        query = stft.transform(batch["query"]) if self.model.takes_query else None
        masks = self.model.estimate(spectrogram, query).masks
        estimates = stft.inverse(masks * spectrogram[:, None], mixture.shape[-1])
        gained = si_sdr_improvement(estimates, batch["nodes"][:, self._picks], mixture[:, None])
        counted = batch["present"][:, self._picks] & gained.isfinite()
        self._improvement += torch.stack([gained.where(counted, 0).sum(dim=0), counted.sum(dim=0).double()])

    def improvement(self) -> dict[str, dict[str, float]]:
        """What `test_step` found in all processes: mean SI-SDR improvement in dB, and of how many examples."""
        total = self.trainer.strategy.reduce(self._improvement, reduce_op="sum")
        pairs = zip(self.model.card.nodes, *total.tolist(), strict=True)
        return {
            node: {"si_sdr_improvement": round(gained / count, 3) if count else float("nan"), "examples": int(count)}
            for node, gained, count in pairs
        }

    def forward(self, batch: Example) -> tuple[Estimate, Truth]:
        """Masks of a batch, and what they should have been."""
        stft = self._settings.stft
        mixture, signals = stft.transform(batch["mixture"]), batch["nodes"]
        query = stft.transform(batch["query"]) if self.model.takes_query else None
        estimate = self.model.estimate(mixture, query, self._settings.loss_every)
        mixture = mixture[..., :: self._settings.loss_every]
        if mixture.shape[1] > estimate.masks.shape[2]:
            mixture, signals = _one_channel(mixture, dim=1), _one_channel(signals, dim=2)
        nodes = self._transform(signals[:, self._picks])[..., : mixture.shape[-1]]
        return estimate, Truth(mixture, nodes, batch["known"][:, self._picks].float())

    def _transform(self, signals: Tensor) -> Tensor:
        """Spectrograms of ``(batch, node, channel, sample)``, added up from those of the leaves that sound."""
        partition, stft = self.model.relation.partition, self._settings.stft
        stft = replace(stft, hop=stft.hop * self._settings.loss_every)
        if partition.residuals:
            return stft.transform(signals)
        leaves = signals[:, [partition.nodes.index(leaf) for leaf in partition.leaves]]
        sounds = (leaves != 0).any(dim=-1)
        transformed = stft.transform(leaves[sounds])
        rows = transformed.new_zeros(*sounds.shape, *transformed.shape[:0:-1])
        rows[sounds] = transformed.mT
        return partition.sum_parts(rows, dim=1).mT

    def _loss(self, estimate: Estimate, truth: Truth) -> Tensor:
        if estimate.residuals.shape[1]:
            estimate, truth = with_residuals(estimate, truth, self.model.relation.partition)
        loss: Tensor = LOSSES[self._settings.loss](estimate, truth)
        return loss

    def configure_gradient_clipping(self, optimizer: Any, *_: Any, **__: Any) -> None:
        """AutoClip: cut gradients to a percentile of all norms so far."""
        norm = float(torch.nn.utils.get_total_norm([p.grad for p in self.parameters() if p.grad is not None]))
        if np.isfinite(norm):
            self._norms.append(norm)
        elif not self._scaled:  # else the scaler leaves this step out
            own = math.isfinite(self._last_loss)
            raise self._no_number(f"the gradient is {norm}" if own else f"the loss is {self._last_loss}")
        threshold = float(np.percentile(self._norms, self._settings.clip_percentile)) if self._norms else 0.0
        torch.nn.utils.clip_grad_norm_(self.parameters(), threshold)
        self.log("gradient_norm", norm)

    @property
    def _scaled(self) -> bool:
        """Whether losses are scaled for half precision, whose gradients overflow now and then."""
        return getattr(self.trainer.precision_plugin, "scaler", None) is not None

    def _no_number(self, what: str) -> TrainingError:
        return TrainingError(
            f"{what} at step {self.global_step}, of {self._seen}: the last checkpoint is kept; lower learning_rate or "
            "look at these songs"
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what the clipping has seen."""
        checkpoint["gradient_norms"], checkpoint["cpu_seconds"] = list(self._norms), self.cpu_seconds
        checkpoint["divides"] = self.model.card.divides

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with it."""
        self._norms, self._cpu_before = (
            list(checkpoint["gradient_norms"]),
            checkpoint["cpu_seconds"] - time.process_time(),
        )

    def configure_optimizers(self) -> Any:
        """The optimiser and the schedule of the settings."""
        told = self._settings
        optimiser = self._optimiser()
        if told.schedule == "cosine":
            steps = int(self.trainer.estimated_stepping_batches)
            return {
                "optimizer": optimiser,
                "lr_scheduler": {"scheduler": CosineAnnealingLR(optimiser, steps), "interval": "step"},
            }
        plateau = ReduceLROnPlateau(optimiser, factor=told.plateau_factor, patience=told.patience)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": plateau, "monitor": "val_loss"}}

    def _optimiser(self) -> torch.optim.Optimizer:
        rate, parameters = self._settings.learning_rate, list(self.network.parameters())
        if self._settings.optimiser == "adam":
            return torch.optim.Adam(parameters, rate)
        matrices, others = [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim <= 1]
        return Muon(
            [
                {"params": matrices, "use_muon": True, "lr": rate, "use_adjusted_lr": True},
                {"params": others, "use_muon": False, "lr": rate},
            ]
        )

    def _draw(self, estimate: Estimate, truth: Truth) -> None:
        """For TensorBoard: of the first example the masks of every node, what they should be below."""
        if not isinstance(self.logger, TensorBoardLogger):
            return
        ideal = truth.in_phase[0] / truth.mixture_magnitude[0].clamp_min(1e-6)
        rows = [torch.cat(list(masks[:, 0].flip(1)), dim=-1) for masks in (estimate.masks[0], ideal)]
        self.logger.experiment.add_image("masks", torch.cat(rows)[None].clamp(0, 1).cpu(), self.global_step)


def _one_channel(signals: Tensor, dim: int) -> Tensor:
    """Every other example's left and the others' right channel: where one mask serves both, either teaches it."""
    return torch.stack([example.narrow(dim - 1, number % 2, 1) for number, example in enumerate(signals)])


def _names(batch: Any) -> str:
    """The songs of a batch and where in them."""
    return ", ".join(f"'{track}' at {start:.1f} s" for track, start in zip(batch["track"], batch["start"], strict=True))
