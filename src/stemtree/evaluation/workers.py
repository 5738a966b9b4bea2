"""Measuring songs one after the other, in this process or in several."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from stemtree.cluster import is_on_cluster, map_tracks
from stemtree.evaluation.chunks import SongChunks
from stemtree.evaluation.estimators.base import Measurer
from stemtree.evaluation.store import write_rows
from stemtree.memory import keep_freed_memory


@dataclass(frozen=True, slots=True)
class SongJob:
    """The chunks of a song that are measured, and the file for their rows."""

    song: SongChunks
    file: Path


def measure_songs(measurer: Measurer, jobs: Sequence[SongJob], workers: int | None) -> Iterator[SongJob]:
    """Measure songs and write their rows; yield each job when it is done.

    `workers` processes of one thread each (by default one per core) do it, or a cluster.

    Raises
    ------
    WorkerError
        If the system killed a process.
    EvaluationError
        If a file cannot be written.
    """
    if is_on_cluster() or min(workers or os.cpu_count() or 1, len(jobs)) > 1:
        done = map_tracks(
            _measure_in_worker,
            jobs,
            workers,
            name_of=lambda job: job.song.track.id,
            initializer=_start_worker,
            initargs=(measurer,),
        )
        yield from (job for job, _ in done)
        return
    keep_freed_memory()
    with _one_thread():
        for job in jobs:
            _measure(measurer, job)
            yield job


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute in one thread: sums of several differ in their last digits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


_measurers: list[Measurer] = []
"""In a worker process: the one that it was started with."""


def _start_worker(measurer: Measurer) -> None:
    keep_freed_memory()  # saves a quarter of the time of SIR and SAR
    torch.set_num_threads(1)
    _measurers[:] = [measurer]


def _measure_in_worker(job: SongJob) -> None:
    _measure(_measurers[0], job)


def _measure(measurer: Measurer, job: SongJob) -> None:
    write_rows(measurer.measure_song(job.song.track, job.song.starts), job.file)
