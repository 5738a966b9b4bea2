"""Query by example: the path of a hierarchy that a recording of an instrument points at (poster)."""

from __future__ import annotations  # the aliases of tensors are names, not classes

import os

from stemtree.errors import OptionError
from stemtree.separation.separator import Separator
from stemtree.separation.trained import Trained


def query_separator(model: str | os.PathLike[str], like: str | os.PathLike[str], level: int | None = None) -> Separator:
    """Make a separator that finds in songs what an example is of.

    Parameters
    ----------
    model : path-like
        A trained model that takes a query.
    like : path-like
        A recording of one instrument.
    level : int, optional
        Only this level of the path, 1 being the instrument itself; unset, all of them, and what is left at each.

    Returns
    -------
    Separator
        Its nodes are named ``level_3/level_2/level_1``, after the levels of the path.

    Raises
    ------
    ModelError, AudioError
        If model or example cannot be read.
    OptionError
        If the model takes no query or has no such level, or if the example is silent or too short.
    """
    trained = Trained(model, like)
    tree, path = trained.model.tree, trained.model.card.nodes
    if level is None:
        return Separator(tree, splitters=[trained])
    by_level = {tree.levels - node.count("/"): node for node in path}
    if level not in by_level:
        raise OptionError(f"the model '{model}' has no level {level}: give one of {sorted(by_level)}")
    return Separator(tree, nodes=[by_level[level]], splitters=[trained])
