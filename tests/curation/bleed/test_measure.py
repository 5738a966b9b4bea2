import csv
import errno
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import fftconvolve, sawtooth, square
from support.multitracks import write_annotation

from stemtree.curation.bleed.measure import BleedSettings, measure_bleed, update_leaks
from stemtree.curation.bleed.table import LEAK_COLUMNS, read_leaks
from stemtree.curation.sessions.sessions import read_session
from stemtree.errors import AudioError, CorpusError, OptionError
from stemtree.hierarchy import load

RATE, SECONDS = 16000, 24
MS21 = load("ms21")
LABELS = {"vox": "Lead_Vocal", "gtr": "Electric_Guitar", "pno": "Piano", "kick": "Drum_Kick", "snare": "Drum_Snare"}


def notes(seed: int, shape=sawtooth, pitches: int = 0) -> np.ndarray:
    """A melody with rests; `pitches` seeds what is played, so that two timbres can play one tune."""
    tune, random = np.random.default_rng(100 + pitches), np.random.default_rng(seed)
    audio, place = random.standard_normal(SECONDS * RATE) * 1e-4, 0
    while place < len(audio):
        length = int(tune.choice([2000, 4000, 8000]))
        time = np.arange(min(length, len(audio) - place)) / RATE
        pitch = 110 * 2 ** (tune.integers(0, 24) / 12)
        if tune.random() < 0.7:
            tone = shape(2 * np.pi * pitch * time + random.uniform(0, 6))
            audio[place : place + len(time)] += 0.1 * tone * np.exp(-4 * time) * random.uniform(0.6, 1)
        place += length
    return audio


def hits(seed: int, times: int = 0) -> np.ndarray:
    """One sampled drum; `times` seeds the rhythm."""
    random, rhythm = np.random.default_rng(seed), np.random.default_rng(200 + times)
    sample = random.standard_normal(3000) * np.exp(-np.arange(3000) / random.uniform(200, 700))
    audio = random.standard_normal(SECONDS * RATE) * 1e-4
    for place in np.cumsum(rhythm.choice([4000, 8000], 40)):
        if place + 3000 < len(audio):
            audio[place : place + 3000] += 0.2 * sample * rhythm.uniform(0.5, 1)
    return audio


def heard(source: np.ndarray, own: np.ndarray, level: float, delay: float = 0.008, seed: int = 0) -> np.ndarray:
    """`own`, and a source through a small room at a level relative to it."""
    random, response = np.random.default_rng(seed), np.zeros(2000)
    response[round(delay * RATE)] = 1
    for _ in range(4):
        response[round((delay + random.uniform(0.002, 0.012)) * RATE)] += random.uniform(-0.5, 0.5)
    response = fftconvolve(response, [0.3, 0.4, 0.3])[:2000]
    leak = fftconvolve(source, response)[: len(own)]
    return own + leak * 10 ** (level / 20) * np.sqrt(np.mean(own**2) / np.mean(leak**2))


def measure(folder: Path, tracks: dict[str, np.ndarray], rate: int = RATE):
    folder.mkdir(exist_ok=True)
    rows = [(f"{name}.wav", LABELS[name.rstrip("123")]) for name in tracks]
    for (file, _), audio in zip(rows, tracks.values(), strict=True):
        soundfile.write(folder / file, audio.T, rate, "PCM_24")
    found = measure_bleed(read_session(folder, "A - B", rows, MS21))
    return {name: found[f"{name}.wav"] for name in tracks}


@pytest.mark.parametrize("level", [-6, -20, -35])
def test_leaks_are_found_with_source_delay_and_level(tmp_path: Path, level: float) -> None:
    guitar, voice, piano = notes(1, pitches=1), notes(2, pitches=2), notes(3, square, pitches=3)
    found = measure(tmp_path / "s", {"gtr": guitar, "vox": heard(guitar, voice, level), "pno": piano})
    leak = found["vox"]
    assert leak.leaks and (leak.from_label, leak.from_file) == ("Electric_Guitar", "gtr.wav")
    assert leak.delay_ms == pytest.approx(8, abs=0.3)
    assert leak.leak_db == pytest.approx(level - 10 * np.log10(1 + 10 ** (level / 10)), abs=2)
    assert not found["gtr"].leaks and not found["pno"].leaks


def test_both_ways_at_once(tmp_path: Path) -> None:
    guitar, drum = notes(1, pitches=1), hits(4)
    tracks = {"gtr": heard(drum, guitar, -18, 0.006, 1), "kick": heard(guitar, drum, -18, 0.006, 2), "pno": notes(5)}
    found = measure(tmp_path / "s", tracks)
    assert [found[name].from_label for name in tracks] == ["Drum_Kick", "Electric_Guitar", ""]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (notes(1, sawtooth, 7), notes(2, square, 7)),  # one tune on two instruments
        (notes(1, sawtooth, 7), np.roll(notes(2, square, 7), 160)),  # and one of them 10 ms late
        (hits(3, 5), np.roll(hits(4, 5), 100)),  # one rhythm on two drums
    ],
)
def test_music_that_goes_together_does_not_leak(tmp_path: Path, first: np.ndarray, second: np.ndarray) -> None:
    found = measure(tmp_path / "s", {"gtr": first, "pno": second, "vox": notes(9, pitches=4)})
    assert not any(leak.leaks for leak in found.values())


