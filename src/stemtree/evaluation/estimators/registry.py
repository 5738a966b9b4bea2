"""The estimators by the names that the command line has for them.

A new estimator is a module of this folder and an entry of `_BY_PREFIX`.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from stemtree.errors import OptionError, suggest
from stemtree.evaluation.estimators.base import Estimator
from stemtree.evaluation.estimators.bounds import STFT, IdealMask, Mixture
from stemtree.evaluation.estimators.mean_mask import MeanMask
from stemtree.evaluation.estimators.pipeline import Pipeline
from stemtree.evaluation.estimators.query_model import QueryModel
from stemtree.evaluation.estimators.raw import Raw
from stemtree.evaluation.estimators.trained import TrainedEstimator
from stemtree.hierarchy import NodePath
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
)
"""The possible names, for messages."""


def make_estimator(name: str, nodes: Sequence[NodePath], stft: Stft = STFT) -> Estimator:
    """Make an estimator from its name.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    nodes : sequence of NodePath
        The nodes of an estimator that can estimate any; others know their own.
    stft : Stft
        The transform of oracle masks.

    Raises
    ------
    OptionError
        If there is no such estimator, or its file cannot be used.
    """
    prefix, _, argument = name.partition(":")
    estimator = _BY_PREFIX[prefix](argument, tuple(nodes), stft) if prefix in _BY_PREFIX else None
    if estimator is None and os.path.exists(name):  # pathlib's exists raises an error if the name is too long
        estimator = _trained(Path(name))
    if estimator is None:
        raise OptionError(f"there is no estimator '{name}'{suggest(name, NAMES)}")
    return estimator


def _trained(folder: Path) -> Estimator:
    without_query = TrainedEstimator(folder)
    return QueryModel(folder) if without_query.model.takes_query else without_query


_Factory = Callable[[str, tuple[NodePath, ...], Stft], Estimator | None]

_BY_PREFIX: dict[str, _Factory] = {
    "separate": lambda splitter, nodes, stft: Pipeline(splitter),
    "mixture": lambda argument, nodes, stft: None if argument else Mixture(nodes),
    "oracle": lambda kind, nodes, stft: IdealMask(kind, nodes, stft),
    "mean": lambda file, nodes, stft: MeanMask.load(file) if file else None,
    "raw": lambda separator, nodes, stft: Raw(separator, nodes) if separator else None,
}
"""What makes an estimator from the part of its name after the colon; it may return None if that part is wrong."""
