import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.audio import encode

from stemtree.corpora.track import AudioFile, Corpus, Stem, Track
from stemtree.data.augmentation import Augmentation, Augmenter
from stemtree.data.matching import Match, RemixFeatures, estimate_features, features_file, remix_features
from stemtree.data.salience import Chunking
from stemtree.data.stem_excerpt import StemExcerpt, apply_augmentation
from stemtree.errors import OptionError

RATE, SECONDS = 16000, 24
DRUMS, BASS, VOCALS = "accompaniment/drums", "accompaniment/bass", "vocals"
NO_BEATS = np.empty(0, np.float32)


def clicks(bpm: float) -> np.ndarray:
    audio = np.zeros(SECONDS * RATE, np.float32)
    burst = np.random.default_rng(0).uniform(-0.5, 0.5, 400) * np.hanning(400)
    for beat in np.arange(0.3, SECONDS - 0.1, 60 / bpm):
        audio[round(beat * RATE) :][:400] += burst
    return audio


def chords(tonic: int, minor: bool = False) -> np.ndarray:
    """Tonic, subdominant and dominant triads, two seconds each."""
    degrees = {False: ((0, 4, 7), (5, 9, 12), (7, 11, 14)), True: ((0, 3, 7), (5, 8, 12), (7, 11, 14))}[minor]
    time = np.arange(2 * RATE) / RATE
    bars = [sum(np.sin(2 * np.pi * 261.63 * 2 ** ((tonic + step) / 12) * time) for step in chord) for chord in degrees]
    return np.resize(np.concatenate(bars), SECONDS * RATE).astype(np.float32) / 30


def write_songs(root: Path, songs: list[tuple[float, int]]) -> Corpus:
    tracks = []
    for number, (bpm, tonic) in enumerate(songs):
        stems = {DRUMS: clicks(bpm), BASS: chords(tonic)}
        for name, audio in stems.items():
            path = root / str(number) / f"{name.rpartition('/')[2]}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, audio, RATE, "PCM_16")
        files = {name: AudioFile(root / str(number) / f"{name.rpartition('/')[2]}.wav") for name in stems}
        found = tuple(Stem(name, name, name, file) for name, file in files.items())
        tracks.append(Track(str(number), None, RATE, SECONDS * RATE, found))
    return Corpus(root, "folder", "musdb18", tuple(tracks))


@pytest.mark.parametrize(("tonic", "minor", "key"), [(0, False, 0), (7, False, 7), (9, True, 0), (2, True, 5)])
def test_tempo_and_key(tonic: int, minor: bool, key: int) -> None:
    found = estimate_features(clicks(100) + chords(tonic, minor), RATE)
    assert min(abs(found.tempo / 100 - factor) for factor in (0.5, 1, 2)) < 0.05
    assert found.key == key
    beats = (found.beats - 0.3) / 0.6
    assert len(beats) > 10 and np.abs(beats - np.rint(beats)).max() < 0.1


