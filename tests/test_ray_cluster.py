"""On a real Ray cluster of this machine, with tiny jobs."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemtree.cluster import in_own_process, map_tracks, on_cluster
from stemtree.errors import CorpusError, WorkerError
from stemtree.ray_cluster import Setup, map_on_ray

ray = pytest.importorskip("ray", reason="Ray is not installed (the extra cluster)")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import tests
    with on_cluster("local"):
        yield


def start(folder: Path) -> None:
    (folder / f"{os.getpid()}-{len(list(folder.glob(f'{os.getpid()}-*')))}").touch()


def started(number: int) -> tuple[int, int]:
    return number, len(list(Path().glob(f"{os.getpid()}-*")))


def test_jobs_come_back_in_order_and_workers_are_started_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for times in (1, 2):  # each map starts the workers for itself
        done = list(map_tracks(started, [3, 1, 2, 5], initializer=start, initargs=(tmp_path,)))
        assert [job for job, _ in done] == [number for _, (number, _) in done] == [3, 1, 2, 5]
        assert {count for _, (_, count) in done} <= {1, times}
    assert list(map_tracks(abs, [])) == []


def fall(job: tuple[Path, int]) -> int:
    """End the worker: always for the job 1, at the first attempt for the job 2."""
    folder, number = job
    attempt = len(list(folder.glob(f"{number}-*")))
    (folder / f"{number}-{attempt}").touch()
    if number == 1 or (number == 2 and attempt == 0):
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_what_a_dead_worker_had_is_done_again_and_named_after_three_times(tmp_path: Path) -> None:
    done = []
    with pytest.raises(WorkerError, match="workers died with 1 job 4 times each: song 1; give workers more memory"):
        for job in map_tracks(fall, [(tmp_path, number) for number in range(5)], name_of=lambda job: f"song {job[1]}"):
            done.append(job[1])
    assert done == [0, 2, 3, 4]
    attempts = sorted(file.name for file in tmp_path.iterdir())
    assert [name for name in attempts if name[0] in "12"] == ["1-0", "1-1", "1-2", "1-3", "2-0", "2-1"]


def refuse(number: int) -> int:
    raise CorpusError(f"there is no song {number}")


def test_what_a_job_raises_arrives_as_it_is() -> None:
    with pytest.raises(CorpusError, match=r"^there is no song 3$"):
        list(map_tracks(refuse, [3]))


def process(number: int) -> int:
    return os.getpid()


def test_a_process_of_its_own() -> None:
    assert len({in_own_process(process, 1), in_own_process(process, 1), os.getpid()}) == 3


@pytest.mark.parametrize(
    ("setup", "message"),
    [
        (Setup(process, version="0.0.1"), r"workers of the cluster have stemtree \S+, and this machine 0.0.1"),
        (Setup(process, folder="/none"), "a machine of the cluster has no '/none': run from a folder that all"),
    ],
)
def test_workers_that_are_not_alike(setup: Setup, message: str) -> None:
    with pytest.raises(WorkerError, match=message):
        list(map_on_ray(setup, [1], "local"))


def test_songs_become_the_same_files_as_in_one_process(cli, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (8000, 2))
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / name, noise, 44100)
    (tmp_path / "bad.wav").write_text("no audio")
    songs = [tmp_path / name for name in ("a.wav", "bad.wav", "b.wav")]
    outcomes = [cli("separate", *songs, "--depth", 1, "-o", tmp_path / name, *options)
                for name, options in (("one", ()), ("many", ("--cluster", "local")))]  # fmt: skip
    one, many = ({file.relative_to(folder): file.read_bytes() for file in folder.rglob("*.*")}
                 for folder in (tmp_path / "one", tmp_path / "many"))  # fmt: skip
    assert one == many and len(one) == 6
    assert [outcome.code for outcome in outcomes] == [1, 1]
    assert outcomes[0].err == outcomes[1].err and outcomes[0].out.replace("one/", "many/") == outcomes[1].out
