"""Examples for training: the mixture and the true signals of the wanted nodes, as tensors."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np
import torch
from torch.utils.data import Dataset

from stemtree.audio import Excerpts
from stemtree.audio.samples import Samples
from stemtree.corpora.track import Corpus
from stemtree.data.augmentation import Augmentation, Augmenter, Cut, apply
from stemtree.data.matching import Pulse
from stemtree.data.salience import SalienceIndex
from stemtree.data.sampling import Draw, Place, Sampler
from stemtree.data.signals import add_up, is_salient
from stemtree.errors import OptionError
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, is_within
from stemtree.types import Waveform


class Example(TypedDict, total=False):
    """One example.

    ``mixture`` is ``(channel, sample)``, ``nodes`` ``(node, channel, sample)``; ``present`` says which nodes are
    salient, ``known`` which may be learned from. ``query`` is ``(channel, sample)`` of the same node in another song,
    where queries are drawn. ``track``, ``start`` (in seconds) and ``target`` tell where it comes from, ``query_track``
    and ``query_start`` where the query does.
    """

    mixture: Waveform
    nodes: Waveform
    present: torch.Tensor
    known: torch.Tensor
    query: Waveform
    query_track: str
    query_start: float
    track: str
    start: float
    target: NodePath


class Examples(Dataset[Example]):
    """A fixed number of examples, the same whatever the number of workers that read them.

    Parameters
    ----------
    sampler : Sampler
        What is drawn.
    index : SalienceIndex
        The sampler's.
    hierarchy : Hierarchy
        The corpus's.
    nodes : sequence of NodePath, optional
        The nodes whose signals are wanted. Unset: the target and what lies above it, leaf first, one for each level of
        the path; all targets must then lie equally deep.
    root : NodePath
        The node that is taken for the mixture.
    size : int
        How many.
    mono : bool
        Average the channels.
    augmentation : Augmentation, optional
        What is done to the stems first.
    pulses : mapping of str to Pulse, optional
        Tempo, key and beats of every song, where the augmentation makes remixes.

    Raises
    ------
    OptionError
        If the songs differ in sample rate, the targets' paths in length, or no node is wanted.
    HierarchyError
        If the hierarchy lacks a node.
    """

    def __init__(
        self,
        sampler: Sampler,
        index: SalienceIndex,
        hierarchy: Hierarchy,
        nodes: Sequence[NodePath] | None = None,
        *,
        root: NodePath = MIXTURE,
        size: int,
        mono: bool = True,
        augmentation: Augmentation | None = None,
        pulses: Mapping[str, Pulse] | None = None,
    ) -> None:
        self._sampler, self._index, self._root, self._size, self._mono = sampler, index, root, size, mono
        self._tracks = sampler.corpus.tracks
        paths = {target: (target, *hierarchy.ancestors(target)[:-1]) for target in sampler.targets}
        self._nodes = {target: tuple(nodes) if nodes is not None else path for target, path in paths.items()}
        self._leaves = {target: hierarchy.leaves(target) for target in sampler.targets}
        for node in (root, *(nodes or ())):
            hierarchy.node(node)
        if not all(self._nodes.values()):
            raise OptionError("no node is wanted: name one or more, or leave `nodes` out for the targets' paths")
        rates = {track.sample_rate for track in self._tracks}
        if len(rates) > 1:
            raise OptionError(f"the songs have sample rates of {sorted(rates)} Hz: resample the corpus to one")
        if len({len(path) for path in self._nodes.values()}) > 1:
            raise OptionError("the targets' paths differ in length: name the nodes, or prune the hierarchy")
        self.sample_rate = rates.pop()
        self._augmenter = (
            Augmenter(augmentation, sampler.corpus, index.chunking, pulses, sampler.is_missing_at)
            if augmentation
            else None
        )

    @property
    def corpus(self) -> Corpus:
        """Where they are drawn from."""
        return self._sampler.corpus

    @property
    def targets(self) -> tuple[NodePath, ...]:
        """What they are drawn for."""
        return self._sampler.targets

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, number: int) -> Example:
        if not 0 <= number < self._size:
            raise IndexError(number)
        draw = self._sampler.draw(number)
        track, nodes = self._tracks[draw.place.track], self._nodes[draw.target]
        start = self._start(draw.place)
        # Only what is in the mixture is augmented, so that something stays of it where stems are dropped.
        cuts = [
            Cut(draw.place.track, number, start)
            for number, stem in enumerate(track.stems)
            if is_within(stem.leaf, self._root)
        ]
        if self._augmenter:
            random = np.random.default_rng((self._sampler.rules.seed, number, 1))
            cuts = self._augmenter.vary(cuts, random, draw.query.track if draw.query else None)
        mixture, *signals = self._read(cuts, (self._root, *nodes))
        example = Example(
            mixture=torch.from_numpy(mixture),
            nodes=torch.from_numpy(np.stack(signals)),
            present=torch.tensor([is_salient(signal, self._index.chunking.threshold) for signal in signals]),
            known=torch.tensor(self._known(draw, cuts, nodes)),
            track=track.id,
            start=start / self.sample_rate,
            target=draw.target,
        )
        if draw.query is not None:
            other, start = draw.query.track, self._start(draw.query)
            stems = range(len(self._tracks[other].stems))
            (query,) = self._read([Cut(other, stem, start) for stem in stems], (draw.target,))
            example["query"] = torch.from_numpy(query)
            example["query_track"], example["query_start"] = self._tracks[other].id, start / self.sample_rate
        return example

    def _known(self, draw: Draw, cuts: Sequence[Cut], nodes: Sequence[NodePath]) -> list[bool]:
        """Unknown are the target's leaves that come, in part or whole, from chunks whose truth was taken away."""

        def is_hidden(leaf: NodePath) -> bool:
            taken = [cut for cut in cuts if self._tracks[cut.track].stems[cut.stem].leaf == leaf]
            if not taken:
                return not draw.leaf_known
            return any(self._sampler.is_missing_at(cut.track, cut.start) for cut in taken)

        hidden = {leaf for leaf in self._leaves[draw.target] if is_hidden(leaf)}
        return [node not in hidden for node in nodes]

    def _start(self, place: Place) -> int:
        return int(self._index.chunking.starts(self._tracks[place.track])[place.chunk])

    def _read(self, cuts: Sequence[Cut], nodes: Sequence[NodePath]) -> list[Samples]:
        """Read each stem that is needed once and add it to every node that it belongs to."""
        length = self._index.chunking.length(self.sample_rate)
        parts: list[tuple[NodePath, Samples]] = []
        for cut in cuts:
            stem = self._tracks[cut.track].stems[cut.stem]
            if any(is_within(stem.leaf, node) for node in nodes):
                with Excerpts([stem.file.path], [stem.file.stream]) as file:
                    (audio,) = file.read(cut.start, round(length * cut.tempo))
                if self._mono and len(audio) > 1:
                    audio = audio.mean(axis=0, keepdims=True)
                parts.append((stem.leaf, apply(audio, cut, self.sample_rate, length) if self._augmenter else audio))
        return add_up(parts, nodes, length)
