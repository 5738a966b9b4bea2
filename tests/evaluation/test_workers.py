from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import torch

from stemtree import processes
from stemtree.corpora.track import Corpus
from stemtree.errors import WorkerError
from stemtree.evaluation import workers as module
from stemtree.evaluation.chunks import choose_chunks
from stemtree.evaluation.estimators.bounds import Mixture
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.evaluation.workers import SongJob, measure_songs
from stemtree.hierarchy import Hierarchy


class Broken:
    """What a pool looks like when the system has killed a process."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def submit(self, *_: object) -> Future:
        future: Future = Future()
        future.set_exception(BrokenProcessPool("gone"))
        return future

    def map(self, work: object, jobs: list) -> object:
        yield from (self.submit(work, job).result() for job in jobs)

    def shutdown(self, **_: object) -> None:
        pass


@pytest.fixture
def jobs(corpus: Corpus, settings: EvaluationSettings, tmp_path: Path) -> list[SongJob]:
    songs = choose_chunks(corpus, settings.chunking)
    return [SongJob(song, tmp_path / f"{song.track.id}.parquet") for song in songs]


def test_a_killed_worker(
    corpus: Corpus,
    hierarchy: Hierarchy,
    settings: EvaluationSettings,
    jobs: list[SongJob],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "Processes", Broken)
    measurer = Mixture(("vocals",)).measurer(["vocals"], corpus, hierarchy, settings)
    with pytest.raises(WorkerError, match=r"ended a worker process.* give fewer workers and run again"):
        list(measure_songs(measurer, jobs, 2))
    assert not any(job.file.exists() for job in jobs)


def test_this_process_is_left_as_it_was(
    corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings, jobs: list[SongJob]
) -> None:
    threads = torch.get_num_threads()
    measurer = Mixture(("vocals",)).measurer(["vocals"], corpus, hierarchy, settings)
    done = []
    for job in measure_songs(measurer, jobs, 1):
        done.append(job)
        assert job.file.exists() and torch.get_num_threads() == 1
    assert done == jobs and torch.get_num_threads() == threads and module._measurers == []
