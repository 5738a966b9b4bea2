"""What the card of a trained model tells of its nodes, read without torch and without its weights."""

import json
import os
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from stemtree.errors import HierarchyError, ModelError
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, from_dict, load
from stemtree.model_files import card_file
from stemtree.model_page import takes_query


@dataclass(frozen=True, slots=True)
class Analysis:
    """The transform that a splitter works on; see `stemtree.spectral.Stft`."""

    window: int = 4096
    hop: int = 1024
    sample_rate: int = 44100

    @property
    def proportions(self) -> tuple[Fraction, Fraction]:
        """See `Stft.proportions`."""
        return Fraction(self.window, self.sample_rate), Fraction(self.hop, self.sample_rate)


@dataclass(frozen=True, slots=True)
class CardOutline:
    """What the card of a trained model tells of its nodes; see `stemtree.model_card.Card`.

    Parameters
    ----------
    tree : Hierarchy
        What the model separates its mixture into.
    nodes : tuple of NodePath
        Those that it estimates masks of.
    whole : Hierarchy
        The hierarchy that it was made for.
    stft : Analysis
        Its transform.
    takes_query : bool
        Whether it needs an example of what to separate.
    training : dict
        The settings it was trained with.
    """

    tree: Hierarchy
    nodes: tuple[NodePath, ...]
    whole: Hierarchy
    stft: Analysis
    takes_query: bool = False
    training: dict[str, Any] = field(default_factory=dict)


def read_outline(model: str | os.PathLike[str]) -> CardOutline | None:
    """Read the card of a trained model; None if it is not one of ours, as loading the model will say.

    Raises
    ------
    LibraryError, ModelError
        If there is none, or if it cannot be fetched.
    """
    file = card_file(model)
    try:
        card = json.loads(file.read_bytes())
        tree = from_dict(card["hierarchy"], card["tree"])
        whole = load(card["hierarchy"]) if card.get("root") else tree
        whole.node(card.get("root") or MIXTURE)
        nodes, stft = tuple(card["nodes"]), Analysis(**card["stft"])
        for node in nodes:
            tree.node(node)
        if min(stft.window, stft.hop, stft.sample_rate) <= 0:
            return None
        asks, training = takes_query(card["network"]["kind"]), dict(card.get("training", {}))
        return CardOutline(tree, nodes, whole, stft, asks, training)
    except OSError as error:
        raise ModelError(f"cannot read the model '{file.parent}': {error.strerror or error}; check the path") from None
    except (HierarchyError, ValueError, TypeError, KeyError, AttributeError):
        return None
