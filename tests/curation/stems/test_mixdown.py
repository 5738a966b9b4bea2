from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile
import soxr
from support.multitracks import RATE, SONG, SONG_ID, build, ffmpeg_loudness, read_song, sound

from stemtree.corpora.check import check_corpus
from stemtree.curation.stems.settings import STEPS, StemSettings


def test_levels_by_an_independent_meter(raw: Path) -> None:
    build(raw)
    data, audio = read_song(raw / "MS21" / SONG_ID)
    stems = raw / "MS21" / SONG_ID / data["stem_dir"]
    for node, group in data["musdb_stems"].items():
        if node == "percussion":
            assert np.abs(audio[group["filename"]]).max() == pytest.approx(10 ** (-1 / 20), abs=1e-5)
        else:
            assert ffmpeg_loudness(stems / group["filename"], raw / "log") == pytest.approx(-25, abs=0.1)
    for stem in data["stems"].values():
        found = ffmpeg_loudness(stems / stem["filename"], raw / "log")
        assert found == pytest.approx(stem["loudness_lufs"], abs=0.1)


def test_as_in_the_thesis_instrument_stems_keep_their_level(raw: Path) -> None:
    build(raw, StemSettings(as_thesis=True))
    data, audio = read_song(raw / "MS21" / SONG_ID)
    stems = raw / "MS21" / SONG_ID / data["stem_dir"]
    for stem in data["stems"].values():
        if "percussion" in stem["node"]:
            assert stem["peak_dbfs"] == pytest.approx(-1, abs=1e-3)
        else:
            assert ffmpeg_loudness(stems / stem["filename"], raw / "log") == pytest.approx(-25, abs=0.1)
    for group in data["musdb_stems"].values():  # the recorded gain leads from one to the other
        total = sum(audio[data["stems"][stem]["filename"]] for stem in group["stems"])
        np.testing.assert_allclose(total * 10 ** (group["gain_db"] / 20), audio[group["filename"]], atol=1e-4)
    assert data["musdb_stems"]["other"]["gain_db"] < -1
    assert check_corpus(raw / "MS21", "ms21").problems == ()


def test_a_stem_is_the_sum_of_its_normalised_tracks(raw: Path) -> None:
    """A twin that holds everything in memory, for guitars of mono files in the middle."""
    build(raw)
    data, audio = read_song(raw / "MS21" / SONG_ID)
    meter = pyloudnorm.Meter(RATE, "DeMan")

    def levelled(signal: np.ndarray) -> np.ndarray:
        return signal * 10 ** ((-25 - meter.integrated_loudness(signal)) / 20)

    tracks = [soundfile.read(raw / "raw" / SONG / name)[0] for name in ("06_ElecGtr1.wav", "07_ElecGtr1DT.wav")]
    guitars = levelled(sum(levelled(np.stack([track, track], axis=1)) for track in tracks))
    stem = next(stem for stem in data["stems"].values() if stem["instrument"] == "electric_guitar")
    expected = guitars * 10 ** (stem["carried_gain_db"] / 20)
    np.testing.assert_allclose(audio[stem["filename"]], expected, atol=2e-4)


def test_recorded_balance_keeps_the_tracks_proportions(raw: Path) -> None:
    quiet = raw / "raw" / SONG / "07_ElecGtr1DT.wav"
    soundfile.write(quiet, soundfile.read(quiet)[0] * 0.1, RATE, "PCM_24")
    build(raw, StemSettings(recorded_balance=True))
    data, audio = read_song(raw / "MS21" / SONG_ID)
    stem = next(stem for stem in data["stems"].values() if stem["instrument"] == "electric_guitar")
    tracks = sum(soundfile.read(raw / "raw" / SONG / track["original"])[0] for track in stem["raw"].values())
    left = audio[stem["filename"]][:, 0]
    gain = (left @ tracks) / (tracks @ tracks)
    np.testing.assert_allclose(left, gain * tracks, atol=1e-5)


def test_pairs_go_left_and_right_and_takes_where_asked(raw: Path) -> None:
    build(raw, StemSettings(automix=True))
    data, _ = read_song(raw / "MS21" / SONG_ID)
    pan = {track["original"]: track["pan"] for stem in data["stems"].values() for track in stem["raw"].values()}
    assert (pan["02_Overheads L.wav"], pan["03_Overheads R.wav"], pan["01_Kick.wav"]) == (-1, 1, 0)
    assert (pan["06_ElecGtr1.wav"], pan["07_ElecGtr1DT.wav"]) == (-0.9, 0.9)
    assert (pan["10_BackingVox1.wav"], pan["11_BackingVox2.wav"]) == (-0.7, 0.7)
    gains = {track["original"]: track["gain_db"] for stem in data["stems"].values() for track in stem["raw"].values()}
    assert gains["02_Overheads L.wav"] == gains["03_Overheads R.wav"]


def test_other_rates_and_lengths(raw: Path) -> None:
    folder = raw / "raw" / SONG
    bass = sound(50, 1.5, 48000)
    soundfile.write(folder / "05_BassDI.wav", bass.T, 48000, "PCM_24")
    build(raw)
    data, audio = read_song(raw / "MS21" / SONG_ID)
    assert {len(signal) for signal in audio.values()} == {2 * RATE}
    stem = next(stem for stem in data["stems"].values() if stem["instrument"] == "bass")
    assert stem["raw"]["R01"]["sample_rate"] == 48000
    expected = soxr.resample(bass[0], 48000, RATE)
    found = audio[stem["filename"]][:, 0]
    scaled = expected * (found[: len(expected)] @ expected) / (expected @ expected)
    np.testing.assert_allclose(found[: len(expected)], scaled, atol=1e-5)
    assert not found[len(expected) + 1 :].any()


@pytest.mark.parametrize("as_thesis", [True, False])
def test_recorded_gains_lead_from_raw_tracks_to_the_mixture(raw: Path, as_thesis: bool) -> None:
    """Everything that was done to levels can be undone: what is left of the raw tracks' sums is rounding."""
    build(raw, StemSettings(as_thesis=as_thesis))
    data, audio = read_song(raw / "MS21" / SONG_ID)
    step = 1 / STEPS["float"]

    def factor(gain: float) -> float:
        return 10 ** (gain / 20)

    mono = [stem for stem in data["stems"].values() if all(t["channels"] == 1 for t in stem["raw"].values())]
    mono = [stem for stem in mono if all(t["sample_rate"] == RATE for t in stem["raw"].values())]
    assert len(mono) >= 3
    for stem in mono:
        total = np.zeros((2 * RATE, 2))
        for track in stem["raw"].values():
            signal, _ = soundfile.read(raw / "raw" / SONG / track["original"], dtype="float64")
            angle = (track["pan"] + 1) * np.pi / 4
            total[: len(signal)] += factor(track["gain_db"]) * signal[:, None] * [np.cos(angle), np.sin(angle)]
        total *= factor(stem["gain_db"] + stem["carried_gain_db"])
        np.testing.assert_allclose(audio[stem["filename"]], total, atol=step)  # spooled as 32-bit floats, then rounded
    if as_thesis:
        for group in data["musdb_stems"].values():
            total = factor(group["gain_db"]) * sum(audio[data["stems"][stem]["filename"]] for stem in group["stems"])
            np.testing.assert_allclose(audio[group["filename"]], total, atol=4 * step)
        total = sum(audio[group["filename"]] for group in data["musdb_stems"].values())
        np.testing.assert_allclose(audio["mix"], factor(data["overall_gain_db"]) * total, atol=step)
