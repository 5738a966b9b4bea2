"""The examples that a run trains with or is validated on: corpora joined, chunks sampled."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import polars as pl

from stemtree.corpora.settings import CorpusSettings
from stemtree.corpora.track import Corpus
from stemtree.data.dataset import Examples
from stemtree.data.matching import RemixFeatures, features_file, remix_features
from stemtree.data.salience import Chunking, SalienceIndex, index_file, salience_index
from stemtree.data.sampling import ChunkSampler, SamplingRules
from stemtree.errors import CorpusError, OptionError, SamplingError, counted
from stemtree.hierarchy import Hierarchy
from stemtree.training.monitor import Monitor
from stemtree.training.settings import TrainSettings
from stemtree.training.targets import TrainingTargets

ENDLESS = 1 << 40
"""Size of a dataset without repetitions."""


def make_examples(
    settings: TrainSettings,
    targets: TrainingTargets,
    hierarchy: Hierarchy,
    purpose: Literal["train", "validation"],
    monitor: Monitor | None = None,
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
        Which of the settings' corpora are used. Songs that a corpus's salience index lacks are measured.
    monitor : Monitor, optional
        Learns what is left out, and of the measuring.

    Raises
    ------
    CorpusError
        If a corpus is incomplete, or its index cannot be written.
    SamplingError
        If no chunk can be sampled for a target.
    OptionError
        If the songs' sample rate is not that of the STFT.
    """
    for_training = purpose == "train"
    sources = settings.train if for_training else settings.validation
    monitor = monitor or Monitor()
    indexed = [_load(source, hierarchy, settings.chunking, monitor) for source in sources]
    corpora, index = [corpus for corpus, _ in indexed], _join_indices([index for _, index in indexed])
    sampler = _make_sampler(settings, targets, hierarchy, _join(corpora), index, purpose)
    augmentation = settings.augmentation if for_training else None
    examples = Examples(
        sampler,
        targets.example_nodes,
        root=settings.subtree,
        size=(settings.num_distinct or ENDLESS) if for_training else settings.validation_size,
        mono=settings.channels == 1,
        augmentation=augmentation,
        remix_features=_join_features(corpora, monitor) if augmentation and augmentation.remix else None,
    )
    if for_training:
        _report_repetitions(settings, examples, monitor)
    if examples.sample_rate != settings.stft.sample_rate:
        raise OptionError(
            f"'{sources[0].root}' has {examples.sample_rate} Hz and 'stft' is for {settings.stft.sample_rate}: "
            "give stft.sample_rate, or another corpus"
        )
    return examples


def _load(
    source: CorpusSettings, hierarchy: Hierarchy, chunking: Chunking, monitor: Monitor
) -> tuple[Corpus, SalienceIndex]:
    """Load a corpus with its index; songs that cannot be measured are left out if the corpus's settings say so."""
    corpus = source.load(source.hierarchy(hierarchy))
    with monitor.progress(f"measuring {source.root}") as progress:
        index = salience_index(
            corpus,
            hierarchy,
            source.index or index_file(corpus),
            chunking,
            skip_bad=source.skip_bad,
            progress=progress,
            report=lambda reason: monitor.report(f"{reason}: measuring where nodes are salient"),
        )
    if problems := corpus.problems + index.problems:
        count = f"{len(problems)} problems in" if len(problems) > 1 else "a problem in"
        monitor.report(f"left out, {count} '{source.root}': {problems[0].message}")
    unreadable = {problem.track for problem in index.problems}
    tracks = tuple(track for track in corpus.tracks if track.id not in unreadable)
    if not tracks:
        raise CorpusError(f"no song in '{source.root}' can be read: see stemtree corpus check")
    return replace(corpus, tracks=tracks), index


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
    """Those of training depend on the run's seed; examples of validation do not, so that runs can be compared."""
    rules = replace(settings.rules, query=settings.takes_query)
    if purpose == "train":
        return replace(rules, seed=settings.seed + rules.seed)
    return replace(rules, seed=rules.seed + 1, missing=0.0)


def _report_repetitions(settings: TrainSettings, examples: Examples, monitor: Monitor) -> None:
    """Say where fewer examples differ than was asked for: chunks do not suffice, and they are not augmented."""
    asked = settings.num_distinct if settings.augmentation is None else None
    scarce = {
        target: (count, chunks)
        for target, (count, chunks) in examples.sampler.num_chunks(asked or 0).items()
        if count > chunks
    }
    if scarce:
        target, (count, chunks) = min(scarce.items(), key=lambda item: item[1][1] / item[1][0])
        others = f", and {counted(len(scarce) - 1, 'more target')}" if len(scarce) > 1 else ""
        monitor.report(
            f"{count} examples with '{target}' are taken from {counted(chunks, 'chunk')}, so that chunks are "
            f"repeated{others}"
        )


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


def _join_indices(indices: Sequence[SalienceIndex]) -> SalienceIndex:
    if len(indices) == 1:
        return indices[0]
    tables = [
        index.table.with_columns(pl.format(f"{number}/{{}}", "track").alias("track"))
        for number, index in enumerate(indices)
    ]
    return SalienceIndex(pl.concat(tables), indices[0].chunking)


def _join_features(corpora: Sequence[Corpus], monitor: Monitor) -> dict[str, RemixFeatures]:
    by_corpus = []
    for corpus in corpora:
        with monitor.progress(f"tempo and key of {corpus.root}") as progress:
            by_corpus.append(
                remix_features(
                    corpus,
                    features_file(corpus),
                    progress=progress,
                    report=lambda reason: monitor.report(f"{reason}: measuring tempo, key and beats"),
                )
            )
    if len(by_corpus) == 1:
        return by_corpus[0]
    return {
        _joined_id(number, track): features
        for number, of_corpus in enumerate(by_corpus)
        for track, features in of_corpus.items()
    }


def _joined_id(number: int, track: str) -> str:
    return f"{number}/{track}"
