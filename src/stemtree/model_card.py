"""The card of a trained model: all that is said of it beside its weights."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from stemtree.errors import ModelError, OptionError, one_sentence
from stemtree.hierarchy import NodePath
from stemtree.masks.relation import RelationSettings
from stemtree.model_files import card_file
from stemtree.networks.registry import NetworkSettings
from stemtree.spectral import Stft

Channels = Literal[1, 2, "mid_side"]
"""What a network hears of stereo; see `Card`."""


class Card(BaseModel, frozen=True, extra="forbid"):
    """What a model is, beside its weights; the file ``config.json``, of earlier models ``model.json``.

    Parameters
    ----------
    hierarchy, tree
        Name and nodes of the tree that the model separates its mixture into. The mixture may be a node of the corpus's
        hierarchy.
    root : NodePath
        Which node of that hierarchy the mixture is; ``""`` for the song.
    nodes : tuple of NodePath
        The nodes of `tree` that the model estimates masks of.
    relation, network, stft
        How masks follow from the logits, what the network is, and the transform that it was trained on.
    channels : {1, 2, "mid_side"}
        Channels of the network's features; 1 means the average of the mixture's, ``mid_side`` those two of stereo.
    inactive_below_db : float, optional
        In dB relative to the mixture: nodes below are suppressed when a song is separated, see
        `stemtree.masks.activity.suppress_inactive`.
    follows_position : bool
        Whether masks of stereo songs, where one serves both channels, are changed by where in the stereo image the
        parts lie, when a song is separated and when the model is measured; see
        `stemtree.masks.position.follow_position_`.
    present_db : float, optional
        For a model that takes a query and does not tell by itself what is there: from which loudness on, in dB relative
        to the mixture, an instrument that was asked for is, see `stemtree.masks.presence.fit_presence`.
    corpora : list of dict
        What it was trained on: kinds, songs, hours of each leaf, fingerprint; the latest run's first.
    training : dict
        The settings it was trained with, steps and time, and a ``note`` on what they do not tell. Those of the model
        whose weights it began with, if any, are in ``began_with``.
    metrics : dict
        For each corpus that it was measured on, the results.
    licences : dict
        Of the songs and sounds that it was trained on.
    licence : str
        Of the model itself, by its SPDX identifier; empty where nobody gave one.
    cpu_seconds : float, optional
        What its network was measured to cost: CPU seconds per second of 44.1 kHz stereo audio, in one thread.
    """

    format: Literal[1] = 1
    hierarchy: str
    tree: dict[str, Any]
    root: NodePath = ""
    nodes: tuple[NodePath, ...]
    relation: RelationSettings
    network: NetworkSettings
    stft: Stft
    channels: Channels = 1
    inactive_below_db: float | None = Field(default=None, lt=0)
    follows_position: bool = False
    present_db: float | None = Field(default=None, lt=0)
    corpora: list[dict[str, Any]] = []
    training: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    licences: dict[str, dict[str, str]] = {}
    licence: str = ""
    cpu_seconds: float | None = Field(default=None, gt=0)

    @property
    def num_channels(self) -> int:
        """How many channels the network's features have."""
        return 1 if self.channels == 1 else 2

    @property
    def divides(self) -> dict[str, Any]:
        """What the masks are of. Two models of equal networks may divide different trees."""
        return self.model_dump(mode="json", include={"hierarchy", "tree", "root", "nodes", "relation"})

    def as_file(self) -> dict[str, Any]:
        """What its file holds."""
        content = self.model_dump(mode="json")
        unsaid = {name for name in ("licence", "follows_position", "present_db", "cpu_seconds") if not content[name]}
        return {key: value for key, value in content.items() if key not in unsaid}

    @property
    def settings_digest(self) -> str:
        """SHA-256 of what decides, beside the weights, how a song is separated."""
        said = {"follows_position"} if self.follows_position else set()
        decisive = self.model_dump(mode="json", include={"network", "stft", "channels", "inactive_below_db"} | said)
        return hashlib.sha256(json.dumps(self.divides | decisive, sort_keys=True).encode()).hexdigest()


def read_card(folder: str | os.PathLike[str]) -> Card:
    """Read the card of a model, given as to `stemtree.model.load_model`.

    Raises
    ------
    ModelError
        If it is missing or damaged.
    LibraryError
        If huggingface_hub is needed and not installed.
    """
    file = card_file(folder)
    try:
        return Card.model_validate_json(file.read_bytes())
    except OSError as error:
        raise cannot_read(file, error) from None
    except (ValidationError, OptionError) as error:
        reason = one_sentence(error) if isinstance(error, ValidationError) else error
        raise ModelError(f"the card '{file}' is not one of ours: {reason}") from None


def cannot_read(file: Path, error: OSError) -> ModelError:
    """The error for a file of a model that the system does not read."""
    if isinstance(error, FileNotFoundError) and file.parent.is_dir():
        return ModelError(
            f"'{file.parent}' holds no model, as there is no {file.name} in it: give a folder that stemtree train has "
            "finished"
        )
    return ModelError(f"cannot read the model '{file.parent}': {error.strerror or error}; check the path")
