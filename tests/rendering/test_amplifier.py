from dataclasses import replace

import numpy as np
import pytest
from support.midi import RATE

from stemtree.rendering.amplifier import AMPLIFIER, amplify, draw_amplifier
from stemtree.rendering.effects import amplified, apply_effects, draw_effects
from stemtree.rendering.midi import MidiPart

pretty_midi = pytest.importorskip("pretty_midi")


def part(program: int, *notes: tuple[int, float, float]) -> MidiPart:
    instrument = pretty_midi.Instrument(program)
    instrument.notes = [pretty_midi.Note(90, pitch, start, end) for pitch, start, end in notes]
    return MidiPart(program, instrument)


LINE = tuple((64 + beat % 3, beat / 2, beat / 2 + 0.4) for beat in range(8))


def tones(*hertz: float, seconds: float = 1.0) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return np.tile(sum(np.sin(2 * np.pi * one * time) for one in hertz), (2, 1)).astype(np.float32) / 10


def level(audio: np.ndarray, hertz: float) -> float:
    """Amplitude of a partial in dB below the loudest one."""
    spectrum = np.abs(np.fft.rfft(audio[0] * np.hanning(audio.shape[1])))
    at = round(hertz * audio.shape[1] / RATE)
    return float(20 * np.log10(spectrum[at - 2 : at + 3].max() / spectrum.max()))


def test_a_chord_is_distorted_as_a_whole() -> None:
    """The difference of two strings' pitches appears, which neither string has by itself; a clean one has none."""
    chord = tones(440, 660)
    driven = amplify(chord, RATE, drive_db=30, low_hz=60)
    alone = amplify(tones(440), RATE, drive_db=30, low_hz=60) + amplify(tones(660), RATE, drive_db=30, low_hz=60)
    assert level(driven, 220) > -30 and level(alone, 220) < -60
    assert level(amplify(chord, RATE, drive_db=-60), 220) < -50


def test_loudness_does_not_matter_and_the_cabinet_has_no_treble() -> None:
    audio = tones(200, seconds=0.5)
    driven = amplify(audio, RATE, drive_db=20, high_hz=2000)
    np.testing.assert_allclose(driven, amplify(audio / 50, RATE, drive_db=20, high_hz=2000), atol=1e-4)
    assert level(driven, 600) > -35 and level(driven, 0.45 * RATE) < -60


def test_where_it_stands() -> None:
    left = tones(200, 300, seconds=0.5) * np.array([[1], [0.25]], np.float32)
    one = amplify(left, RATE, drive_db=10)
    np.testing.assert_allclose(one[1], 0.25 * one[0], atol=1e-5)
    two = amplify(left, RATE, drive_db=10, twice=1, cabinet=3)
    assert two.shape == left.shape and abs(np.corrcoef(two)[0, 1]) < 0.95
    assert amplify(left[:1], RATE, drive_db=10, twice=1).shape == left[:1].shape
    silence = np.zeros((2, 100), np.float32)
    assert not amplify(silence, RATE, drive_db=10).any()


def test_what_is_amplified() -> None:
    random = np.random.default_rng(0)
    assert draw_amplifier(part(0, *LINE), random) is None and draw_amplifier(part(32 + 6, *LINE), random) is None
    drawn = [draw_amplifier(part(27 + 3 * (number % 2), *LINE), random) for number in range(200)]
    found = [one for one in drawn if one]
    assert 140 < len(found) < 180
    assert {one.part.name for one in found} == {
        "Electric Guitar (clean)", "Overdriven Guitar", "Distortion Guitar",
    }  # fmt: skip
    assert {one.played.program for one in found} == {26, 27, 28}
    for one in found:
        assert one.part.instrument is one.played.instrument
        assert (one.part.program == 30) == (one.settings["drive_db"] > 16)
    chords = [one for one in found if len(one.part.instrument.notes) > len(LINE)]
    assert 20 < len(chords) < 80
    assert all(min(note.pitch for note in one.part.instrument.notes) <= 50 for one in chords)
    chord = part(30, *LINE, *((pitch + 4, start, end) for pitch, start, end in LINE))
    assert all(
        len(one.part.instrument.notes) == 2 * len(LINE)
        for one in (draw_amplifier(chord, random) for _ in range(30))
        if one
    )
    basses = [one for one in (draw_amplifier(part(33, *LINE), random) for _ in range(60)) if one]
    assert 10 < len(basses) < 40 and all(one.part is one.played for one in basses)
    assert max(one.settings["drive_db"] for one in basses) < 12


def test_in_a_chain_it_replaces_the_simpler_ones() -> None:
    random = np.random.default_rng(1)
    chain = amplified({"drive_db": 20}, draw_effects("electric_guitar", random, RATE))
    assert chain[0].name == AMPLIFIER and not {"Distortion", "LowpassFilter"} & {one.name for one in chain}
    audio = tones(200, seconds=0.3)
    changed = apply_effects(audio, RATE, chain)
    assert changed.shape == audio.shape and np.isfinite(changed).all()
    assert replace(chain[0], settings={"drive_db": 20}) == chain[0]
