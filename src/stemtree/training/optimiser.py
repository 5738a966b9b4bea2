"""Optimisers and learning-rate schedules by their settings."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from pytorch_optimizer import Muon
from pytorch_optimizer.optimizer.utils import zero_power_via_newton_schulz_5
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau

from stemtree.devices import computes_bfloat16
from stemtree.training.settings import TrainSettings


class _Muon(Muon):
    """Muon in float32 on processors without bfloat16, where its steps would take longer than the network's."""

    @staticmethod
    def _orthogonalize(group: dict[str, Any], updates: list[Tensor]) -> list[Tensor]:
        if computes_bfloat16(updates[0].device):
            turned: list[Tensor] = Muon._orthogonalize(group, updates)
            return turned
        steps, coefficients = group["ns_steps"], group["ns_coeffs"]
        return [
            zero_power_via_newton_schulz_5(update.flatten(1), steps, weights=coefficients, dtype=torch.float32)
            for update in updates
        ]


def make_optimiser(settings: TrainSettings, parameters: Iterable[nn.Parameter]) -> Optimizer:
    """Make the optimiser: Adam, or Muon for matrices and convolution kernels and Adam for all other parameters."""
    rate, parameters = settings.learning_rate, list(parameters)
    if settings.optimiser == "adam":
        return Adam(parameters, rate)
    matrices, others = [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim <= 1]
    return _Muon(
        [
            {"params": matrices, "use_muon": True, "lr": rate, "use_adjusted_lr": True},
            {"params": others, "use_muon": False, "lr": rate},
        ]
    )


def make_schedule(settings: TrainSettings, optimiser: Optimizer, num_steps: Callable[[], int]) -> dict[str, Any]:
    """Make the learning-rate schedule, as Lightning's ``configure_optimizers`` returns it.

    Parameters
    ----------
    settings : TrainSettings
        Which schedule.
    optimiser : Optimizer
        Whose rate is changed.
    num_steps : callable
        Returns the number of steps of the whole run, at which ``cosine`` reaches a rate of 0; not called otherwise.
    """
    if settings.schedule == "cosine":
        return {"scheduler": CosineAnnealingLR(optimiser, num_steps()), "interval": "step"}
    plateau = ReduceLROnPlateau(optimiser, factor=settings.plateau_factor, patience=settings.patience)
    return {"scheduler": plateau, "monitor": "val_loss"}
