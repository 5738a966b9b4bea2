"""The estimators by the names that the command line has for them.

A new estimator is a module of this folder and an entry of `_BY_PREFIX`.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stemtree.devices import find_device
from stemtree.errors import OptionError, suggest
from stemtree.evaluation.estimators.base import Estimator
from stemtree.evaluation.estimators.bounds import STFT, IdealMask, Mixture
from stemtree.evaluation.estimators.mean_mask import MeanMask
from stemtree.evaluation.estimators.pipeline import Pipeline
from stemtree.evaluation.estimators.query_model import QueryModel
from stemtree.evaluation.estimators.raw import Raw
from stemtree.evaluation.estimators.trained import TrainedEstimator
from stemtree.hierarchy import Hierarchy, NodePath
from stemtree.hub import is_hub_name
from stemtree.masks.ideal import IDEAL_MASKS
from stemtree.spectral import Stft

NAMES = (
    "separate",
    "separate:SPLITTER",
    "mixture",
    *(f"oracle:{kind}" for kind in IDEAL_MASKS),
    "mean:FILE",
    "raw:spleeter",
    "raw:PACKAGE",
    "the folder of a trained model",
    "hf:OWNER/NAME",
)
"""The possible names, for messages."""


def make_estimator(
    name: str,
    nodes: Sequence[NodePath],
    stft: Stft = STFT,
    hierarchy: Hierarchy | None = None,
    device: str = "cpu",
) -> Estimator:
    """Make an estimator from its name.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    nodes : sequence of NodePath
        The nodes of an estimator that can estimate any; others know their own.
    stft : Stft
        The transform of oracle masks.
    hierarchy : Hierarchy, optional
        What songs are separated into (see `Pipeline`).
    device : str
        Where to compute, see `stemtree.devices.find_device`. The mixture and oracles need none.

    Raises
    ------
    DeviceError
        If this machine has no such device.
    OptionError
        If there is no such estimator, or its file cannot be used.
    """
    find_device(device)
    prefix, _, argument = name.partition(":")
    of_prefix = _BY_PREFIX.get(prefix)
    estimator = of_prefix(argument, _Wanted(tuple(nodes), stft, hierarchy, device)) if of_prefix else None
    if estimator is None and (
        is_hub_name(name) or os.path.exists(name)
    ):  # pathlib's exists raises an error if the name is too long
        estimator = _trained(Path(name), device)
    if estimator is None:
        raise OptionError(f"there is no estimator '{name}'{suggest(name, NAMES)}")
    return estimator


def _trained(folder: Path, device: str) -> Estimator:
    without_query = TrainedEstimator(folder, device)
    return QueryModel(folder, device) if without_query.model.takes_query else without_query


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Parameters of `make_estimator`."""

    nodes: tuple[NodePath, ...]
    stft: Stft
    hierarchy: Hierarchy | None
    device: str


_Factory = Callable[[str, _Wanted], Estimator | None]

_BY_PREFIX: dict[str, _Factory] = {
    "separate": lambda splitter, wanted: Pipeline(splitter, wanted.hierarchy, wanted.device),
    "mixture": lambda argument, wanted: None if argument else Mixture(wanted.nodes),
    "oracle": lambda kind, wanted: IdealMask(kind, wanted.nodes, wanted.stft),
    "mean": lambda file, wanted: MeanMask.load(file) if file else None,
    "raw": lambda separator, wanted: Raw(separator, wanted.nodes, wanted.device) if separator else None,
}
"""What makes an estimator from the part of its name after the colon; it may return None if that part is wrong."""
