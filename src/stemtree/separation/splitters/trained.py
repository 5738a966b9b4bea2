"""Trained models as splitters."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import torch

from stemtree.audio import open_source
from stemtree.audio import read as read_audio
from stemtree.errors import OptionError
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, is_within, join, load
from stemtree.masks.conserve import normalise, suppress_inactive
from stemtree.model import WEIGHTS, Model, load_model
from stemtree.networks.folded_conv import fuse_batch_norms
from stemtree.separation.splitters.base import Block
from stemtree.separation.splitters.bin_ranges import as_known, to_bins
from stemtree.spectral import FLOOR, Stft, log_magnitude
from stemtree.types import Masks, Spectrogram


@dataclass(frozen=True)
class Query:
    """What a model is told by an example.

    Parameters
    ----------
    spectrogram : Spectrogram
        ``(channel, bin, frame)`` as the model knows it.
    name : str
        What messages and manifests call it.
    """

    spectrogram: Spectrogram
    name: str


class Trained:
    """Splits the node that a model was trained on into what it tells apart.

    Masks that do not add up by themselves are made to (`stemtree.masks.conserve.distribute`). Bins above those that the
    model sees take the mean mask of their frame, so that nothing is lost.

    Parameters
    ----------
    folder : path-like
        Of the model; see `stemtree.model.load_model`.
    like : path-like, optional
        An example, for a model that takes a query.

    Raises
    ------
    ModelError
        If the model cannot be read.
    AudioError
        If the example cannot.
    OptionError
        If the model takes a query and there is none, or the other way round, if its masks do not divide its whole tree,
        or if the example is silent or shorter than a window.
    """

    block_frames = 512
    context_frames = 0

    def __init__(self, folder: str | os.PathLike[str], like: str | os.PathLike[str] | None = None) -> None:
        self._folder, self.model = Path(folder), load_model(folder)
        fuse_batch_norms(self.model.network)
        if self.model.takes_query and like is None:
            raise OptionError(
                f"the model '{folder}' separates what an example points at: use stemtree query, or "
                f"measure it with stemtree evaluate {folder}"
            )
        if like is not None and not self.model.takes_query:
            raise OptionError(f"the model '{folder}' takes no example: use stemtree separate --splitter")
        if not self.parts(self.model.tree, MIXTURE):
            raise OptionError(
                f"the masks of the model '{folder}', of {', '.join(self.model.card.nodes)}, do not divide its whole "
                "tree: train it with every level above its lowest ('levels') to separate songs; stemtree evaluate "
                "measures it as it is"
            )
        self.stft = self.model.card.stft
        self._query = self._read_query(Path(like)) if like is not None else None

    @property
    def hierarchy(self) -> Hierarchy:
        """What it is meant for: its own tree if that is of songs, else the one that its tree is a part of."""
        card = self.model.card
        return load(card.hierarchy) if card.root else self.model.tree

    @property
    def residuals(self) -> tuple[NodePath, ...]:
        """What its masks leave of the nodes on a path: nodes of its own tree, but of no corpus."""
        return part_names(self.model)[len(self.model.relation.partition.leaves) :]

    def parts(self, hierarchy: Hierarchy, node: NodePath) -> tuple[NodePath, ...]:
        """What the model tells apart, if that is all of the node, or of one above it that another splitter divided."""
        for whole in (node, *hierarchy.ancestors(node)):
            parts = self._parts_of(whole)
            if parts and all(path in hierarchy for path in parts):
                covered = {leaf for path in parts for leaf in hierarchy.leaves(path)}
                below = tuple(path for path in parts if whole == node or (path != node and is_within(path, node)))
                if below and covered == set(hierarchy.leaves(whole)):
                    return below
        return ()

    @torch.inference_mode()
    def masks(self, block: Block, node: NodePath, parts: tuple[NodePath, ...]) -> Masks:
        """See `Splitter.masks`; parts of a node within the model's tree share what the model gives them together."""
        channels, bins, _ = block.spectrogram.shape
        query = self._query.spectrogram[None] if self._query else None
        seen = self._known(block.spectrogram, block.stft)
        known = self.model.part_masks(seen[None], query)[0]
        if self.model.card.fade is not None:
            known = suppress_inactive(known, self.model.relation.partition, seen, self.model.card.fade)
        if len(parts) < len(known):
            known = normalise(known[self._numbers(node, parts)])
        return to_bins(known, bins).expand(-1, channels, -1, -1)

    def provenance(self) -> dict[str, object]:
        """See `Splitter.provenance`."""
        weights = self._folder / WEIGHTS if self._folder.is_dir() else self._folder.with_name(WEIGHTS)
        with weights.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        told: dict[str, object] = {"name": "trained", "weights": [{"file": WEIGHTS, "sha256": digest}]}
        return told | ({"like": self._query.name} if self._query else {})

    def _parts_of(self, whole: NodePath) -> tuple[NodePath, ...]:
        return tuple(join(whole, path) for path in part_names(self.model))

    def _numbers(self, node: NodePath, parts: tuple[NodePath, ...]) -> list[int]:
        """Which of the model's parts these are."""
        names = node.split("/")
        wholes = ("/".join(names[:depth]) for depth in reversed(range(len(names))))
        placed = next(placed for whole in wholes if set(parts) <= set(placed := self._parts_of(whole)))
        return [placed.index(part) for part in parts]

    def _known(self, spectrogram: Spectrogram, stft: Stft) -> Spectrogram:
        """The bins that the model sees, as loud as it knows them; channels as it has them."""
        seen = as_known(spectrogram, stft, self.stft)
        return seen.expand(2, -1, -1) if self.model.card.channels > len(seen) else seen

    def _read_query(self, file: Path) -> Query:
        stft = self.stft.at(open_source(file).sample_rate)
        audio = torch.from_numpy(read_audio(file)[0]).float()
        if audio.shape[1] < stft.window:
            raise OptionError(
                f"the example '{file}' has {audio.shape[1]} samples: give at least one window of {stft.window}"
            )
        spectrogram = self._known(stft.transform(audio), stft)
        if not (log_magnitude(spectrogram) > FLOOR).any():
            raise OptionError(f"the example '{file}' is silent: give a stretch in which the instrument is heard")
        return Query(spectrogram, file.name)


def part_names(model: Model) -> tuple[NodePath, ...]:
    """The nodes of a model's tree that its parts are; none if a rest is more than one node."""
    partition = model.relation.partition
    names = list(partition.leaves)
    for path in partition.residuals:
        unwanted = [
            child for child in model.tree.children(path) if not any(is_within(node, child) for node in partition.nodes)
        ]
        if len(unwanted) != 1:
            return ()
        names += unwanted
    return tuple(names)
