"""What a run learns from: corpora joined, the tree that its nodes divide, and the order of its examples."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Sampler

from stemtree.corpora.load import load_corpus
from stemtree.corpora.track import Corpus
from stemtree.data.dataset import Example, Examples
from stemtree.data.matching import RemixFeatures, remix_features
from stemtree.data.salience import Chunking, SalienceIndex, index_file, load_index
from stemtree.data.sampling import ChunkSampler, SamplingRules
from stemtree.errors import OptionError, SamplingError
from stemtree.hierarchy import Hierarchy, NodePath, from_dict
from stemtree.memory import keep_freed_memory
from stemtree.training.settings import CorpusSettings, TrainSettings

ENDLESS = 1 << 40
REST = "rest"


@dataclass(frozen=True)
class Goal:
    """What is learned.

    Parameters
    ----------
    tree : Hierarchy
        What the model divides its mixture into.
    nodes : tuple of NodePath
        The nodes of `tree` that it makes masks of.
    picks : tuple of int
        Which of the nodes of an example these are.
    wanted : tuple of NodePath or None
        The nodes of an example in the corpora's hierarchy; None for the path of each target.
    targets : tuple of NodePath
        What examples are drawn for.
    """

    tree: Hierarchy
    nodes: tuple[NodePath, ...]
    picks: tuple[int, ...]
    wanted: tuple[NodePath, ...] | None
    targets: tuple[NodePath, ...]


def make_goal(settings: TrainSettings, hierarchy: Hierarchy) -> Goal:
    """Work out what a run learns.

    Raises
    ------
    HierarchyError
        If the hierarchy has no such node.
    OptionError
        If targets lie at different depths, or have no such level.
    """
    if settings.targets:
        return _path_goal(settings, hierarchy)
    tree = hierarchy.subtree(settings.subtree) if settings.subtree else hierarchy
    tree = tree.prune(settings.depth) if settings.depth else tree
    wanted = tuple(f"{settings.subtree}/{path}" if settings.subtree else path for path in tree.paths)
    targets = tuple(path for path, node in zip(wanted, tree.paths, strict=True) if tree.is_leaf(node))
    return Goal(tree, tree.paths, tuple(range(len(wanted))), wanted, targets)


def _path_goal(settings: TrainSettings, hierarchy: Hierarchy) -> Goal:
    paths = [(*reversed(hierarchy.ancestors(target)[:-1]), target) for target in settings.targets]
    depth = len(paths[0])
    if any(len(path) != depth for path in paths):
        raise OptionError("the targets lie at different depths: name targets of equally long paths")
    for level in settings.levels or ():
        if level > depth:
            raise OptionError(f"there is no level {level} in a path of {depth}: give levels 1 to {depth}")
    generic = [f"level_{level}" for level in range(depth, 0, -1)]
    names = settings.targets[0].split("/") if len(paths) == 1 else generic
    below: dict[str, Any] = {}
    for step in reversed(range(depth)):
        has_rest = any(hierarchy.siblings(path[step]) for path in paths)
        below = {names[step]: below} | ({REST: {}} if has_rest else {})
    leaf_first = tuple("/".join(names[:end]) for end in range(depth, 0, -1))
    picks = tuple(level - 1 for level in settings.levels or range(1, depth + 1))
    tree = from_dict(f"{hierarchy.name}, one path", below)
    return Goal(tree, tuple(leaf_first[pick] for pick in picks), picks, None, settings.targets)


def make_examples(
    settings: TrainSettings, goal: Goal, hierarchy: Hierarchy, corpora: Sequence[CorpusSettings], *, training: bool
) -> Examples:
    """Make the examples of training or of validation, whose truth is whole and not augmented.

    Raises
    ------
    CorpusError
        If a corpus is not whole, or its index is stale.
    SamplingError
        If examples cannot be drawn as asked.
    OptionError
        If the songs' sample rate is not that of the transform.
    """
    parts = [load_corpus(part.root, part.kind, hierarchy, split=part.split) for part in corpora]
    corpus = _joined(parts)
    index = _joined_index(parts, [part.index for part in corpora], settings.chunking)
    rules = replace(settings.rules, query=settings.takes_query, seed=settings.seed + settings.rules.seed)
    if not training:
        rules = replace(rules, missing=0.0, seed=rules.seed + 1)
    augmentation = settings.augmentation if training else None
    examples = Examples(
        _sampler(corpus, index, hierarchy, _heard(goal, settings, corpus, index), rules, training=training),
        goal.wanted,
        root=settings.subtree,
        size=(settings.left or ENDLESS) if training else settings.validation_size,
        mono=settings.channels == 1,
        augmentation=augmentation,
        remix_features=_joined_features(parts) if augmentation and augmentation.remix else None,
    )
    if examples.sample_rate != settings.stft.sample_rate:
        raise OptionError(
            f"'{corpora[0].root}' has {examples.sample_rate} Hz and 'stft' is for {settings.stft.sample_rate}: "
            "give stft.sample_rate, or another corpus"
        )
    return examples


def _sampler(
    corpus: Corpus,
    index: SalienceIndex,
    hierarchy: Hierarchy,
    heard: Sequence[NodePath],
    rules: SamplingRules,
    *,
    training: bool,
) -> ChunkSampler:
    songs = "train" if training else "validation"
    if not heard:
        raise SamplingError(
            f"what is learned is salient in no chunk of '{songs}': give other songs, another subtree, or a lower "
            "threshold"
        )
    try:
        return ChunkSampler(corpus, index, hierarchy, heard, rules)
    except SamplingError as error:
        raise SamplingError(f"in the songs of '{songs}', {error}") from None


def make_loader(examples: Examples, settings: TrainSettings, numbers: "Order | range") -> DataLoader[Example]:
    """Batches of examples, in an order of training, which leaves out what fills no batch, or just these."""
    return DataLoader(
        examples,
        settings.batch,
        sampler=numbers,
        num_workers=settings.workers,
        persistent_workers=settings.workers > 0,
        worker_init_fn=_start_worker,
        drop_last=isinstance(numbers, Order),
    )


class Order(Sampler[int]):
    """Which examples each epoch learns from: all distinct ones in a new order, then again in another.

    What comes depends on the seed and the epoch alone, so that training that was stopped goes on as if it had not been.

    Parameters
    ----------
    settings : TrainSettings
        Number of examples, and of those in an epoch.
    rank, world : int
        Number of this process, and of all that learn together; each gets an equal part of every epoch, since they wait
        for each other at every step.
    """

    def __init__(self, settings: TrainSettings, rank: int = 0, world: int = 1) -> None:
        self._distinct, self._epoch, self._seed = settings.left, settings.epoch, settings.seed
        self._rank, self._world = rank, world
        self._number = 0

    def set_epoch(self, number: int) -> None:
        """Say which epoch comes next; Lightning does."""
        self._number = number

    def __len__(self) -> int:
        return self._epoch // self._world

    def __iter__(self) -> Iterator[int]:
        first = self._number * self._epoch
        for number in range(first + self._rank, first + len(self) * self._world, self._world):
            if self._distinct is None:
                yield number
            else:
                turn, place = divmod(number, self._distinct)
                yield int(_shuffled(self._distinct, self._seed, turn)[place])


@lru_cache(maxsize=2)
def _shuffled(count: int, seed: int, turn: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, turn)).permutation(count)


def _start_worker(number: int) -> None:
    keep_freed_memory()


def _heard(goal: Goal, settings: TrainSettings, corpus: Corpus, index: SalienceIndex) -> tuple[NodePath, ...]:
    """The targets; of a whole tree those that are heard anywhere, since the others cannot be asked for."""
    if settings.targets:
        return goal.targets
    return tuple(path for path in goal.targets if any(index.salient(track.id, path).any() for track in corpus.tracks))


def _joined(parts: Sequence[Corpus]) -> Corpus:
    """One corpus of several, whose songs are told apart by the number of theirs."""
    if len(parts) == 1:
        return parts[0]
    tracks = [replace(track, id=_id(number, track.id)) for number, part in enumerate(parts) for track in part.tracks]
    return replace(parts[0], kind="joined", tracks=tuple(tracks))


def _joined_index(parts: Sequence[Corpus], files: Sequence[Path | None], chunking: Chunking) -> SalienceIndex:
    found = [load_index(part, file or index_file(part), chunking) for part, file in zip(parts, files, strict=True)]
    if len(found) == 1:
        return found[0]
    tables = [
        index.table.with_columns(pl.format(f"{number}/{{}}", "track").alias("track"))
        for number, index in enumerate(found)
    ]
    return SalienceIndex(pl.concat(tables), chunking)


def _joined_features(parts: Sequence[Corpus]) -> dict[str, RemixFeatures]:
    found = [remix_features(part, part.root / "pulses.parquet") for part in parts]
    if len(found) == 1:
        return found[0]
    return {_id(number, track): pulse for number, some in enumerate(found) for track, pulse in some.items()}


def _id(number: int, track: str) -> str:
    return f"{number}/{track}"