def test_without_librosa(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(OptionError, match=r"tempo and key needs librosa: `pip install 'stemtree\[train\]'`"):
        estimate_features(np.ones(RATE, np.float32), RATE)


def test_silence_has_no_tempo() -> None:
    assert estimate_features(np.zeros(RATE, np.float32), RATE).tempo == 0


def test_what_matches() -> None:
    song = RemixFeatures(120, 11, NO_BEATS)
    assert song.match(RemixFeatures(110, 1, NO_BEATS)) == Match(pytest.approx(120 / 110), -2)
    assert song.match(RemixFeatures(62, 11, NO_BEATS)) == Match(pytest.approx(60 / 62), 0)  # one beat for two
    assert song.match(RemixFeatures(120, 2, NO_BEATS)) is None
    assert song.match(RemixFeatures(90, 11, NO_BEATS)) is None
    assert song.match(RemixFeatures(0, 11, NO_BEATS)) is None


def test_remixes_share_tempo_key_and_beat(tmp_path: Path) -> None:
    corpus = write_songs(tmp_path, [(100, 0), (108, 2), (140, 6)])
    found = remix_features(corpus, tmp_path / "pulses.parquet")
    stamp = (tmp_path / "pulses.parquet").stat().st_mtime_ns
    assert remix_features(corpus, tmp_path / "pulses.parquet").keys() == found.keys() == {"0", "1", "2"}
    assert (tmp_path / "pulses.parquet").stat().st_mtime_ns == stamp
    augmenter = Augmenter(Augmentation(remix=1.0), corpus, Chunking(8, 2), found)
    excerpts = [StemExcerpt(0, 0, 2 * RATE), StemExcerpt(0, 1, 2 * RATE)]
    mixes = [augmenter.augment(excerpts, np.random.default_rng(seed)) for seed in range(200)]
    assert {excerpt.track for mix in mixes for excerpt in mix} == {0, 1}  # the third is too fast
    assert {tuple(sorted({(excerpt.track, excerpt.stem) for excerpt in mix})) for mix in mixes} == {
        ((0, 0), (0, 1)), ((0, 0), (1, 1)), ((0, 1), (1, 0)), ((1, 0), (1, 1)),
    }  # fmt: skip
    theirs = [excerpt for mix in mixes for excerpt in mix if excerpt.track == 1]
    assert all(abs(excerpt.tempo - 100 / 108) < 0.02 for excerpt in theirs)
    assert {excerpt.pitch for excerpt in theirs if excerpt.stem == 1} == {-2} and {
        c.pitch for c in theirs if c.stem == 0
    } == {0}
    whole = clicks(108)
    for excerpt in {excerpt for excerpt in theirs if excerpt.stem == 0}:
        stretched = apply_augmentation(whole[None, excerpt.start :][:, : 8 * RATE], excerpt, RATE, 7 * RATE)[0]
        onset = int(np.argmax(np.abs(stretched[: RATE // 2 + 2000]))) / RATE
        beat = (onset + 2 - 0.3) / 0.6  # on a beat of the first song, to a sixth of it
        assert abs(beat - round(beat)) < 0.17


def test_codecs_that_hold_more_than_they_announce(tmp_path: Path) -> None:
    """AAC comes in whole frames; what lies past the song's end is left."""
    path = tmp_path / "song.m4a"
    encode(path, "aac", np.random.default_rng(0).uniform(-0.3, 0.3, (2, 50_000)).astype(np.float32), {})
    track = Track("a", None, 44100, 44_100, (Stem("v", "v", VOCALS, AudioFile(path)),))
    corpus = Corpus(tmp_path, "folder", "musdb18", (track,))
    assert remix_features(corpus, tmp_path / "pulses.parquet").keys() == {"a"}


LEAVES = ([DRUMS, BASS], [DRUMS, BASS, VOCALS])


def remixed(
    augmentation: Augmentation, factor: float, semitones: int, times: int = 300, **options
) -> list[list[StemExcerpt]]:
    """Remixes of the first of two songs with the second, which must be changed by this much to fit."""
    tracks = [
        Track(str(n), None, 100, 3000, tuple(Stem(leaf, leaf, leaf, AudioFile(Path("none.wav"))) for leaf in leaves))
        for n, leaves in enumerate(LEAVES)
    ]
    beats = np.arange(0, 30, 0.5, np.float32)
    known = {"0": RemixFeatures(120, 5 + semitones, beats), "1": RemixFeatures(120 / factor, 5, beats / factor)}
    augmenter = Augmenter(
        augmentation, Corpus(Path(), "folder", "musdb18", tuple(tracks)), Chunking(8, 2), known, **options
    )
    return [
        augmenter.augment([StemExcerpt(0, 0, 400), StemExcerpt(0, 1, 400)], np.random.default_rng(seed))
        for seed in range(times)
    ]


def test_a_remix_loses_no_leaf() -> None:
    """Where both have a leaf either may give it; a leaf of one alone stays."""
    for mix in remixed(Augmentation(remix=1.0), 1.0, 0):
        assert sorted(LEAVES[excerpt.track][excerpt.stem] for excerpt in mix) == [BASS, DRUMS, VOCALS]


def test_a_remix_and_what_is_done_to_the_song_stay_in_range_together() -> None:
    for factor, semitones in ((1.11, 2), (0.89, -2)):
        mixes = remixed(Augmentation(remix=1.0, pitch=2.0, tempo=(0.88, 1.12)), factor, semitones)
        excerpts = [excerpt for mix in mixes for excerpt in mix]
        assert all(0.88 - 1e-9 <= excerpt.tempo <= 1.12 + 1e-9 and -2 <= excerpt.pitch <= 2 for excerpt in excerpts)
        assert len({excerpt.tempo for excerpt in excerpts}) > 50
        for mix in mixes:  # and stay matched
            for ours in (excerpt for excerpt in mix if excerpt.track == 0):
                for theirs in (excerpt for excerpt in mix if excerpt.track == 1):
                    assert theirs.tempo / ours.tempo == pytest.approx(factor)
                    if ours.pitch and theirs.pitch:
                        assert theirs.pitch - ours.pitch == pytest.approx(semitones)


def test_remixed_stems_stay_together() -> None:
    mixes = remixed(Augmentation(remix=1.0, shift=0.5, other_song=0.5, doubled=0.5), 1.05, 1)
    assert all(len({(excerpt.track, excerpt.start, excerpt.tempo) for excerpt in mix}) <= 2 for mix in mixes)
    assert all(excerpt.start == 400 and excerpt.tempo == 1 for mix in mixes for excerpt in mix if excerpt.track == 0)
    assert all(excerpt.tempo == pytest.approx(1.05) for mix in mixes for excerpt in mix if excerpt.track == 1)


def test_a_partner_begins_on_the_beat_where_truth_is_there() -> None:
    """A partner without such a chunk is none."""
    mixes = remixed(Augmentation(remix=1.0), 1.05, 0, is_missing=lambda track, start: start >= 500)
    starts = {excerpt.start for mix in mixes for excerpt in mix if excerpt.track == 1}
    assert starts and max(starts) < 500
    assert (
        remixed(Augmentation(remix=1.0), 1.0, 0, 3, is_missing=lambda track, start: True)
        == [[StemExcerpt(0, 0, 400), StemExcerpt(0, 1, 400)]] * 3
    )


def test_without_features_or_partners(tmp_path: Path) -> None:
    corpus = write_songs(tmp_path, [(100, 0), (140, 6)])
    with pytest.raises(OptionError, match="a remix needs the songs' tempi and keys"):
        Augmenter(Augmentation(remix=0.5), corpus, Chunking(8, 2))
    with pytest.raises(OptionError, match="and '1' has none: give `remix_features` of the corpus"):
        Augmenter(Augmentation(remix=0.5), corpus, Chunking(8, 2), {"0": RemixFeatures(100, 0, NO_BEATS)})
    apart = {"0": RemixFeatures(100, 0, NO_BEATS), "1": RemixFeatures(140, 6, NO_BEATS)}
    excerpts = [StemExcerpt(0, 0, 0), StemExcerpt(0, 1, 0)]
    assert (
        Augmenter(Augmentation(remix=1.0), corpus, Chunking(8, 2), apart).augment(excerpts, np.random.default_rng(0))
        == excerpts
    )


def test_features_of_a_corpus_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = Corpus(tmp_path / "songs", "folder", "ms21", ())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    assert features_file(corpus).is_relative_to(tmp_path / "home")  # there is no such folder
    corpus.root.mkdir()
    assert features_file(corpus) == corpus.root / "pulses.parquet"
