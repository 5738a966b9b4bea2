"""A trained model: network, relation and transform, saved as safetensors with a card that says what it is."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from stemtree.errors import HierarchyError, LibraryError, ModelError, OptionError, one_sentence
from stemtree.hierarchy import Hierarchy, NodePath, from_dict
from stemtree.masks.relation import Estimate, Relation, RelationSettings, make_relation
from stemtree.masks.shares import share_logits
from stemtree.networks.registry import NetworkSettings
from stemtree.spectral import Stft, log_magnitude, salient_bins
from stemtree.staging import whole_file
from stemtree.types import Features, Logits, Masks, Spectrogram, Waveform

CARD, WEIGHTS = "model.json", "model.safetensors"


class Card(BaseModel, frozen=True, extra="forbid", populate_by_name=True):
    """What a model is, beside its weights; the file ``model.json``.

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
    channels : int
        Channels of the network's features; 1 means the average of the mixture's.
    inactive_below_db : float, optional
        In dB relative to the mixture: nodes below are suppressed when a song is separated, see
        `stemtree.masks.activity.suppress_inactive`. Its name in the file is ``fade``.
    corpora : list of dict
        What it was trained on: kinds, songs, hours of each leaf, fingerprint; the latest run's first.
    training : dict
        The settings it was trained with, steps and time. Those of the model whose weights it began with, if any, are in
        ``began_with``.
    metrics : dict
        For each corpus that it was measured on, the results.
    licences : dict
        Of the songs and sounds that it was trained on.
    """

    format: Literal[1] = 1
    hierarchy: str
    tree: dict[str, Any]
    root: NodePath = ""
    nodes: tuple[NodePath, ...]
    relation: RelationSettings
    network: NetworkSettings
    stft: Stft
    channels: Literal[1, 2] = 1
    inactive_below_db: float | None = Field(default=None, lt=0, alias="fade")
    corpora: list[dict[str, Any]] = []
    training: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    licences: dict[str, dict[str, str]] = {}

    @property
    def divides(self) -> dict[str, Any]:
        """What the masks are of. Two models of equal networks may divide different trees."""
        return self.model_dump(mode="json", include={"hierarchy", "tree", "root", "nodes", "relation"})

    @property
    def settings_digest(self) -> str:
        """SHA-256 of what decides, beside the weights, how a song is separated."""
        decisive = self.model_dump(mode="json", include={"network", "stft", "channels", "inactive_below_db"})
        return hashlib.sha256(json.dumps(self.divides | decisive, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Model:
    """Masks from spectrograms.

    Parameters
    ----------
    card : Card
        What it is.
    network : nn.Module
        Features to logits, or what its settings' `domain` says.
    relation : Relation
        Logits to masks.
    """

    card: Card
    network: nn.Module
    relation: Relation

    @property
    def tree(self) -> Hierarchy:
        """The tree that it separates its mixture into, residuals included."""
        return self.relation.partition.hierarchy

    @property
    def takes_query(self) -> bool:
        """Whether it needs an example of what to separate."""
        return self.card.network.takes_query

    def estimate(self, mixture: Spectrogram, query: Spectrogram | None = None, frame_step: int = 1) -> Estimate:
        """Estimate masks.

        Parameters
        ----------
        mixture : Spectrogram
            ``(batch, channel, bin, frame)``.
        query : Spectrogram, optional
            The same of an example, for a model that takes a query.
        frame_step : int
            Return masks of every so many frames only; the network gets all.

        Returns
        -------
        Estimate
            With one channel where one mask serves all.
        """
        return self.relation.estimate(self._logits(mixture, query)[..., ::frame_step])

    def part_masks(self, mixture: Spectrogram, query: Spectrogram | None = None) -> Masks:
        """Estimate conservative masks of the parts of the mixture; see `Relation.part_masks`."""
        return self.relation.part_masks(self._logits(mixture, query))

    def _logits(self, mixture: Spectrogram, query: Spectrogram | None) -> Logits:
        if self.card.network.domain != "features":
            return self._share_logits(mixture)
        features = self._features(mixture)
        if not self.takes_query:
            logits: Logits = self.network(features)
            return logits
        assert query is not None
        query_features = self._features(query)
        presence = salient_bins(query_features).float()
        query_logits: Logits = self.network(features, query_features, presence)
        return query_logits

    def _share_logits(self, mixture: Spectrogram) -> Logits:
        """Shares of what the network makes of the mixture, which it hears at one loudness, whatever the song's is."""
        mixture = self._channels(mixture)
        power = (mixture.real.square() + mixture.imag.square()).mean(dim=(1, 2, 3), keepdim=True)
        mixture = mixture * power.clamp_min(1e-20).rsqrt()
        separate = self._separate_audio if self.card.network.domain == "waveform" else self.network
        return share_logits(separate(mixture), mixture)

    def _separate_audio(self, mixture: Spectrogram) -> Spectrogram:
        """Spectrograms of the waveforms that the network makes of the mixture's; see `share_logits`."""
        stft = self.card.stft
        envelope = stft.envelope(mixture.shape[-1]).to(mixture.device)
        # Where the first and the last windows begin and end, the envelope is almost 0.
        stems: Waveform = self.network(stft.overlap_add(mixture) / envelope.clamp_min(1e-2))
        spectrograms = stft.analyse(stems.float().flatten(0, 2))
        return spectrograms.reshape(*stems.shape[:3], *spectrograms.shape[1:])

    def _features(self, spectrogram: Spectrogram) -> Features:
        return log_magnitude(self._channels(spectrogram))

    def _channels(self, spectrogram: Spectrogram) -> Spectrogram:
        """The channels that the network takes."""
        if self.card.channels == 1 and spectrogram.shape[1] > 1:
            return spectrogram.mean(dim=1, keepdim=True)
        return spectrogram


