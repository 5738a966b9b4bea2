import errno
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile

from stemtree import cluster
from stemtree.audio import Excerpts
from stemtree.corpora import song_cache
from stemtree.corpora.load import load_corpus
from stemtree.corpora.track import AudioFile, Corpus, Stem, Track
from stemtree.data.salience import Chunking, SalienceIndex, index_file, measure_chunks, salience_index
from stemtree.errors import AudioError, CorpusError, OptionError
from stemtree.hierarchy import Hierarchy, load

RATE = 8000
LEAVES = ("vocals", "accompaniment/bass", "accompaniment/bass", "accompaniment/other")


@pytest.fixture
def musdb() -> Hierarchy:
    return load("musdb18")


def make_corpus(root: Path, lengths: dict[str, float], channels: int = 2) -> Corpus:
    tracks = []
    for number, (name, seconds) in enumerate(lengths.items()):
        generator, stems = np.random.default_rng(number), []
        for index, leaf in enumerate(LEAVES):
            audio = generator.uniform(-0.3, 0.3, (int(seconds * RATE), channels))
            audio *= np.sin(np.arange(len(audio)) / RATE * (index + 1))[:, None] ** 2  # louder and softer
            file = root / name / f"{index}.wav"
            file.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(file, audio, RATE)
            stems.append(Stem(str(index), leaf, leaf, AudioFile(file)))
        tracks.append(Track(name, "train", RATE, int(seconds * RATE), tuple(stems)))
    return Corpus(root, "folder", "musdb18", tuple(tracks))


def _slow(track: Track, node: str, start: int, stop: int) -> float:
    """The RMS of a chunk from its samples, in double precision."""
    signals = [
        soundfile.read(stem.file.path)[0] for stem in track.stems if f"{stem.leaf}/".startswith(f"{node}/" * bool(node))
    ]
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(np.mean(np.sum(signals, axis=0)[start:stop] ** 2)))


@pytest.mark.parametrize("chunking", [Chunking(), Chunking(4, 3), Chunking(1.7, 0.45), Chunking(2, 5)])
@pytest.mark.parametrize("seconds", [12.6, 10.0, 3.3])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_chunk_is_its_own_samples(
    chunking: Chunking, seconds: float, channels: int, musdb: Hierarchy, tmp_path: Path
) -> None:
    (track,) = make_corpus(tmp_path, {"a": seconds}, channels).tracks
    levels = measure_chunks(track, musdb, chunking)
    assert set(levels) == {"", "vocals", "accompaniment", "accompaniment/bass", "accompaniment/other"}
    length, hop = round(chunking.duration * RATE), round(chunking.hop * RATE)
    starts = list(range(0, max(track.num_samples - length, 0) + 1, hop))
    for node, level in levels.items():
        expected = [_slow(track, node, start, start + length) for start in starts]
        assert level.tolist() == pytest.approx(expected, abs=0.011)


