"""The examples that a run trains with or is validated on: corpora joined, chunks sampled."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import polars as pl

from stemtree.corpora.load import load_corpus
from stemtree.corpora.track import Corpus
from stemtree.data.dataset import Examples
from stemtree.data.matching import RemixFeatures, remix_features
from stemtree.data.salience import Chunking, SalienceIndex, index_file, load_index
from stemtree.data.sampling import ChunkSampler, SamplingRules
from stemtree.errors import OptionError, SamplingError
from stemtree.hierarchy import Hierarchy
from stemtree.training.settings import TrainSettings
from stemtree.training.targets import TrainingTargets

ENDLESS = 1 << 40
"""Size of a dataset without repetitions."""


def make_examples(
    settings: TrainSettings, targets: TrainingTargets, hierarchy: Hierarchy, purpose: Literal["train", "validation"]
) -> Examples:
    """Make the examples of training or of validation; those of validation are complete and not augmented.

    Parameters
    ----------
    settings : TrainSettings
        The run's.
    targets : TrainingTargets
        What the model learns to separate.
    hierarchy : Hierarchy
        That of the corpora.
    purpose : {"train", "validation"}
        Which of the settings' corpora are used.

    Raises
    ------
    CorpusError
        If a corpus is incomplete, or its index out of date.
    SamplingError
        If no chunk can be sampled for a target.
    OptionError
        If the songs' sample rate is not that of the STFT.
    """
    for_training = purpose == "train"
    sources = settings.train if for_training else settings.validation
    corpora = [load_corpus(source.root, source.kind, hierarchy, split=source.split) for source in sources]
    index = _join_indices(corpora, [source.index for source in sources], settings.chunking)
    sampler = _make_sampler(settings, targets, hierarchy, _join(corpora), index, purpose)
    augmentation = settings.augmentation if for_training else None
    examples = Examples(
        sampler,
        targets.example_nodes,
        root=settings.subtree,
        size=(settings.num_distinct or ENDLESS) if for_training else settings.validation_size,
        mono=settings.channels == 1,
        augmentation=augmentation,
        remix_features=_join_features(corpora) if augmentation and augmentation.remix else None,
    )
    if examples.sample_rate != settings.stft.sample_rate:
        raise OptionError(
            f"'{sources[0].root}' has {examples.sample_rate} Hz and 'stft' is for {settings.stft.sample_rate}: "
            "give stft.sample_rate, or another corpus"
        )
    return examples


def _make_sampler(
    settings: TrainSettings,
    targets: TrainingTargets,
    hierarchy: Hierarchy,
    corpus: Corpus,
    index: SalienceIndex,
    purpose: str,
) -> ChunkSampler:
    sampled = targets.sampled
    if not settings.targets:  # of a sub-tree's leaves, those that the songs have
        sampled = tuple(
            path for path in targets.sampled if any(index.salient(track.id, path).any() for track in corpus.tracks)
        )
    if not sampled:
        raise SamplingError(
            f"what is learned is salient in no chunk of '{purpose}': give other songs, another subtree, or a lower "
            "threshold"
        )
    try:
        return ChunkSampler(corpus, index, hierarchy, sampled, _sampling_rules(settings, purpose))
    except SamplingError as error:
        raise SamplingError(f"in the songs of '{purpose}', {error}") from None


def _sampling_rules(settings: TrainSettings, purpose: str) -> SamplingRules:
    seed = settings.seed + settings.rules.seed
    if purpose == "train":
        return replace(settings.rules, query=settings.takes_query, seed=seed)
    return replace(settings.rules, query=settings.takes_query, seed=seed + 1, missing=0.0)


def _join(corpora: Sequence[Corpus]) -> Corpus:
    """One corpus of several, in which a song's id begins with the number of its own."""
    if len(corpora) == 1:
        return corpora[0]
    tracks = [
        replace(track, id=_joined_id(number, track.id))
        for number, corpus in enumerate(corpora)
        for track in corpus.tracks
    ]
    return replace(corpora[0], kind="joined", tracks=tuple(tracks))


def _join_indices(corpora: Sequence[Corpus], files: Sequence[Path | None], chunking: Chunking) -> SalienceIndex:
    indices = [
        load_index(corpus, file or index_file(corpus), chunking) for corpus, file in zip(corpora, files, strict=True)
    ]
    if len(indices) == 1:
        return indices[0]
    tables = [
        index.table.with_columns(pl.format(f"{number}/{{}}", "track").alias("track"))
        for number, index in enumerate(indices)
    ]
    return SalienceIndex(pl.concat(tables), chunking)


def _join_features(corpora: Sequence[Corpus]) -> dict[str, RemixFeatures]:
    by_corpus = [remix_features(corpus, corpus.root / "pulses.parquet") for corpus in corpora]
    if len(by_corpus) == 1:
        return by_corpus[0]
    return {
        _joined_id(number, track): features
        for number, of_corpus in enumerate(by_corpus)
        for track, features in of_corpus.items()
    }


def _joined_id(number: int, track: str) -> str:
    return f"{number}/{track}"