def make_model(card: Card) -> Model:
    """Make a model with fresh weights.

    Raises
    ------
    HierarchyError, OptionError
        If the relation does not fit the tree, or the network into memory.
    """
    tree = from_dict(card.hierarchy, card.tree)
    relation = make_relation(card.relation.kind, tree, card.nodes, card.relation.sources)
    try:
        network = card.network.build(card.stft.bins, card.channels, relation.outputs)
    except (RuntimeError, ValueError) as error:  # RuntimeError: torch's when memory runs out
        raise OptionError(f"no such network can be made ({str(error).splitlines()[0]}): make it smaller") from None
    return Model(card, network, relation)


def save_model(model: Model, folder: str | os.PathLike[str]) -> Path:
    """Write weights and card into a folder, both or none, and return it."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    # Cloned, since safetensors refuses tensors of several names, such as layers share.
    weights = {
        name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in model.network.state_dict().items()
    }
    card = json.dumps(model.card.model_dump(mode="json", by_alias=True), indent=2) + "\n"
    with whole_file(place / CARD) as card_file, whole_file(place / WEIGHTS) as weights_file:
        save_file(weights, weights_file)
        card_file.write_text(card, "utf-8")
    return place


def load_model(folder: str | os.PathLike[str]) -> Model:
    """Read a model, ready to be used.

    Parameters
    ----------
    folder : path-like
        A folder with ``model.safetensors`` and ``model.json``, or either of these files.

    Raises
    ------
    ModelError
        If either is missing, damaged, or does not fit the other, or if the network's package is not installed.
    """
    place = _folder(folder)
    card, weights = _read(place)
    try:
        model = make_model(card)
    except LibraryError as error:
        raise ModelError(f"the model '{place}' cannot be used: {error}") from None
    except (HierarchyError, OptionError) as error:
        raise ModelError(f"the card '{place / CARD}' is not one of ours: {error}") from None
    if not all(tensor.isfinite().all() for tensor in weights.values()):
        raise ModelError(f"the weights '{place / WEIGHTS}' hold values that are no numbers: get a whole copy")
    try:
        model.network.load_state_dict(weights)
    except RuntimeError:
        raise ModelError(f"the weights '{place / WEIGHTS}' do not fit their card: get both from one place") from None
    model.network.eval().requires_grad_(False)
    return model


def _read(place: Path) -> tuple[Card, dict[str, Tensor]]:
    """Card and weights of a folder."""
    try:
        card = Card.model_validate_json((place / CARD).read_bytes())
        return card, load_file(place / WEIGHTS)
    except OSError as error:
        raise ModelError(f"cannot read the model '{place}': {error.strerror or error}; check the path") from None
    except (ValidationError, OptionError) as error:
        reason = one_sentence(error) if isinstance(error, ValidationError) else error
        raise ModelError(f"the card '{place / CARD}' is not one of ours: {reason}") from None
    except (SafetensorError, ValueError) as error:
        raise ModelError(f"the weights '{place / WEIGHTS}' are damaged ({error}): get a whole copy") from None


def weights_digest(folder: str | os.PathLike[str]) -> str:
    """SHA-256 of the weights' file of a model; `folder` is given as to `load_model`."""
    with (_folder(folder) / WEIGHTS).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folder(place: str | os.PathLike[str]) -> Path:
    path = Path(place)
    return path.parent if path.name in (CARD, WEIGHTS) else path
