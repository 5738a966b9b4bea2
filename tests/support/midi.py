"""MIDI files to render, with the small soundfont that pretty-midi contains."""

from pathlib import Path

import pretty_midi
import pytest

from stemtree.rendering.midi import DRUMS
from stemtree.rendering.settings import RenderSettings

try:
    import fluidsynth
except ImportError:
    fluidsynth = None

SOUNDFONT = Path(pretty_midi.__file__).with_name("TimGM6mb.sf2")
RATE = 16000

needs_fluidsynth = pytest.mark.skipif(
    fluidsynth is None, reason="the FluidSynth library is not installed (Debian: libfluidsynth3)"
)


def write_midi(path: Path, programs: list[int]) -> Path:
    """A few bars, a note a beat for each program; `DRUMS` plays the kit."""
    song = pretty_midi.PrettyMIDI(initial_tempo=120)
    for number, program in enumerate(programs):
        part = pretty_midi.Instrument(0 if program == DRUMS else program, is_drum=program == DRUMS)
        for beat in range(8):
            pitch = 36 + beat % 3 if program == DRUMS else 48 + 5 * number + beat
            part.notes.append(pretty_midi.Note(90, pitch, beat / 2, beat / 2 + 0.4))
        song.instruments.append(part)
    song.write(str(path))
    return path


def render_settings(**options) -> RenderSettings:
    return RenderSettings((SOUNDFONT,), **{"sample_rate": RATE, **options})
