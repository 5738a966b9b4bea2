import numpy as np
import pretty_midi
from support.midi import RATE, SOUNDFONT, needs_fluidsynth

from stemtree.rendering.fluidsynth import Preset, Synthesizer
from stemtree.rendering.midi import MidiPart

pytestmark = needs_fluidsynth


def test_an_instruments_size_moves_its_resonances_and_neither_pitch_nor_time() -> None:
    synthesizer, preset = Synthesizer(SOUNDFONT, RATE), Preset(SOUNDFONT, 0, 56, "Trumpet")
    instrument = pretty_midi.Instrument(56)
    instrument.notes.append(pretty_midi.Note(100, 69, 0.5, 1.5))
    pitches, onsets, centroids = [], [], []
    for size in (-3, 0, 3):
        audio = synthesizer.play(MidiPart(56, instrument, size), preset, 64, 2.0)[0]
        spectrum = np.abs(np.fft.rfft(audio[RATE * 3 // 4 : RATE * 5 // 4]))
        hertz = np.fft.rfftfreq(RATE // 2, 1 / RATE)
        pitches.append(hertz[np.argmax(spectrum * (hertz < 600))])
        onsets.append(np.argmax(np.abs(audio) > 1e-3) / RATE)
        centroids.append((hertz * spectrum).sum() / spectrum.sum())
    np.testing.assert_allclose(pitches, 440, atol=3)
    np.testing.assert_allclose(onsets, 0.5, atol=0.01)
    assert centroids[0] * 1.1 < centroids[1] and centroids[1] * 1.1 < centroids[2]
