"""The parts of an estimate in BSS Eval."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class PartEnergies:
    """Energies of the parts of an estimate ŝ, for projections Pₛ on the source's delays and P on those of all sources.

    Parameters
    ----------
    source : torch.Tensor
        ‖Pₛŝ‖².
    interference : torch.Tensor
        ‖Pŝ - Pₛŝ‖².
    source_and_interference : torch.Tensor
        ‖Pŝ‖².
    artefacts : torch.Tensor
        ‖ŝ - Pŝ‖².
    """

    source: torch.Tensor
    interference: torch.Tensor
    source_and_interference: torch.Tensor
    artefacts: torch.Tensor
