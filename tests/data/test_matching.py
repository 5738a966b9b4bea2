import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.audio import encode

from stemtree.corpora.track import AudioFile, Corpus, Stem, Track
from stemtree.data.augmentation import Augmentation, Augmenter, Cut, apply
from stemtree.data.matching import Pulse, pulse, pulses
from stemtree.data.salience import Chunking
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
    found = pulse(clicks(100) + chords(tonic, minor), RATE)
    assert min(abs(found.tempo / 100 - factor) for factor in (0.5, 1, 2)) < 0.05
    assert found.key == key
    beats = (found.beats - 0.3) / 0.6
    assert len(beats) > 10 and np.abs(beats - np.rint(beats)).max() < 0.1


def test_without_librosa(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(OptionError, match=r"tempo and key needs librosa: `pip install 'stemtree\[train\]'`"):
        pulse(np.ones(RATE, np.float32), RATE)


def test_silence_has_no_tempo() -> None:
    assert pulse(np.zeros(RATE, np.float32), RATE).tempo == 0


def test_what_fits() -> None:
    song = Pulse(120, 11, NO_BEATS)
    assert song.fit(Pulse(110, 1, NO_BEATS)) == pytest.approx((120 / 110, -2))
    assert song.fit(Pulse(62, 11, NO_BEATS)) == pytest.approx((60 / 62, 0))  # one beat for two
    assert song.fit(Pulse(120, 2, NO_BEATS)) is None
    assert song.fit(Pulse(90, 11, NO_BEATS)) is None
    assert song.fit(Pulse(0, 11, NO_BEATS)) is None


def test_remixes_share_tempo_key_and_beat(tmp_path: Path) -> None:
    corpus = write_songs(tmp_path, [(100, 0), (108, 2), (140, 6)])
    found = pulses(corpus, tmp_path / "pulses.parquet")
    stamp = (tmp_path / "pulses.parquet").stat().st_mtime_ns
    assert pulses(corpus, tmp_path / "pulses.parquet").keys() == found.keys() == {"0", "1", "2"}
    assert (tmp_path / "pulses.parquet").stat().st_mtime_ns == stamp
    augmenter = Augmenter(Augmentation(remix=1.0), corpus, Chunking(8, 2), found)
    cuts = [Cut(0, 0, 2 * RATE), Cut(0, 1, 2 * RATE)]
    mixes = [augmenter.vary(cuts, np.random.default_rng(seed)) for seed in range(200)]
    assert {cut.track for mix in mixes for cut in mix} == {0, 1}  # the third is too fast
    assert {tuple(sorted({(cut.track, cut.stem) for cut in mix})) for mix in mixes} == {
        ((0, 0), (0, 1)), ((0, 0), (1, 1)), ((0, 1), (1, 0)), ((1, 0), (1, 1)),
    }  # fmt: skip
    theirs = [cut for mix in mixes for cut in mix if cut.track == 1]
    assert all(abs(cut.tempo - 100 / 108) < 0.02 for cut in theirs)
    assert {cut.pitch for cut in theirs if cut.stem == 1} == {-2} and {c.pitch for c in theirs if c.stem == 0} == {0}
    whole = clicks(108)
    for cut in {cut for cut in theirs if cut.stem == 0}:
        stretched = apply(whole[None, cut.start :][:, : 8 * RATE], cut, RATE, 7 * RATE)[0]
        onset = int(np.argmax(np.abs(stretched[: RATE // 2 + 2000]))) / RATE
        beat = (onset + 2 - 0.3) / 0.6  # on a beat of the first song, to a sixth of it
        assert abs(beat - round(beat)) < 0.17


def test_codecs_that_hold_more_than_they_announce(tmp_path: Path) -> None:
    """AAC comes in whole frames; what lies past the song's end is left."""
    path = tmp_path / "song.m4a"
    encode(path, "aac", np.random.default_rng(0).uniform(-0.3, 0.3, (2, 50_000)).astype(np.float32), {})
    track = Track("a", None, 44100, 44_100, (Stem("v", "v", VOCALS, AudioFile(path)),))
    corpus = Corpus(tmp_path, "folder", "musdb18", (track,))
    assert pulses(corpus, tmp_path / "pulses.parquet").keys() == {"a"}


LEAVES = ([DRUMS, BASS], [DRUMS, BASS, VOCALS])


def remixed(augmentation: Augmentation, factor: float, semitones: int, times: int = 300, **options) -> list[list[Cut]]:
    """Remixes of the first of two songs with the second, which must be changed by this much to fit."""
    tracks = [
        Track(str(n), None, 100, 3000, tuple(Stem(leaf, leaf, leaf, AudioFile(Path("none.wav"))) for leaf in leaves))
        for n, leaves in enumerate(LEAVES)
    ]
    beats = np.arange(0, 30, 0.5, np.float32)
    known = {"0": Pulse(120, 5 + semitones, beats), "1": Pulse(120 / factor, 5, beats / factor)}
    augmenter = Augmenter(
        augmentation, Corpus(Path(), "folder", "musdb18", tuple(tracks)), Chunking(8, 2), known, **options
    )
    return [augmenter.vary([Cut(0, 0, 400), Cut(0, 1, 400)], np.random.default_rng(seed)) for seed in range(times)]


def test_a_remix_loses_no_leaf() -> None:
    """Where both have a leaf either may give it; a leaf of one alone stays."""
    for mix in remixed(Augmentation(remix=1.0), 1.0, 0):
        assert sorted(LEAVES[cut.track][cut.stem] for cut in mix) == [BASS, DRUMS, VOCALS]


def test_a_remix_and_what_is_done_to_the_song_stay_in_range_together() -> None:
    for factor, semitones in ((1.11, 2), (0.89, -2)):
        mixes = remixed(Augmentation(remix=1.0, pitch=2.0, tempo=(0.88, 1.12)), factor, semitones)
        cuts = [cut for mix in mixes for cut in mix]
        assert all(0.88 - 1e-9 <= cut.tempo <= 1.12 + 1e-9 and -2 <= cut.pitch <= 2 for cut in cuts)
        assert len({cut.tempo for cut in cuts}) > 50
        for mix in mixes:  # and stay matched
            for ours in (cut for cut in mix if cut.track == 0):
                for theirs in (cut for cut in mix if cut.track == 1):
                    assert theirs.tempo / ours.tempo == pytest.approx(factor)
                    if ours.pitch and theirs.pitch:
                        assert theirs.pitch - ours.pitch == pytest.approx(semitones)


def test_remixed_stems_stay_together() -> None:
    mixes = remixed(Augmentation(remix=1.0, shift=0.5, other_song=0.5, doubled=0.5), 1.05, 1)
    assert all(len({(cut.track, cut.start, cut.tempo) for cut in mix}) <= 2 for mix in mixes)
    assert all(cut.start == 400 and cut.tempo == 1 for mix in mixes for cut in mix if cut.track == 0)
    assert all(cut.tempo == pytest.approx(1.05) for mix in mixes for cut in mix if cut.track == 1)


def test_a_partner_begins_on_the_beat_where_truth_is_there() -> None:
    """A partner without such a chunk is none."""
    mixes = remixed(Augmentation(remix=1.0), 1.05, 0, is_missing=lambda track, start: start >= 500)
    starts = {cut.start for mix in mixes for cut in mix if cut.track == 1}
    assert starts and max(starts) < 500
    assert (
        remixed(Augmentation(remix=1.0), 1.0, 0, 3, is_missing=lambda track, start: True)
        == [[Cut(0, 0, 400), Cut(0, 1, 400)]] * 3
    )


def test_without_pulses_or_partners(tmp_path: Path) -> None:
    corpus = write_songs(tmp_path, [(100, 0), (140, 6)])
    with pytest.raises(OptionError, match="a remix needs the songs' tempi and keys"):
        Augmenter(Augmentation(remix=0.5), corpus, Chunking(8, 2))
    with pytest.raises(OptionError, match="and '1' has none: give the corpus's `pulses`"):
        Augmenter(Augmentation(remix=0.5), corpus, Chunking(8, 2), {"0": Pulse(100, 0, NO_BEATS)})
    apart = {"0": Pulse(100, 0, NO_BEATS), "1": Pulse(140, 6, NO_BEATS)}
    cuts = [Cut(0, 0, 0), Cut(0, 1, 0)]
    assert (
        Augmenter(Augmentation(remix=1.0), corpus, Chunking(8, 2), apart).vary(cuts, np.random.default_rng(0)) == cuts
    )
