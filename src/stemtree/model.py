"""A trained model: network, relation and transform, saved as safetensors with its card."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from stemtree.errors import HierarchyError, LibraryError, ModelError, OptionError
from stemtree.hierarchy import Hierarchy, from_dict
from stemtree.hub import PREFIX, is_hub_name, upload
from stemtree.masks.position import follow_position_
from stemtree.masks.relation import Estimate, Relation, make_relation
from stemtree.masks.shares import share_logits
from stemtree.model_card import Card, cannot_read, read_card
from stemtree.model_files import CARD, OLD_CARD, README, WEIGHTS, card_file, weights_file
from stemtree.model_page import model_page
from stemtree.networks.base import AnsweringNetwork
from stemtree.spectral import log_magnitude, mid_side, salient_bins
from stemtree.staging import whole_file
from stemtree.types import Features, Logits, Masks, Spectrogram, Waveform


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

    def anchor(self, query: Spectrogram) -> Tensor:
        """``(batch, dimension)`` from ``(batch, channel, bin, frame)`` of examples, for `estimates_for`."""
        features = self.features(query)
        return self.answering.anchor(features, salient_bins(features).float())

    def estimates_for(self, mixture: Spectrogram, anchors: Iterable[Tensor]) -> Iterator[Estimate]:
        """The same as `estimate`, for each of some anchors of queries; the mixture is heard once for all of them."""
        network, heard = self.answering, self.hear(mixture)
        return (self.relation.estimate(network.answer(heard, anchor)) for anchor in anchors)

    def hear(self, mixture: Spectrogram) -> Tensor:
        """What the network makes of ``(batch, channel, bin, frame)`` mixtures before it knows an anchor."""
        return self.answering.hear(self.features(mixture))

    def part_masks(self, mixture: Spectrogram, query: Spectrogram | None = None) -> Masks:
        """Estimate conservative masks of the parts of the mixture; see `Relation.part_masks`."""
        return self.relation.part_masks(self._logits(mixture, query))

    def follow_position_(self, parts: Masks, mixture: Spectrogram) -> Masks:
        """Change masks of the parts by where these lie in the stereo image, if the card says so.

        Parameters
        ----------
        parts : Masks
            ``(part, 1 or channel, bin, frame)``, of `part_masks`; changed in place. See
            `stemtree.masks.position.follow_position_`.
        mixture : Spectrogram
            ``(2, bin, frame)``.

        Returns
        -------
        Masks
            `parts`; as they were where the card says nothing, and where each channel has masks of its own.
        """
        if not self.card.follows_position or parts.shape[1] > 1:
            return parts
        return follow_position_(parts, mixture, self.card.stft.sample_rate)

    @classmethod
    def from_pretrained(cls, name: str | os.PathLike[str]) -> "Model":
        """Read a model from the Hugging Face hub, or from a folder; see `load_model`.

        Parameters
        ----------
        name : str or path-like
            ``OWNER/NAME`` or ``OWNER/NAME@REVISION``, with or without ``hf:``; a folder of this name comes first.
        """
        return load_model(name if is_hub_name(name) or os.path.exists(name) else f"{PREFIX}{os.fspath(name)}")

    def save_pretrained(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``config.json``, ``model.safetensors`` and ``README.md``; see `save_model`."""
        return save_model(self, folder)

    def push_to_hub(self, name: str, *, private: bool = False, message: str = "") -> str:
        """Write the model to the Hugging Face hub, where this machine is logged in (``hf auth login``).

        Parameters
        ----------
        name : str
            ``OWNER/NAME``; a new place is made where there is none.
        private : bool
            Whether a new place is seen by its owner only.
        message : str
            Of the commit.

        Returns
        -------
        str
            The model's address.

        Raises
        ------
        LibraryError, ModelError
            See `stemtree.hub.upload`.
        """
        with TemporaryDirectory() as folder:
            save_model(self, folder, name)
            return upload(Path(folder), name, (CARD, WEIGHTS, README), private=private, message=message)

    @property
    def answering(self) -> AnsweringNetwork:
        """The network of a model that takes a query."""
        assert isinstance(self.network, AnsweringNetwork)
        return self.network

    def _logits(self, mixture: Spectrogram, query: Spectrogram | None) -> Logits:
        if self.card.network.domain != "features":
            return self._share_logits(mixture)
        features = self.features(mixture)
        if not self.takes_query:
            logits: Logits = self.network(features)
            return logits
        assert query is not None
        query_features = self.features(query)
        bin_weights = salient_bins(query_features).float()
        query_logits: Logits = self.network(features, query_features, bin_weights)
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

    def features(self, spectrogram: Spectrogram) -> Features:
        """What the network gets of a ``(batch, channel, bin, frame)`` spectrogram."""
        channels = self._channels(spectrogram)
        return log_magnitude(mid_side(channels) if self.card.channels == "mid_side" else channels)

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
        network = card.network.build(card.stft.bins, card.num_channels, relation.outputs)
    except (RuntimeError, ValueError) as error:  # RuntimeError: torch's when memory runs out
        raise OptionError(f"no such network can be made ({str(error).splitlines()[0]}): make it smaller") from None
    return Model(card, network, relation)


