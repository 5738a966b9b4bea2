"""On a real Ray cluster of this machine, with tiny jobs."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.midi import needs_fluidsynth, write_midi
from support.multitracks import write_annotation, write_session

from stemtree import cluster as clusters
from stemtree.cluster import in_own_process, map_tracks, on_cluster
from stemtree.corpora import resample
from stemtree.errors import CorpusError, WorkerError
from stemtree.ray_cluster import SETTINGS, Setup, map_on_ray
from stemtree.staging import lock_folder

os.environ |= SETTINGS  # read when it is imported
ray = pytest.importorskip("ray", reason="Ray is not installed (the extra cluster)")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import tests
    with on_cluster("local"):
        yield


@contextmanager
def here() -> Iterator[None]:
    """Without the cluster."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clusters, "_addresses", [])
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


def test_what_a_dead_worker_had_is_done_again_and_named_after_three_times(tmp_path: Path, capfd) -> None:
    done = []
    with pytest.raises(WorkerError, match="workers died with 1 job 4 times each: song 1; give workers more memory"):
        for job in map_tracks(fall, [(tmp_path, number) for number in range(5)], name_of=lambda job: f"song {job[1]}"):
            done.append(job[1])
    assert done == [0, 2, 3, 4] and capfd.readouterr() == ("", "")  # Ray would tell of each on standard output
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


def write_corpus(root: Path, songs: int = 2, samples: int = 16000) -> Path:
    """Songs of a second in MUSDB18-HQ's layout."""
    for song in range(1, songs + 1):
        folder = root / "test" / f"A - {song}"
        folder.mkdir(parents=True)
        stems = np.random.default_rng(song).normal(0, 0.05, (4, samples))
        for name, stem in zip(("vocals", "drums", "bass", "other"), stems, strict=True):
            soundfile.write(folder / f"{name}.wav", stem, 16000)
        soundfile.write(folder / "mixture.wav", stems.sum(axis=0), 16000)
    return root


def write_sessions(root: Path) -> Path:
    """Two songs of two tracks, and their annotation."""
    tracks = {"Kick.wav": "Drum_Kick", "Bass.wav": "Electric_Bass"}
    songs = [write_session(root, f"Anna - {song}", tracks, seconds=1, seed=song) for song in (1, 2)]
    write_annotation(root / "annotation.csv", [row for rows in songs for row in rows])
    return root


def content(file: Path) -> bytes:
    """Bytes of a file; of a WAV file its samples, since a header of floats says when it was written."""
    return soundfile.read(file)[0].tobytes() if file.suffix == ".wav" else file.read_bytes()


MUSDB = ("--kind", "musdb18-hq")
ANNOTATION = ("--annotation", "annotation.csv")
ALONE = ("--workers", 1)


def write_below(place: Path) -> Path:
    """A corpus within a folder, into which no copy of it may go."""
    write_corpus(place / "songs")
    return place


@pytest.mark.parametrize(
    ("make", "command", "alone"),
    [
        (write_corpus, ("corpus", "check", ".", *MUSDB), ()),
        (write_corpus, ("corpus", "index", ".", *MUSDB, "--duration", 1, "-o", "index.parquet"), ()),
        (write_below, ("corpus", "resample", "songs", *MUSDB, "-o", "copy", "--rate", 8000), ALONE),
        (write_corpus, ("evaluate", "mixture", "--corpus", ".", *MUSDB, "--duration", 1, "-o", "rows.parquet"), ALONE),
        (write_sessions, ("curate", "listen", ".", *ANNOTATION, "-o", "evidence.csv"), ()),
        (write_sessions, ("curate", "bleed", "Anna - 1", "Anna - 2", *ANNOTATION, "-o", "bleed.csv"), ALONE),
        (write_sessions, ("curate", "stems", ".", *ANNOTATION, "-o", "corpus"), ALONE),
    ],
    ids=lambda one: "-".join(map(str, one[:2])) if isinstance(one, tuple) else "",
)
def test_commands_say_and_write_the_same(make, command: tuple, alone: tuple, cli, tmp_path: Path, monkeypatch) -> None:
    outcomes, files = [], []
    shutil.copytree(make(tmp_path / "one"), tmp_path / "many")  # with the times of files, which an index holds
    for place, options, context in (("one", alone, here()), ("many", ("--cluster", "local"), nullcontext())):
        monkeypatch.chdir(tmp_path / place)
        with context:
            outcomes.append(cli(*command, *options))
        found = [file for file in (tmp_path / place).rglob("*") if file.is_file()]
        files.append({str(file.relative_to(tmp_path / place)): content(file) for file in found})
    assert outcomes[0] == outcomes[1] and outcomes[0].code == 0, outcomes
    assert files[0].keys() == files[1].keys()
    assert [name for name, content in files[0].items() if content != files[1][name]] == []


