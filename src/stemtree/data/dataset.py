"""Training examples as tensors: a mixture and the ground truth of its nodes."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np
import torch
from torch.utils.data import Dataset, get_worker_info

from stemtree.audio.held import HeldFiles
from stemtree.audio.samples import Samples
from stemtree.corpora.audio import open_stems
from stemtree.corpora.track import Corpus, Stem
from stemtree.data.augmentation import Augmentation, Augmenter
from stemtree.data.matching import RemixFeatures
from stemtree.data.sampling import ChunkPosition, ChunkSampler, ExampleSpec
from stemtree.data.signals import sum_to_nodes
from stemtree.data.stem_excerpt import StemExcerpt, apply_augmentation
from stemtree.errors import OptionError
from stemtree.hierarchy import MIXTURE, NodePath, is_within
from stemtree.memory import available_memory
from stemtree.types import Waveform

_HELD = 1 << 30
"""Bytes of decoded stems that all readers of a dataset hold together, at most."""


class TrainingExample(TypedDict, total=False):
    """One training example.

    Attributes
    ----------
    mixture : Waveform
        ``(channel, sample)``.
    nodes : Waveform
        ``(node, channel, sample)``: the ground truth.
    known : Tensor
        ``(node,)`` booleans: whether a node's ground truth may be used; False where it is withheld.
    query : Waveform
        ``(channel, sample)``: the target in another song; only where queries are sampled.
    track, start : str, float
        Song and start in seconds of the mixture, before augmentation.
    target : NodePath
        The node that the example was sampled for.
    """

    mixture: Waveform
    nodes: Waveform
    known: torch.Tensor
    query: Waveform
    track: str
    start: float
    target: NodePath


class Examples(Dataset[TrainingExample]):
    """A PyTorch dataset of a fixed number of examples; each depends only on its number and the settings.

    Parameters
    ----------
    sampler : ChunkSampler
        Decides the chunks, of the corpus and the hierarchy that it was made for.
    nodes : sequence of NodePath, optional
        The nodes whose signals are returned. Unset: the target and its ancestors, leaf first, one for each level of the
        path; all targets must then be equally deep.
    root : NodePath
        The node that is used as the mixture.
    size : int
        Number of examples.
    mono : bool
        Average the channels; otherwise mono songs get two equal ones.
    augmentation : Augmentation, optional
        Applied to the stems of the mixture.
    remix_features : mapping of str to RemixFeatures, optional
        Of every song by its id, where the augmentation makes remixes.

    Raises
    ------
    OptionError
        If the songs differ in sample rate, the targets' paths in length, or `nodes` is empty.
    HierarchyError
        If the hierarchy lacks a node.
    """

    def __init__(
        self,
        sampler: ChunkSampler,
        nodes: Sequence[NodePath] | None = None,
        *,
        root: NodePath = MIXTURE,
        size: int,
        mono: bool = True,
        augmentation: Augmentation | None = None,
        remix_features: Mapping[str, RemixFeatures] | None = None,
    ) -> None:
        self._sampler, self._root, self._size, self._mono = sampler, root, size, mono
        self._tracks, self._chunking, hierarchy = sampler.corpus.tracks, sampler.index.chunking, sampler.hierarchy
        paths = {target: (target, *hierarchy.ancestors(target)[:-1]) for target in sampler.targets}
        self._nodes = {target: tuple(nodes) if nodes is not None else path for target, path in paths.items()}
        for node in (root, *(nodes or ())):
            hierarchy.node(node)
        if not all(self._nodes.values()):
            raise OptionError("`nodes` is empty: name one or more, or leave it out for the targets' paths")
        rates = {track.sample_rate for track in self._tracks}
        if len(rates) > 1:
            raise OptionError(f"the songs have sample rates of {sorted(rates)} Hz: resample the corpus to one")
        if len({len(path) for path in self._nodes.values()}) > 1:
            raise OptionError("the targets' paths differ in length: name the nodes, or prune the hierarchy")
        self.sample_rate = rates.pop()
        self._held_by_readers: dict[int, HeldFiles] = {}
        self._augmenter = (
            Augmenter(augmentation, sampler.corpus, self._chunking, remix_features, self._is_removed)
            if augmentation
            else None
        )

    @property
    def corpus(self) -> Corpus:
        """The songs."""
        return self._sampler.corpus

    @property
    def sampler(self) -> ChunkSampler:
        """Decides the chunks."""
        return self._sampler

    @property
    def targets(self) -> tuple[NodePath, ...]:
        """The nodes that examples are sampled for."""
        return self._sampler.targets

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, number: int) -> TrainingExample:
        if not 0 <= number < self._size:
            raise IndexError(number)
        spec = self._sampler.draw(number)
        start, nodes = self._start(spec.position), self._nodes[spec.target]
        excerpts = self._excerpts(spec, number)
        mixture, *signals = self._read(excerpts, (self._root, *nodes))
        example = TrainingExample(
            mixture=torch.from_numpy(mixture),
            nodes=torch.from_numpy(np.stack(signals)),
            known=torch.tensor(self._known(spec, excerpts, nodes)),
            track=self._tracks[spec.position.track].id,
            start=start / self.sample_rate,
            target=spec.target,
        )
        if spec.query is not None:
            track, start = spec.query.track, self._start(spec.query)
            stems = range(len(self._tracks[track].stems))
            (query,) = self._read([StemExcerpt(track, stem, start) for stem in stems], (spec.target,))
            example["query"] = torch.from_numpy(query)
        return example

    def _excerpts(self, spec: ExampleSpec, number: int) -> list[StemExcerpt]:
        """Choose the stems of the mixture, augmented.

        Only stems of the root are augmented, so that something of the mixture is left where stems are dropped.
        """
        track, start = spec.position.track, self._start(spec.position)
        excerpts = [
            StemExcerpt(track, stem_number, start)
            for stem_number, stem in enumerate(self._tracks[track].stems)
            if is_within(stem.leaf, self._root)
        ]
        if self._augmenter is None:
            return excerpts
        generator = np.random.default_rng((self._sampler.rules.seed, number, 1))
        return self._augmenter.augment(excerpts, generator, avoid=spec.query.track if spec.query else None)

    def _known(self, spec: ExampleSpec, excerpts: Sequence[StemExcerpt], nodes: Sequence[NodePath]) -> list[bool]:
        """Whether the ground truth of each node may be used.

        Withheld are, of the nodes at or below the target, the lowest: those of which any stem comes from a chunk whose
        ground truth is missing. On a path that is the target, whether or not the hierarchy has nodes beneath it.
        """

        def is_withheld(lowest: NodePath) -> bool:
            below = [excerpt for excerpt in excerpts if is_within(self._stem(excerpt).leaf, lowest)]
            if not below:
                return not spec.leaf_known
            return any(self._sampler.is_missing_at(excerpt.track, excerpt.start) for excerpt in below)

        inside = [node for node in nodes if is_within(node, spec.target)]
        lowest = [node for node in inside if not any(other != node and is_within(other, node) for other in inside)]
        withheld = {node for node in lowest if is_withheld(node)}
        if self._sampler.rules.leaks == "ancestor":
            withheld |= {node for node in nodes for excerpt in excerpts if _is_leaked_across(self._stem(excerpt), node)}
        return [node not in withheld for node in nodes]

    def _is_removed(self, track: int, start: int) -> bool:
        """Whether no stem may be taken from a chunk; where only leaves lack their truth, all may be."""
        return self._sampler.rules.missing_mode == "all" and self._sampler.is_missing_at(track, start)

    @property
    def _held(self) -> HeldFiles:
        """Stems that this process holds in memory: an equal part for each reader, of a quarter of what is free.

        A reader is given what was read before it was started too; what that holds is not its part.
        """
        readers = info.num_workers if (info := get_worker_info()) else 1
        if readers not in self._held_by_readers:
            limit = min(_HELD, available_memory() // 4) // readers
            self._held_by_readers = {readers: HeldFiles(limit)}
        return self._held_by_readers[readers]

    def _start(self, position: ChunkPosition) -> int:
        """First sample of a chunk."""
        return int(self._chunking.starts(self._tracks[position.track])[position.chunk])

    def _stem(self, excerpt: StemExcerpt) -> Stem:
        return self._tracks[excerpt.track].stems[excerpt.stem]

    def _read(self, excerpts: Sequence[StemExcerpt], nodes: Sequence[NodePath]) -> list[Samples]:
        """Sum excerpts to nodes, ``(channel, sample)`` each; every stem that is needed is read once."""
        num_samples = self._chunking.num_samples(self.sample_rate)
        leaf_signals: list[tuple[NodePath, Samples]] = []
        for excerpt in excerpts:
            stem = self._stem(excerpt)
            if any(is_within(stem.leaf, node) for node in nodes):
                with open_stems([stem], self._held) as file:
                    (audio,) = file.read(excerpt.start, excerpt.samples_to_read(num_samples))
                if self._mono and len(audio) > 1:
                    audio = audio.mean(axis=0, keepdims=True)
                if self._augmenter:
                    audio = apply_augmentation(audio, excerpt, self.sample_rate, num_samples)
                leaf_signals.append((stem.leaf, audio))
        signals = sum_to_nodes(leaf_signals, nodes, num_samples)
        # Examples of a batch have as many channels, whatever their songs have.
        return signals if self._mono else [np.repeat(one, 2, axis=0) if len(one) == 1 else one for one in signals]


def _is_leaked_across(stem: Stem, node: NodePath) -> bool:
    """Whether a stem, or what leaks into it, belongs to a node, and the other does not."""
    return any(is_within(stem.leaf, node) != is_within(source, node) for source in stem.leaks)
