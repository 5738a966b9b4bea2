"""The estimators that have names."""

import os
from collections.abc import Sequence
from pathlib import Path

from stemtree.errors import OptionError, suggest
from stemtree.evaluation.estimators.base import Estimator
from stemtree.evaluation.estimators.bounds import STFT, IdealMask, Mixture
from stemtree.evaluation.estimators.mean_mask import MeanMask
from stemtree.evaluation.estimators.pipeline import Pipeline
from stemtree.evaluation.estimators.queries import QueryModel
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
    "the folder of a trained model",
)


def estimator(name: str, nodes: Sequence[NodePath], stft: Stft = STFT) -> Estimator | QueryModel:
    """Look an estimator up.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    nodes : sequence of NodePath
        What those that can estimate anything estimate; others know their own nodes.
    stft : Stft
        What oracle masks are made on.

    Raises
    ------
    OptionError
        If there is no such estimator, or its file cannot be used.
    """
    kind, _, rest = name.partition(":")
    if kind == "oracle":
        return IdealMask(rest, tuple(nodes), stft)
    if kind == "mean" and rest:
        return MeanMask.load(rest)
    if kind == "separate":
        return Pipeline(rest)
    if name == "mixture":
        return Mixture(tuple(nodes))
    if os.path.exists(name):  # unlike pathlib's, it takes a name of any length
        trained = TrainedEstimator(Path(name))
        return QueryModel(trained.folder) if trained.model.takes_query else trained
    raise OptionError(f"there is no estimator '{name}'{suggest(name, NAMES)}")