def test_a_driver_that_was_killed_goes_on(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the first one finished is neither computed nor written again, and nothing of its last song is left."""
    monkeypatch.chdir(tmp_path)
    write_corpus(tmp_path / "songs", songs=8, samples=250_000)
    command = ("corpus", "resample", "songs", *MUSDB, "--rate", "44100", *map(str, ALONE), "-o")
    address = ("--cluster", ray.get_runtime_context().gcs_address)
    driver = [sys.executable, "-c", "from stemtree.cli import main; main()", *command, "many", *address]
    with subprocess.Popen(driver, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while len(finished(tmp_path / "many")) < 2:
            assert process.poll() is None, process.communicate()
            time.sleep(0.005)
        process.kill()
    while any(map(is_in_work, (tmp_path / "many" / "test").glob(".*.partial"))):  # its worker ends a moment later
        time.sleep(0.05)
    before, asked = finished(tmp_path / "many"), []

    def map_counted(work, jobs, *arguments, **options) -> Iterator[tuple[object, object]]:
        asked.extend(job.folder.name for job in jobs)
        return map_tracks(work, jobs, *arguments, **options)

    monkeypatch.setattr(resample, "map_tracks", map_counted)
    again = cli(*command, "many", *address)
    with here():
        alone = cli(*command, "one")
    assert again.out.replace("many", "one") == alone.out and (again.code, alone.code) == (0, 0)
    assert 2 <= len(before) < 8 and len(asked[:-8]) == 8 - len(before) and not before.keys() & set(asked[:-8])
    assert {song: stamp for song, stamp in finished(tmp_path / "many").items() if song in before} == before
    one, many = ({file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
                 for folder in (tmp_path / "one", tmp_path / "many"))  # fmt: skip
    assert one == many and len(one) == 8 * 5 + 1


def finished(copy: Path) -> dict[str, list[tuple[int, int]]]:
    """The songs of a copy that are whole, and what changes when a file of theirs is written again."""
    songs = (song for song in copy.glob("test/*") if not song.name.startswith("."))
    return {song.name: [(file.stat().st_ino, file.stat().st_mtime_ns) for file in sorted(song.iterdir())]
            for song in songs}  # fmt: skip


def is_in_work(folder: Path) -> bool:
    """Whether the process that writes to it lives."""
    try:
        os.close(lock_folder(folder) or os.open(os.devnull, os.O_RDONLY))
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


@needs_fluidsynth
def test_rendering(cli, tmp_path: Path) -> None:
    """Without a cluster it takes a process too, so that only the result is looked at."""
    midis = [write_midi(tmp_path / f"{name}.mid", [program]) for name, program in (("a", 0), ("b", 33))]
    options = ("-o", tmp_path / "corpus", "--rate", 8000, "--mono", "--excerpt", 1, "--cluster", "local")
    assert cli("corpus", "render", *midis, *options).out == f"{tmp_path / 'corpus'}: 2 songs, 0 left out\n"
    with here():
        checked = cli("corpus", "check", tmp_path / "corpus", "--kind", "slakh")
    assert checked.out == "2 songs can be read; no problems\n"
