from pathlib import Path

import numpy as np
import pytest

from stemtree.hierarchy import load
from stemtree.rendering.arrange import bass_programs, double, redraw, vary
from stemtree.rendering.midi import DRUMS, MidiPart, read_parts


def test_redrawing_keeps_bass_and_drums_and_reaches_every_class() -> None:
    parts = [MidiPart(program, None) for program in (0, 33, 73, DRUMS)]
    random, ms21, seen = np.random.default_rng(0), load("ms21"), []
    for _ in range(400):
        piano, bass, flute, drums = redraw(parts, random)
        assert 32 <= bass.program <= 43 and ms21.leaf(bass.name) == "accompaniment/bass"
        assert drums.is_drum
        seen += [ms21.leaf(piano.name), ms21.leaf(flute.name)]
    # All but bass and drum set; no General MIDI program is a lead vocal.
    percussion = "accompaniment/percussion/nontonal_percussion"
    classes = {*ms21.leaves("accompaniment/other"), "vocal/backing_vocal", percussion}
    assert set(seen) == classes
    for leaf in classes:  # each as likely: within five standard deviations
        share = 1 / len(classes)
        assert abs(seen.count(leaf) - 800 * share) < 5 * np.sqrt(800 * share * (1 - share))


def test_doubling_lets_any_instrument_play_the_notes_of_a_melody_too() -> None:
    parts, ms21 = [MidiPart(program, object()) for program in (0, 33, DRUMS)], load("ms21")
    random, seconds = np.random.default_rng(0), []
    for _ in range(1000):
        melody, *second, bass, drums = double(parts, random)
        assert [melody, bass, drums] == parts and len(second) <= 1
        assert all(part.instrument is melody.instrument for part in second)
        seconds += second
    assert 150 < len(seconds) < 250  # a fifth
    leaves = {ms21.leaf(part.name) for part in seconds}
    assert "accompaniment/bass" in leaves and {*ms21.leaves("accompaniment/other")} <= leaves


def test_varying_moves_all_by_one_key_some_by_an_octave_and_drums_by_none(midi: Path) -> None:
    parts, random = read_parts(midi), np.random.default_rng(0)
    shifts = []
    for _ in range(300):
        varied = vary(parts, random, 44100)
        first = [[part.instrument.notes[0].pitch for part in some] for some in (parts, varied)]
        shifts.append(np.subtract(*first[::-1]))
        assert all(-3 <= part.size <= 3 for part in varied)
    moved = np.array(shifts)
    bass, drums = [next(i for i, p in enumerate(parts) if p.program == program) for program in (33, DRUMS)]
    piano = next(i for i, p in enumerate(parts) if p.program == 0)
    assert set(moved[:, bass]) == set(range(-5, 7)) and not moved[:, drums].any()
    octaves = moved[:, piano] - moved[:, bass]
    assert set(octaves) == {-12, 0, 12} and 30 < (octaves != 0).sum() < 90
    for note in parts[piano].instrument.notes:
        note.pitch = 125
    tops = [vary(parts, random, 44100)[piano].instrument.notes[0].pitch for _ in range(100)]
    assert 125 in tops and all(top <= 124 or top == 125 for top in tops) and min(tops) < 124


@pytest.mark.parametrize(("rate", "sizes"), [(8000, (-3, 0)), (9000, (-3, 2)), (44100, (-3, 3)), (96000, (0, 3))])
def test_sizes_are_those_that_can_be_played(rate: int, sizes: tuple[int, int], midi: Path) -> None:
    parts, random = read_parts(midi), np.random.default_rng(0)
    drawn = [part.size for _ in range(60) for part in vary(parts, random, rate)]
    assert (min(drawn), max(drawn)) == sizes


def test_basses_change_places_where_asked() -> None:
    random, basses = np.random.default_rng(0), set(bass_programs())
    parts = [MidiPart(0, None), MidiPart(33, None), MidiPart(DRUMS, None)]
    drawn = [redraw(parts, random, basses_too=True) for _ in range(400)]
    assert all(drums.is_drum for *_, drums in drawn)
    assert np.mean([bass.program in basses for _, bass, _ in drawn]) == pytest.approx(0.5 + 0.5 / 12, abs=0.07)
    assert np.mean([melody.program in basses for melody, *_ in drawn]) == pytest.approx(1 / 12, abs=0.05)
    doubled = [double(parts, random, basses_too=True) for _ in range(4000)]
    assert np.mean([len(some) - 3 for some in doubled]) == pytest.approx(1.0, abs=0.05)