def save_model(model: Model, folder: str | os.PathLike[str], name: str = "") -> Path:
    """Write weights, card and a page on them into a folder, each file whole or not at all, and return it.

    Parameters
    ----------
    model : Model
        What is written.
    folder : path-like
        Made where it is not there.
    name : str
        The model's on the Hugging Face hub, for the page; by default it is called as the folder.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    # Cloned, since safetensors refuses tensors of several names, such as layers share.
    weights = {
        key: tensor.clone(memory_format=torch.contiguous_format) for key, tensor in model.network.state_dict().items()
    }
    content, name = model.card.as_file(), name.removeprefix(PREFIX)
    page = model_page(content, name or place.resolve().name, f"{PREFIX}{name}" if name else os.fspath(folder))
    card = json.dumps(content, indent=2) + "\n"
    with (
        whole_file(place / CARD) as card_place,
        whole_file(place / WEIGHTS) as weights_place,
        whole_file(place / README) as page_place,
    ):
        weights_place.write_bytes(save(weights))  # `save_file` lets only the owner read it
        card_place.write_text(card, "utf-8")
        page_place.write_text(page, "utf-8")
    (place / OLD_CARD).unlink(missing_ok=True)
    return place


def load_model(folder: str | os.PathLike[str]) -> Model:
    """Read a model, ready to be used.

    Parameters
    ----------
    folder : path-like
        A folder with ``model.safetensors`` and ``config.json``, or either of these files; of earlier models
        ``model.json``. Or ``hf:OWNER/NAME``, a model on the Hugging Face hub.

    Raises
    ------
    ModelError
        If either is missing, damaged, or does not fit the other, or if the network's package is not installed.
    LibraryError
        If huggingface_hub is needed and not installed.
    """
    card = read_card(folder)
    try:
        model = make_model(card)
    except LibraryError as error:
        raise ModelError(f"the model '{folder}' cannot be used: {error}") from None
    except (HierarchyError, OptionError) as error:
        raise ModelError(f"the card '{card_file(folder)}' is not one of ours: {error}") from None
    weights, file = _read_weights(folder), weights_file(folder)
    if not all(tensor.isfinite().all() for tensor in weights.values()):
        raise ModelError(f"the weights '{file}' hold values that are no numbers: get a whole copy")
    try:
        model.network.load_state_dict(weights)
    except RuntimeError:
        raise ModelError(f"the weights '{file}' do not fit their card: get both from one place") from None
    model.network.eval().requires_grad_(False)
    return model


def _read_weights(folder: str | os.PathLike[str]) -> dict[str, Tensor]:
    file = weights_file(folder)
    try:
        return load_file(file)
    except OSError as error:
        raise cannot_read(file, error) from None
    except (SafetensorError, ValueError) as error:
        raise ModelError(f"the weights '{file}' are damaged ({error}): get a whole copy") from None


def weights_digest(folder: str | os.PathLike[str]) -> str:
    """SHA-256 of the weights' file of a model; `folder` is given as to `load_model`."""
    with weights_file(folder).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
