"""Several songs at once: what ``--jobs`` does, here without processes."""

import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.query_models import make_query_model

from stemtree.cli import song_work, songs
from stemtree.threads import Waiting


@pytest.fixture
def in_processes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many processes were asked for; the work, which could be sent to one, is done here."""
    asked: list[int] = []

    def map_here(work, jobs, workers, *, initializer, initargs, **_) -> Iterator[tuple[object, song_work.Outcome]]:
        asked.append(workers)
        initializer(*pickle.loads(pickle.dumps(initargs)))
        for job in jobs:
            yield job, pickle.loads(pickle.dumps(work(pickle.loads(pickle.dumps(job)))))

    monkeypatch.setattr(songs, "map_tracks", map_here)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(song_work, "_separators", [])
    monkeypatch.setattr(song_work, "_worker", [])
    return asked


@pytest.fixture
def album(wav: Path, tmp_path: Path) -> Path:
    """Three songs, two of which a file system may take for one by their names, and one that is none."""
    for name in ("album/one.wav", "album/ONE.flac", "album/two.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(wav, tmp_path / name)
    (tmp_path / "album" / "three.wav").write_text("no song")
    return tmp_path / "album"


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_several_songs_at_once_are_the_same_files(in_processes: list[int], cli, album: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "by_one", tmp_path / "at_once"
    alone = cli("separate", album, "--depth", 1, "--format", "flac", "-o", one, "-j", 1)
    assert not in_processes
    together = cli("separate", album, "--depth", 1, "--format", "flac", "-o", two, "--jobs", 3)
    assert in_processes == [3]
    assert (alone.code, together.code) == (1, 1)
    assert _contents(one) == _contents(two) and len(_contents(one)) == 9
    first, *errors = together.err.splitlines()
    assert first == "stemtree: 3 songs at once, 1 thread each (-j 1: one song after the other)"
    assert sorted(errors) == sorted(alone.err.splitlines()) and "three.wav" in errors[-1]
    assert sorted(together.out.splitlines()) == sorted(alone.out.replace("by_one", "at_once").splitlines())


@pytest.mark.parametrize("like", ["bass.wav", "examples"])
def test_several_songs_are_searched_at_once(in_processes: list[int], like: str, cli, tmp_path: Path) -> None:
    model = make_query_model(tmp_path / "model", ["accompaniment/bass"], 8000)
    for number, name in enumerate(("album/a.wav", "album/b.wav", "bass.wav", "examples/bass.wav")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, np.random.default_rng(number).uniform(-0.5, 0.5, 4000), 8000)
    words = ("query", tmp_path / "album", "--like", tmp_path / like, "--model", model, "-o")
    alone, together = cli(*words, tmp_path / "one"), cli(*words, tmp_path / "two", "--jobs", 2)
    assert in_processes == [2] and (alone.code, together.code) == (0, 0)
    assert _contents(tmp_path / "one") == _contents(tmp_path / "two") and len(_contents(tmp_path / "one")) >= 6
    assert together.out.splitlines() == alone.out.replace("/one/", "/two/").splitlines()


def test_many_songs_choose_by_themselves(in_processes: list[int], cli, album: Path, monkeypatch) -> None:
    monkeypatch.setattr(songs, "separate_in_worker", lambda song: song_work.Outcome(problem=f"{song.file.name} fails"))
    monkeypatch.setattr(songs, "available_memory", lambda: 8 << 30)
    monkeypatch.setattr(songs, "guess_seconds", lambda song: 200)
    monkeypatch.setattr("stemtree.cli.separate.may_be_gpu", lambda name: name == "cuda")
    for file in album.iterdir():
        file.write_text("no song")
    (album / "ONE.flac").rename(album / "four.wav")
    outcome = cli("separate", album, "-o", album / "out")
    assert in_processes == [2] and outcome.code == 1
    assert "4 of 4 failed" in outcome.err and "two.wav fails" in outcome.err
    cli("separate", album, "-o", album / "out", "--device", "cuda")
    monkeypatch.setattr("stemtree.cli.separate.choose_waiting", lambda: Waiting.SLEEPING)
    cli("separate", album, "-o", album / "out")
    cli("separate", album, "-o", album / "out", "-j", 2, "--filename", "{track}_{stem}.{ext}")  # all in one folder
    assert in_processes == [2]


def test_lengths_are_guessed_from_sizes(tmp_path: Path) -> None:
    for name, seconds in (("a.WAV", 1), ("a.flac", 1.764), ("a.mp3", 7.35)):
        (tmp_path / name).write_bytes(bytes(176_400))
        assert song_work.guess_seconds(tmp_path / name) == pytest.approx(seconds)
