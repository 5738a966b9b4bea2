"""From corpus and estimator to rows: in parallel, and going on where a run was stopped."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import polars as pl
import torch

from stemtree.corpora.fingerprint import corpus_fingerprint
from stemtree.corpora.track import Corpus, Track
from stemtree.errors import HierarchyError, OptionError, suggest
from stemtree.evaluation.chunks import choose_chunks
from stemtree.evaluation.estimators.base import Estimator
from stemtree.evaluation.estimators.queries import QueryModel
from stemtree.evaluation.measure import Measurer
from stemtree.evaluation.measure_queries import QueryMeasurer, query_measurer
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.evaluation.store import Store, song_fingerprint, write
from stemtree.hierarchy import Hierarchy, NodePath
from stemtree.memory import keep_freed_memory
from stemtree.metrics.bss_eval import TAPS
from stemtree.processes import map_in_processes

_FORMAT = 2  # of the rows; raised when their meaning changes

_Job = tuple[Track, tuple[int, ...], Path]


def evaluate(
    estimator: Estimator | QueryModel,
    corpus: Corpus,
    hierarchy: Hierarchy,
    settings: EvaluationSettings | None = None,
    *,
    nodes: Sequence[NodePath] | None = None,
    file: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pl.DataFrame:
    """Measure an estimator on every chunk of a corpus, or on a sample of them.

    Parameters
    ----------
    estimator : Estimator or QueryModel
        What to measure. A model that takes queries is asked, chunk by chunk, for every leaf that it learned and that is
        salient there, with a chunk drawn from another song of the corpus: the path of each leaf gives rows.
    corpus, hierarchy
        What to measure it on, and the tree that its leaves belong to.
    settings : EvaluationSettings, optional
        How.
    nodes : sequence of NodePath, optional
        Only these of the estimator's nodes.
    file : path-like, optional
        Parquet for the rows. If it holds them already they are read from there; those of a run that was stopped are
        kept beside it, and the next run goes on.
    workers : int, optional
        Processes, by default one for each core; each computes in one thread. The rows do not depend on it.
    progress : callable, optional
        Told how many chunks of how many are done.

    Returns
    -------
    polars.DataFrame
        As `stemtree.evaluation.measure.SCHEMA` says, in the order of songs, chunks and nodes.

    Raises
    ------
    OptionError
        If the estimator does not estimate one of the nodes, or not at the songs' sample rate; if frames are shorter
        than the filters of SIR and SAR.
    SamplingError
        If nothing that a query could ask for is heard in the corpus.
    HierarchyError
        If the hierarchy lacks a node that is to be measured.
    EvaluationError
        If the file holds another evaluation or cannot be written, or if a process was killed.
    """
    settings = settings or EvaluationSettings()
    wanted = _check(estimator, corpus, hierarchy, settings, nodes)
    measurer: Measurer | QueryMeasurer
    if isinstance(estimator, QueryModel):
        measurer = query_measurer(estimator, wanted, corpus, hierarchy, settings)
    else:
        measurer = Measurer(estimator, wanted, hierarchy, settings)
    songs = choose_chunks(corpus, settings.chunking, settings.sample, settings.seed)
    prints = [song_fingerprint(track, starts, settings.chunking) for track, starts in songs]
    told = {
        "format": _FORMAT,
        "estimator": estimator.provenance(),
        "hierarchy": [hierarchy.name, hierarchy.as_dict()],
        "nodes": wanted,
        "queries": corpus_fingerprint(corpus) if isinstance(estimator, QueryModel) else None,
        **asdict(settings),
    }
    with tempfile.TemporaryDirectory() as temporary:
        store = Store(Path(file) if file is not None else Path(temporary, "rows.parquet"), told)
        rows = store.finished(prints)
        if rows is None:
            store.open()
            jobs = [(*song, store.part(name)) for song, name in zip(songs, prints, strict=True)]
            _run(measurer, jobs, workers or os.cpu_count() or 1, progress)
            rows = store.finish(prints)
    return rows


def _check(
    estimator: Estimator | QueryModel,
    corpus: Corpus,
    hierarchy: Hierarchy,
    settings: EvaluationSettings,
    nodes: Sequence[NodePath] | None,
) -> tuple[NodePath, ...]:
    for node in estimator.nodes if not nodes else ():
        if node not in hierarchy:
            raise HierarchyError(
                f"'{estimator.name}' estimates '{node}', which the hierarchy '{hierarchy.name}' lacks: give its own "
                "hierarchy, as deep, or name the nodes that both have"
            )
    for node in nodes or ():
        hierarchy.node(node)
        if node not in estimator.nodes:
            raise OptionError(f"'{estimator.name}' does not estimate '{node}'{suggest(node, estimator.nodes)}")
    if estimator.root not in (None, settings.root):
        raise OptionError(
            f"'{estimator.name}' separates '{estimator.root}', not '{settings.root}': give that as the root"
        )
    for track in corpus.tracks:
        if estimator.sample_rate not in (None, track.sample_rate):
            raise OptionError(
                f"'{estimator.name}' is for {estimator.sample_rate} Hz and the song '{track.id}' has "
                f"{track.sample_rate} Hz: resample the corpus"
            )
        if settings.bss and settings.frame * track.sample_rate < TAPS:
            raise OptionError(f"frames of {settings.frame} s are too short for SIR and SAR: leave these out")
    return tuple(nodes) if nodes else estimator.nodes


def _run(
    measurer: Measurer | QueryMeasurer,
    jobs: Sequence[_Job],
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Measure the songs that have no part yet."""
    total = sum(len(starts) for _, starts, _ in jobs)
    todo = [job for job in jobs if not job[2].exists()]
    done = total - sum(len(starts) for _, starts, _ in todo)
    for _, starts, _ in _finished(measurer, todo, min(workers, len(todo))):
        done += len(starts)
        if progress:
            progress(done, total)


def _finished(measurer: Measurer | QueryMeasurer, jobs: Sequence[_Job], workers: int) -> Iterator[_Job]:
    if workers <= 1:
        keep_freed_memory()
        with _one_thread():
            for job in jobs:
                _measure(measurer, job)
                yield job
        return
    measured = map_in_processes(_measure_in_worker, jobs, workers, initializer=_start, initargs=(measurer,))
    yield from (job for job, _ in zip(jobs, measured, strict=True))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums of many threads differ in their last digits from those of one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


_measurers: list[Measurer | QueryMeasurer] = []  # of a worker process: its only one


def _start(measurer: Measurer | QueryMeasurer) -> None:
    keep_freed_memory()  # a quarter of the time of SIR and SAR
    torch.set_num_threads(1)
    _measurers[:] = [measurer]


def _measure_in_worker(job: _Job) -> None:
    _measure(_measurers[0], job)


def _measure(measurer: Measurer | QueryMeasurer, job: _Job) -> None:
    track, starts, part = job
    write(measurer.song(track, starts), part)
