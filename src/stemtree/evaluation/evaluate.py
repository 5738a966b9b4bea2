"""Measuring an estimator on a corpus: prepare, measure song by song, publish the rows."""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from stemtree.corpora.track import Corpus
from stemtree.errors import HierarchyError, OptionError, suggest
from stemtree.evaluation.chunk_list import ChunkList
from stemtree.evaluation.chunks import SongChunks, choose_chunks
from stemtree.evaluation.estimators.base import Estimator, Measurer
from stemtree.evaluation.rows import complete
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.evaluation.store import RowStore, chunks_fingerprint
from stemtree.evaluation.workers import SongJob, measure_songs
from stemtree.hierarchy import Hierarchy, NodePath
from stemtree.metrics.bss_eval import TAPS

_FORMAT = 2
"""Of the rows; raised when their meaning changes."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is measured of all that could be.

    Parameters
    ----------
    nodes : sequence of NodePath, optional
        Which of the estimator's nodes; by default all.
    chunks : ChunkList, optional
        These chunks, instead of those that the settings select. Where they have targets, only the nodes on a target's
        path are measured in its chunks.
    """

    nodes: Sequence[NodePath] | None = None
    chunks: ChunkList | None = None


def evaluate(
    estimator: Estimator,
    corpus: Corpus,
    hierarchy: Hierarchy,
    settings: EvaluationSettings | None = None,
    *,
    selection: Selection | None = None,
    file: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pl.DataFrame:
    """Measure an estimator on every chunk of a corpus, or on a sample of them.

    Parameters
    ----------
    estimator : Estimator
        What is measured.
    corpus : Corpus
        The songs.
    hierarchy : Hierarchy
        Of the corpus.
    settings : EvaluationSettings, optional
        Which chunks are measured, and how.
    selection : Selection, optional
        Some of the nodes, or a list of chunks; by default all nodes, in the chunks that the settings select.
    file : path-like, optional
        Parquet file for the rows. If it already holds them, they are read from it. Those of a run that was stopped are
        kept beside it, and the next run goes on from there.
    workers : int, optional
        Number of processes, by default one per core; each computes in one thread. The rows do not depend on it.
    progress : callable, optional
        Called with the number of chunks done and of all.

    Returns
    -------
    polars.DataFrame
        With the columns of `stemtree.evaluation.rows.SCHEMA`, or of what else the estimator measures, in the order of
        songs, chunks and nodes.

    Raises
    ------
    OptionError
        If the estimator does not estimate one of the nodes, or not at the songs' sample rate; if windows are shorter
        than the filters of SIR and SAR.
    SamplingError
        If an estimator needs queries and none of its targets is salient in the corpus.
    HierarchyError
        If the hierarchy lacks a node that is to be measured.
    EvaluationError
        If the file holds another evaluation or cannot be written; if the corpus lacks a chunk of the list.
    WorkerError
        If the system killed a process.
    """
    plan = _prepare(estimator, corpus, hierarchy, settings or EvaluationSettings(), selection or Selection())
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(file) if file is not None else Path(temporary, "rows.parquet")
        store = RowStore(place, plan.settings, plan.measurer.schema)
        rows = store.read_finished(plan.fingerprints)
        if rows is None:
            _measure(plan, store, workers, progress)
            rows = store.publish(plan.fingerprints)
    return complete(rows, plan.measurer.schema)


@dataclass(frozen=True)
class _Plan:
    """What is to be measured.

    Parameters
    ----------
    measurer : Measurer
        Of the estimator.
    songs : list of SongChunks
        The chunks.
    fingerprints : list of str
        Of the songs and their chunks.
    settings : dict
        Everything but the songs that the rows depend on, for JSON.
    """

    measurer: Measurer
    songs: list[SongChunks]
    fingerprints: list[str]
    settings: dict[str, object]


def _prepare(
    estimator: Estimator,
    corpus: Corpus,
    hierarchy: Hierarchy,
    settings: EvaluationSettings,
    selection: Selection,
) -> _Plan:
    nodes, chunks = selection.nodes, selection.chunks
    if chunks and chunks.duration != settings.chunking.duration:
        raise OptionError(
            f"the list has chunks of {chunks.duration} s, and the settings of {settings.chunking.duration} s: give "
            "equal ones"
        )
    _check_nodes(estimator, hierarchy, nodes, settings.root)
    _check_songs(estimator, corpus, settings)
    selected = tuple(nodes) if nodes else estimator.nodes
    measurer = estimator.measurer(selected, corpus, hierarchy, settings, chunks)
    drawn = settings.chunking, settings.sample, settings.seed
    songs = chunks.songs(corpus) if chunks else choose_chunks(corpus, *drawn)
    description = {
        "format": _FORMAT,
        "estimator": estimator.provenance(),
        "hierarchy": [hierarchy.name, hierarchy.as_dict()],
        "nodes": selected,
        "queries": measurer.queries_from,
        "chunks": chunks.digest if chunks else None,
        **settings.as_dict(),
    }
    return _Plan(measurer, songs, [chunks_fingerprint(song, settings.chunking) for song in songs], description)


def _check_nodes(estimator: Estimator, hierarchy: Hierarchy, nodes: Sequence[NodePath] | None, root: NodePath) -> None:
    for node in estimator.nodes if not nodes else ():
        if node not in hierarchy:
            raise HierarchyError(
                f"'{estimator.name}' estimates '{node}', which the hierarchy '{hierarchy.name}' lacks: give its own "
                "hierarchy, as deep, or name the nodes that both have"
            )
    for node in nodes or ():
        hierarchy.node(node)  # raises where there is none
        if node not in hierarchy.descendants(root):
            raise OptionError(f"'{node}' lies not beneath the root '{root}', of which it would be a part: give others")
        if node not in estimator.nodes:
            raise OptionError(f"'{estimator.name}' does not estimate '{node}'{suggest(node, estimator.nodes)}")


def _check_songs(estimator: Estimator, corpus: Corpus, settings: EvaluationSettings) -> None:
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
        if settings.bss and settings.window * track.sample_rate < TAPS:
            raise OptionError(f"windows of {settings.window} s are too short for SIR and SAR: leave these out")


def _measure(plan: _Plan, store: RowStore, workers: int | None, progress: Callable[[int, int], None] | None) -> None:
    """Measure the songs that an earlier run has not finished."""
    store.open_parts()
    jobs = [SongJob(song, store.part(name)) for song, name in zip(plan.songs, plan.fingerprints, strict=True)]
    unfinished = [job for job in jobs if not job.file.exists()]
    total = sum(len(song.starts) for song in plan.songs)
    done = total - sum(len(job.song.starts) for job in unfinished)
    for job in measure_songs(plan.measurer, unfinished, workers):
        done += len(job.song.starts)
        if progress:
            progress(done, total)
