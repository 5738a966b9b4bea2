import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemtree.corpora.load import load_corpus
from stemtree.corpora.track import AudioFile, Corpus, Stem, Track
from stemtree.errors import AudioError, OptionError, StaleIndexError
from stemtree.examples.salience import Chunking, SalienceIndex, load_index, measure, salience_index
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
    levels = measure(track, musdb, chunking)
    assert set(levels) == {"", "vocals", "accompaniment", "accompaniment/bass", "accompaniment/other"}
    length, hop = round(chunking.duration * RATE), round(chunking.hop * RATE)
    starts = list(range(0, max(track.frames - length, 0) + 1, hop))
    for node, level in levels.items():
        expected = [_slow(track, node, start, start + length) for start in starts]
        assert level.tolist() == pytest.approx(expected, abs=0.011)


def test_blocks_of_reading_do_not_show(musdb: Hierarchy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (track,) = make_corpus(tmp_path, {"a": 30}).tracks
    whole = measure(track, musdb, Chunking())
    monkeypatch.setattr("stemtree.examples.salience._READ_SECONDS", 1)
    for node, level in measure(track, musdb, Chunking()).items():
        assert level.tolist() == pytest.approx(whole[node].tolist(), abs=0.011)


def test_silence_and_absence(musdb: Hierarchy, tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, {"a": 12})
    track = corpus.tracks[0]
    soundfile.write(track.stems[0].file.path, np.zeros((track.frames, 2)), RATE)
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
        return measure(track, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("stemtree.examples.salience.measure", count)
    return measured


def test_only_what_is_stale_is_measured_again(
    musdb: Hierarchy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, file = make_corpus(tmp_path, {"a": 12, "b": 11, "c": 10}), tmp_path / "index.parquet"
    measured = _counting(monkeypatch)
    first = salience_index(corpus, musdb, file)
    assert sorted(measured) == ["a", "b", "c"]
    written = file.stat().st_mtime_ns
    again = salience_index(corpus, musdb, file)
    assert len(measured) == 3 and file.stat().st_mtime_ns == written
    assert again.table.equals(first.table) and load_index(corpus, file).table.equals(first.table)

    path = corpus.tracks[1].stems[2].file.path
    os.utime(path, (1, 1))
    with pytest.raises(StaleIndexError, match=r"index.parquet' is older than the song 'b': build it again"):
        load_index(corpus, file)
    salience_index(corpus, musdb, file)
    assert measured[3:] == ["b"]
    with pytest.raises(StaleIndexError, match="is older than the song 'a'"):
        load_index(corpus, file, Chunking(5))
    smaller = Corpus(corpus.root, corpus.kind, corpus.hierarchy, corpus.tracks[:1])
    assert salience_index(smaller, musdb, file).table["track"].unique().to_list() == ["a"]
    with pytest.raises(StaleIndexError, match="lacks the song 'b'"):
        load_index(corpus, file)


def test_the_threshold_is_no_reason_to_measure_again(musdb: Hierarchy, tmp_path: Path) -> None:
    corpus, file = make_corpus(tmp_path, {"a": 12}), tmp_path / "index.parquet"
    assert salience_index(corpus, musdb, file).salient("a", "vocals").all()
    assert not load_index(corpus, file, Chunking(threshold=0)).salient("a", "vocals").any()


def test_workers_make_no_difference(musdb: Hierarchy, tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, {name: 11 for name in "abcdef"})
    tables = [salience_index(corpus, musdb, tmp_path / f"{n}.parquet", workers=n).table for n in (1, 3)]
    assert tables[0].equals(tables[1])


def test_a_damaged_index_is_made_anew(musdb: Hierarchy, tmp_path: Path) -> None:
    corpus, file = make_corpus(tmp_path, {"a": 12}), tmp_path / "index.parquet"
    file.write_bytes(b"PAR1 nothing")
    assert isinstance(salience_index(corpus, musdb, file), SalienceIndex)


def test_a_stem_that_went_away(musdb: Hierarchy, tmp_path: Path) -> None:
    (track,) = make_corpus(tmp_path, {"a": 12}).tracks
    track.stems[0].file.path.write_text("")
    with pytest.raises(AudioError, match=r"0\.wav' is an empty file"):
        measure(track, musdb, Chunking())


def test_chunks_need_a_length() -> None:
    with pytest.raises(OptionError, match=r"chunks of 0 s every 2\.5 s cannot be"):
        Chunking(0)


def test_a_loaded_corpus(tmp_path: Path, musdb: Hierarchy) -> None:
    make_corpus(tmp_path / "songs", {"a": 12})
    (tmp_path / "songs" / "a" / "0.wav").rename(tmp_path / "songs" / "a" / "vocals.wav")
    for name in "123":
        (tmp_path / "songs" / "a" / f"{name}.wav").unlink()
    corpus = load_corpus(tmp_path / "songs", "folder", "musdb18")
    assert salience_index(corpus, musdb, tmp_path / "index.parquet").rms("a", "vocals").size == 1