def test_microphones_of_one_instrument_are_told_apart(tmp_path: Path) -> None:
    kick = hits(1)
    found = measure(tmp_path / "s", {"kick": kick, "snare": heard(kick, hits(2, 3), -10), "vox": notes(9)})
    assert not found["snare"].leaks
    assert found["snare"].same_instrument_db == pytest.approx(-10.4, abs=2) and found["snare"].leak_db is None


def test_stereo_files_of_other_rates_and_lengths(tmp_path: Path) -> None:
    guitar, voice = notes(1, pitches=1), notes(2, pitches=2)
    folder = tmp_path / "s"
    measure(folder, {"gtr": guitar, "vox": heard(guitar, voice, -15)})
    longer = np.repeat(np.concatenate([guitar, guitar]), 2)  # 32 kHz, with images that the resampler takes off
    soundfile.write(folder / "gtr.wav", np.stack([longer, longer], axis=1), 2 * RATE, "PCM_24")
    rows = [("gtr.wav", "Electric_Guitar"), ("vox.wav", "Lead_Vocal")]
    assert measure_bleed(read_session(folder, "A - B", rows, MS21))["vox.wav"].leaks


def test_silence_one_track_and_a_click(tmp_path: Path) -> None:
    click = np.zeros(RATE)
    click[100] = 0.5
    for tracks in ({"vox": click}, {"vox": np.zeros(RATE), "gtr": np.zeros(RATE)}, {"vox": click, "gtr": click[:300]}):
        assert not any(leak.leaks for leak in measure(tmp_path / "s", tracks).values())


def test_table_keeps_what_is_there_and_flags_by_threshold(tmp_path: Path) -> None:
    guitar, table = notes(1, pitches=1), tmp_path / "out" / "bleed.csv"
    rows = []
    for song in ("A - B", "C - D"):
        measure(tmp_path / song, {"gtr": guitar, "vox": heard(guitar, notes(2, pitches=2), -20)})
        rows += [(song, "gtr.wav", "Electric_Guitar"), (song, "vox.wav", "Lead_Vocal")]
    annotation = write_annotation(tmp_path / "annotation.csv", rows)
    first = update_leaks([tmp_path / "A - B"], annotation, table, BleedSettings(), workers=1)
    assert (first.measured, first.kept) == (["A - B"], [])
    both = [tmp_path / "A - B", tmp_path / "C - D"]
    second = update_leaks(both, annotation, table, BleedSettings(), workers=1)
    assert (second.measured, second.kept) == (["C - D"], ["A - B"])
    with table.open() as text:
        read = list(csv.DictReader(text))
    assert tuple(read[0]) == LEAK_COLUMNS
    assert [(row["song"], row["file"], row["leaks"]) for row in read] == [
        ("A - B", "gtr.wav", "0"),
        ("A - B", "vox.wav", "1"),
        ("C - D", "gtr.wav", "0"),
        ("C - D", "vox.wav", "1"),
    ]
    measure(tmp_path / "A - B", {"gtr": guitar, "vox": heard(guitar, notes(2, pitches=2), -10)})
    third = update_leaks(both, annotation, table, BleedSettings(), workers=1)
    assert (third.measured, third.kept) == (["A - B"], ["C - D"])
    (loud,) = (leak.leak_db for file, leak in read_leaks(table)["A - B"].items() if file == "vox.wav")
    assert loud > read_leaks(table)["C - D"]["vox.wav"].leak_db + 5
    update_leaks(both, annotation, table, BleedSettings(threshold=-10), workers=1)
    assert not read_leaks(table)["C - D"]["vox.wav"].leaks
    (tmp_path / "own.yaml").write_text("name: own\ntree: {strings: {electric_guitar: {}}, lead_vocal: {}}\n")
    other_leaves = BleedSettings(hierarchy=str(tmp_path / "own.yaml"))
    assert update_leaks(both[:1], annotation, table, other_leaves, workers=1).kept == []


def test_bad_input_is_named(tmp_path: Path) -> None:
    measure(tmp_path / "A - B", {"gtr": notes(1), "vox": notes(2)})
    (tmp_path / "A - B" / "vox.wav").write_bytes(b"nothing")
    annotation = write_annotation(tmp_path / "a.csv", [("A - B", "gtr.wav", "Piano"), ("A - B", "vox.wav", "Violin")])
    report = update_leaks([tmp_path / "A - B"], annotation, tmp_path / "t.csv", BleedSettings(), workers=1)
    assert report.measured == [] and "'A - B' was not measured" in report.problems[0].message
    (tmp_path / "C - D").mkdir()
    report = update_leaks([tmp_path / "C - D"], annotation, tmp_path / "t.csv", BleedSettings())
    assert report.measured == [] and "no rows for 'C - D'" in report.problems[0].message
    with pytest.raises(CorpusError, match="no folder"):
        update_leaks([tmp_path / "none"], annotation, tmp_path / "t.csv", BleedSettings())
    with pytest.raises(OptionError, match="threshold of 3"):
        BleedSettings(threshold=3)


def test_no_room_for_temporary_files_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "A - B").mkdir()
    soundfile.write(tmp_path / "A - B" / "a.wav", hits(0), RATE)
    session = read_session(tmp_path / "A - B", "A - B", [("a.wav", "Piano")], MS21)
    monkeypatch.setattr("stemtree.curation.bleed.measure.Spool.fill", full)
    with pytest.raises(AudioError, match=r"\(No space left on device\): make room, or set TMPDIR to another folder"):
        measure_bleed(session)