def test_blocks_of_reading_do_not_show(musdb: Hierarchy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (track,) = make_corpus(tmp_path, {"a": 30}).tracks
    whole = measure_chunks(track, musdb, Chunking())
    monkeypatch.setattr("stemtree.data.kernels.MAX_VALUES", 8 * 3001)
    for node, level in measure_chunks(track, musdb, Chunking()).items():
        assert level.tolist() == pytest.approx(whole[node].tolist(), abs=0.011)


def test_silence_and_absence(musdb: Hierarchy, tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, {"a": 12})
    track = corpus.tracks[0]
    soundfile.write(track.stems[0].file.path, np.zeros((track.num_samples, 2)), RATE)
    index = salience_index(corpus, musdb, tmp_path / "index.parquet")
    assert index.rms("a", "vocals").tolist() == [-np.inf]
    assert index.salient("a", "vocals").tolist() == [False]
    assert index.salient("a", "accompaniment").tolist() == [True]
    assert index.rms("a", "accompaniment/drums").size == 0
    assert index.salient("a", "accompaniment/drums").tolist() == [False]


def _counting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    measured: list[str] = []

    def count(track: Track, *rest: object) -> object:
        measured.append(track.id)
        return measure_chunks(track, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("stemtree.data.salience.measure_chunks", count)
    return measured


def test_only_what_is_stale_is_measured_again_and_the_reason_is_told(
    musdb: Hierarchy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, file = make_corpus(tmp_path, {"a": 12, "b": 11, "c": 10}), tmp_path / "index.parquet"
    measured, reasons = _counting(monkeypatch), []
    first = salience_index(corpus, musdb, file, report=reasons.append)
    assert sorted(measured) == ["a", "b", "c"] and reasons == [f"there is no '{file}' yet"]
    written = file.stat().st_mtime_ns
    again = salience_index(corpus, musdb, file, report=reasons.append)
    assert len(measured) == 3 and file.stat().st_mtime_ns == written and len(reasons) == 1
    assert again.table.equals(first.table)

    path = corpus.tracks[1].stems[2].file.path
    os.utime(path, (1, 1))
    salience_index(corpus, musdb, file, report=reasons.append)
    assert measured[3:] == ["b"]
    assert reasons[1:] == [f"'{file}' is older than the audio of 1 song, such as 'b'"]
    smaller = Corpus(corpus.root, corpus.kind, corpus.hierarchy, corpus.tracks[:1])
    assert salience_index(smaller, musdb, file).table["track"].unique().to_list() == ["a"]
    assert measured[4:] == []
    salience_index(smaller, musdb, file, Chunking(5), report=reasons.append)
    assert measured[4:] == ["a"]
    assert reasons[2:] == [f"'{file}' was made with other chunks, labels or hierarchy"]
    larger = Corpus(corpus.root, corpus.kind, corpus.hierarchy, (*corpus.tracks, replace(corpus.tracks[0], id="d")))
    salience_index(larger, musdb, file, report=reasons.append)
    assert measured[5:] == ["d"] and reasons[3:] == [f"'{file}' lacks 1 song, such as 'd'"]
    file.write_bytes(b"PAR1 cut off")
    salience_index(smaller, musdb, file, report=reasons.append)
    assert reasons[4:] == [f"'{file}' is damaged or of another version"]


def test_the_index_of_a_corpus_that_cannot_be_written_to(
    musdb: Hierarchy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes to the user's cache, and what the corpus's own index holds is not measured again."""
    corpus = make_corpus(tmp_path / "songs", {"a": 12, "b": 11})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    shared = index_file(corpus)
    assert shared == corpus.root / f"salience-{corpus.hierarchy}.parquet"
    salience_index(replace(corpus, tracks=corpus.tracks[:1]), musdb, shared)
    monkeypatch.setattr(song_cache.os, "access", lambda path, mode: Path(path) != corpus.root)
    measured = _counting(monkeypatch)
    own = index_file(corpus)
    assert own.is_relative_to(tmp_path / "home" / "stemtree")
    salience_index(corpus, musdb, own)
    assert measured == ["b"] and pl.read_parquet(shared)["track"].unique().to_list() == ["a"]
    assert index_file(corpus) == own and pl.read_parquet(own)["track"].n_unique() == 2


def test_splits_pruned_trees_and_chunkings_share_a_file(
    musdb: Hierarchy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, file = make_corpus(tmp_path, {"a": 12, "b": 11}), tmp_path / "index.parquet"
    halves = [replace(whole, tracks=(track,)) for track in whole.tracks]
    tops = tuple(
        replace(track, stems=tuple(replace(stem, leaf=stem.leaf.split("/")[0]) for stem in track.stems))
        for track in whole.tracks
    )
    pruned, short = replace(whole, tracks=tops), Chunking(4, 2)
    measured = _counting(monkeypatch)
    first = [salience_index(*of) for of in (
        (whole, musdb, file), (pruned, musdb.prune(1), file), (whole, musdb, file, short)
    )]  # fmt: skip
    assert len(measured) == 6
    assert set(first[1].table["node"]) == {"", "vocals", "accompaniment"}
    for half in halves:
        assert set(salience_index(half, musdb, file).table["track"]) == {half.tracks[0].id}
    again = [salience_index(*of) for of in (
        (whole, musdb, file), (pruned, musdb.prune(1), file), (whole, musdb, file, short)
    )]  # fmt: skip
    assert all(index.table.equals(other.table) for index, other in zip(first, again, strict=True))
    assert len(measured) == 6
    rows = len(pl.read_parquet(file))
    os.utime(whole.tracks[0].stems[0].file.path, (1, 1))  # what was made from the old file goes
    salience_index(whole, musdb, file)
    assert len(pl.read_parquet(file)) == rows - len(first[1].table) // 2 - len(first[2].table) // 2


def test_what_others_measure_meanwhile_is_kept(musdb: Hierarchy, tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, {"a": 1, "b": 1})
    chunking, file = Chunking(0.5, 0.5), tmp_path / "index.parquet"
    first, second = (replace(corpus, tracks=corpus.tracks[number : number + 1]) for number in (0, 1))

    def meanwhile(done: int, total: int) -> None:
        salience_index(second, musdb, file, chunking, workers=1)

    salience_index(first, musdb, file, chunking, workers=1, progress=meanwhile)
    told: list[str] = []
    salience_index(corpus, musdb, file, chunking, workers=1, report=told.append)
    assert not told and set(pl.read_parquet(file)["track"]) == {"a", "b"}


def test_what_was_measured_before_a_failure_is_kept(
    musdb: Hierarchy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, file = make_corpus(tmp_path, {"a": 12, "b": 11, "c": 10}), tmp_path / "index.parquet"
    corpus.tracks[1].stems[0].file.path.write_bytes(b"RIFF what is left")
    with pytest.raises(AudioError, match=r"0\.wav'"):
        salience_index(corpus, musdb, file, workers=1)
    measured = _counting(monkeypatch)
    index = salience_index(corpus, musdb, file, workers=1, skip_bad=True)
    assert [(problem.track, problem.kind) for problem in index.problems] == [("b", "unreadable")]
    assert set(index.table["track"]) == {"a", "c"} and "a" not in measured
    make_corpus(tmp_path, {"a": 12, "b": 11})
    stopped = make_corpus(tmp_path, {"a": 12, "b": 11, "c": 10})

    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    file.unlink()
    with pytest.raises(KeyboardInterrupt):
        salience_index(stopped, musdb, file, workers=1, progress=interrupt)
    assert pl.read_parquet(file)["track"].n_unique() == 2


def test_an_index_that_cannot_be_written(musdb: Hierarchy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = make_corpus(tmp_path / "songs", {"a": 12})
    measured = _counting(monkeypatch)
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").touch()
    for place in (tmp_path / "taken", tmp_path / "file" / "x", Path("/proc/no/x")):
        with pytest.raises(CorpusError, match=f"cannot write the index '{place}' .*: give another file with -o"):
            salience_index(corpus, musdb, place)

    def full(path: Path, content: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(CorpusError, match=r"new' \(No space left on device\): make room, or give another file with"):
        salience_index(corpus, musdb, tmp_path / "new")
    assert not measured and {path.name for path in tmp_path.iterdir()} == {"songs", "taken", "file"}


def test_mono_stems_before_a_stereo_one(musdb: Hierarchy, tmp_path: Path) -> None:
    (track,) = make_corpus(tmp_path, {"a": 12}).tracks
    expected = measure_chunks(track, musdb, Chunking())
    for stem in track.stems[:2]:
        audio, _ = soundfile.read(stem.file.path)
        soundfile.write(stem.file.path, audio.mean(axis=1), RATE)
    as_mono = measure_chunks(track, musdb, Chunking())
    for stem in track.stems[:2]:
        audio, _ = soundfile.read(stem.file.path)
        soundfile.write(stem.file.path, np.stack([audio, audio], axis=1), RATE)
    twice = measure_chunks(track, musdb, Chunking())
    for node in expected:
        assert as_mono[node].tolist() == pytest.approx(twice[node].tolist(), abs=0.011)


@pytest.mark.parametrize("chunking", [Chunking(), Chunking(100, 100)])
def test_little_is_held_at_a_time(
    chunking: Chunking, musdb: Hierarchy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (track,) = make_corpus(tmp_path, {"a": 60}).tracks
    held: list[int] = []
    original = Excerpts.read

    def count(self: Excerpts, start: int, count: int) -> list[np.ndarray]:
        audio = original(self, start, count)
        held.append(sum(stem.size for stem in audio))
        return audio

    monkeypatch.setattr(Excerpts, "read", count)
    measure_chunks(track, musdb, chunking)
    assert max(held) <= 1 << 20 and sum(held) == 4 * 2 * track.num_samples


def test_a_thread_too_many_is_not_started(musdb: Hierarchy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    original = cluster.ThreadPoolExecutor
    monkeypatch.setattr(cluster, "ThreadPoolExecutor", lambda workers: asked.append(workers) or original(workers))
    salience_index(make_corpus(tmp_path, {"a": 12}), musdb, tmp_path / "index.parquet", workers=1000)
    assert asked == [16]


def test_the_threshold_is_no_reason_to_measure_again(musdb: Hierarchy, tmp_path: Path) -> None:
    corpus, file = make_corpus(tmp_path, {"a": 12}), tmp_path / "index.parquet"
    assert salience_index(corpus, musdb, file).salient("a", "vocals").all()
    written = file.stat().st_mtime_ns
    assert not salience_index(corpus, musdb, file, Chunking(threshold=0)).salient("a", "vocals").any()
    assert file.stat().st_mtime_ns == written


def test_workers_make_no_difference(musdb: Hierarchy, tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, {name: 11 for name in "abcdef"})
    tables = [salience_index(corpus, musdb, tmp_path / f"{n}.parquet", workers=n).table for n in (1, 3)]
    assert tables[0].equals(tables[1])


def test_a_damaged_index_is_made_anew(musdb: Hierarchy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus, file = make_corpus(tmp_path, {"a": 12}), tmp_path / "index.parquet"
    file.write_bytes(b"PAR1 nothing")
    whole = salience_index(corpus, musdb, file)
    assert isinstance(whole, SalienceIndex)

    def panic(file: Path, **options: object) -> pl.DataFrame:
        raise pl.exceptions.PanicException("index out of bounds")

    monkeypatch.setattr(pl, "read_parquet", panic)
    assert salience_index(corpus, musdb, file).table.equals(whole.table)


def test_a_stem_that_went_away(musdb: Hierarchy, tmp_path: Path) -> None:
    (track,) = make_corpus(tmp_path, {"a": 12}).tracks
    track.stems[0].file.path.write_text("")
    with pytest.raises(AudioError, match=r"0\.wav' is an empty file"):
        measure_chunks(track, musdb, Chunking())


def test_chunks_need_a_length() -> None:
    for duration, hop in ((0, 2.5), (np.nan, 1), (1, np.nan), (np.inf, 1), (1, 1e-5), (1e-5, 1), (1e300, 1)):
        with pytest.raises(OptionError, match=f"chunks of {duration} s every {hop} s cannot be".replace("+", r"\+")):
            Chunking(duration, hop)
    with pytest.raises(OptionError, match="'threshold' is nan: give a loudness"):
        Chunking(threshold=np.nan)


def test_a_loaded_corpus(tmp_path: Path, musdb: Hierarchy) -> None:
    make_corpus(tmp_path / "songs", {"a": 12})
    (tmp_path / "songs" / "a" / "0.wav").rename(tmp_path / "songs" / "a" / "vocals.wav")
    for name in "123":
        (tmp_path / "songs" / "a" / f"{name}.wav").unlink()
    corpus = load_corpus(tmp_path / "songs", "folder", "musdb18")
    assert salience_index(corpus, musdb, tmp_path / "index.parquet").rms("a", "vocals").size == 1


@pytest.mark.parametrize("kind", ["text", "table"])
def test_no_other_file_is_lost_to_an_index(kind: str, musdb: Hierarchy, tmp_path: Path) -> None:
    corpus, file = make_corpus(tmp_path, {"a": 12}), tmp_path / "results.parquet"
    if kind == "text":
        file.write_text("notes\n", "utf-8")
    else:
        pl.DataFrame({"node": ["bass"], "si_sdr": [1.0]}).write_parquet(file)
    before = file.read_bytes()
    with pytest.raises(CorpusError, match=r"'.*results.parquet' is no index, and would be lost: give another file"):
        salience_index(corpus, musdb, file)
    assert file.read_bytes() == before
