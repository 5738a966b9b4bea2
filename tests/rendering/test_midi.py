from pathlib import Path

import pretty_midi
from support.midi import render_settings

from stemtree.rendering.midi import MidiPart, cut_out
from stemtree.rendering.plan import draw_excerpt


def test_an_excerpt_is_what_sounds_there() -> None:
    held, struck = pretty_midi.Note(100, 60, 0.0, 5.0), pretty_midi.Note(90, 62, 3.5, 4.5)
    part = pretty_midi.Instrument(0)
    part.notes = [held, struck, pretty_midi.Note(80, 64, 8.0, 9.0)]
    part.pitch_bends = [pretty_midi.PitchBend(100, 0.5), pretty_midi.PitchBend(200, 2.5), pretty_midi.PitchBend(0, 7.0)]
    part.control_changes = [pretty_midi.ControlChange(7, 90, 0.0), pretty_midi.ControlChange(11, 50, 3.0)]
    late = pretty_midi.Instrument(40)
    late.notes = [pretty_midi.Note(80, 64, 8.0, 9.0)]
    (cut,) = cut_out([MidiPart(0, part), MidiPart(40, late)], 3.0, 6.0)
    notes = [(note.pitch, note.start, note.end) for note in cut.instrument.notes]
    assert notes == [(60, 0.0, 2.0), (62, 0.5, 1.5)]
    assert [(bend.pitch, bend.time) for bend in cut.instrument.pitch_bends] == [(200, 0.0)]
    assert [(c.number, c.value, c.time) for c in cut.instrument.control_changes] == [(7, 90, 0.0), (11, 50, 0.0)]
    assert (held.start, held.end, len(part.notes)) == (0.0, 5.0, 3)  # what it was cut from is as it was


def test_parameters_are_set_in_their_order() -> None:
    """Registered parameter 0 is the range of bends; 127, 127 closes it."""
    sequence = [(101, 0), (100, 0), (6, 12), (38, 0), (7, 90), (101, 127), (100, 127)]
    part = pretty_midi.Instrument(0)
    part.notes = [pretty_midi.Note(100, 60, 0.0, 9.0)]
    part.control_changes = [pretty_midi.ControlChange(number, value, 0.0) for number, value in [(7, 20), *sequence]]
    (cut,) = cut_out([MidiPart(0, part)], 5.0, 8.0)
    assert [(control.number, control.value) for control in cut.instrument.control_changes] == sequence


def test_an_excerpt_has_notes() -> None:
    part = pretty_midi.Instrument(0)
    part.notes = [pretty_midi.Note(100, 60, start, start + 1) for start in (0.0, 100.0)]
    for take in range(10):
        (cut,) = draw_excerpt(Path("a.mid"), [MidiPart(0, part)], take, 5.0, render_settings())
        assert cut.instrument.notes
