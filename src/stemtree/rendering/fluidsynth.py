"""Parts as sound, by FluidSynth with soundfonts."""

from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_int, c_void_p
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from stemtree.audio.samples import Samples
from stemtree.errors import CorpusError
from stemtree.rendering.midi import MidiPart
from stemtree.rendering.packages import render_package

DRUM_BANK = 128
"""The bank of a soundfont that holds drum kits."""

PLAYABLE = (8000, 96000)
"""Sample rates in Hz at which FluidSynth plays; at any other it plays as if that were 44.1 kHz."""

_DRUM_CHANNEL = 9
_GAIN = 0.2
_BANK_SELECT, PAN = (0, 32), 10
"""Numbers of MIDI controllers."""

_SETTINGS = {
    "synth.reverb.active": 0,
    "synth.chorus.active": 0,
    "synth.polyphony": 512,
    "synth.dynamic-sample-loading": 1,
}
_WRITE_FLOAT = (c_void_p, c_int, c_void_p, c_int, c_int, c_void_p, c_int, c_int)
"""Synthesizer, number of samples, then for each channel: buffer, index of the first sample, and step."""

_NOTE_OFF, _CONTROL, _NOTE_ON = 0, 1, 2
"""The order of simultaneous events."""


@dataclass(frozen=True, slots=True)
class Preset:
    """One sound of a soundfont."""

    soundfont: Path
    bank: int
    program: int
    name: str


class Synthesizer:
    """Plays parts with one soundfont.

    Every part gets a new FluidSynth instance, since the state of one that is reset still differs slightly. Samples are
    loaded on demand, so that a new instance costs little.

    Parameters
    ----------
    soundfont : pathlib.Path
        SF2 or SF3.
    sample_rate : int
        In Hz.

    Raises
    ------
    OptionError
        If the FluidSynth library is not installed.
    CorpusError
        If the soundfont cannot be loaded.
    """

    def __init__(self, soundfont: Path, sample_rate: int) -> None:
        self._library = render_package("fluidsynth")
        self._soundfont, self.sample_rate = soundfont, sample_rate
        self._write = self._library.cfunc(
            "fluid_synth_write_float",
            c_int,
            *[(name, kind, 1) for name, kind in zip("abcdefgh", _WRITE_FLOAT, strict=True)],
        )

    @cached_property
    def presets(self) -> list[Preset]:
        """All sounds; drum kits are in `DRUM_BANK`."""
        with self._loaded(float(self.sample_rate)) as (synth, font):
            names = (
                (bank, program, synth.sfpreset_name(font, bank, program))
                for bank in range(DRUM_BANK + 1)
                for program in range(128)
            )
            return [Preset(self._soundfont, bank, program, name.strip()) for bank, program, name in names if name]

    def play(self, part: MidiPart, preset: Preset, pan: int, duration: float) -> Samples:
        """Render a part.

        Parameters
        ----------
        part : MidiPart
            Its notes and the instrument's size.
        preset : Preset
            One of `presets`.
        pan : int
            0 (left) to 127 (right), unless the part controls its panning.
        duration : float
            In seconds.

        Returns
        -------
        Samples
            ``(2, sample)``.
        """
        channel = _DRUM_CHANNEL if part.is_drum else 0
        # The instrument's size: notes played `size` semitones lower at a rate that is lower by as much, then read at
        # the true rate, have their own pitch and length, and resonances `size` semitones higher.
        rate = self.sample_rate * 2 ** (-part.size / 12)
        audio, done = np.zeros((2, round(duration * self.sample_rate)), np.float32), 0
        left, right = (side.ctypes.data_as(c_void_p) for side in audio)
        with self._loaded(rate) as (synth, font):
            synth.program_select(channel, font, preset.bank, preset.program)
            synth.cc(channel, PAN, pan)
            for time, send in events_of(part):
                until = round(time * self.sample_rate)
                if until > audio.shape[1]:
                    break
                if until > done:
                    self._write(synth.synth, until - done, left, done, 1, right, done, 1)
                    done = until
                send(synth, channel)
            self._write(synth.synth, audio.shape[1] - done, left, done, 1, right, done, 1)
        return audio

    @contextmanager
    def _loaded(self, rate: float) -> Iterator[tuple[Any, int]]:
        """Yield a FluidSynth instance and the number of the soundfont in it."""
        synth = self._library.Synth(_GAIN, rate, 16, **_SETTINGS)
        try:
            font = synth.sfload(str(self._soundfont)) if self._soundfont.is_file() else -1
            if font < 0:
                raise CorpusError(f"cannot load the soundfont '{self._soundfont}': give an SF2 or SF3 file")
            yield synth, font
        finally:
            synth.delete()


def events_of(part: MidiPart) -> list[tuple[float, Any]]:
    """Everything that happens, in order: the time in seconds, and how to send it to a synthesizer and channel.

    Notes are left out that an instrument of this size would play beyond MIDI's keys.
    """
    instrument, lower = part.instrument, 0 if part.is_drum else part.size
    events: list[tuple[float, int, Any]] = []
    for note in instrument.notes:
        key = note.pitch - lower
        if not 0 <= key <= 127:
            continue
        events.append((note.start, _NOTE_ON, lambda synth, ch, k=key, n=note: synth.noteon(ch, k, n.velocity)))
        events.append((note.end, _NOTE_OFF, lambda synth, ch, k=key: synth.noteoff(ch, k)))
    for bend in instrument.pitch_bends:
        events.append((bend.time, _CONTROL, lambda synth, ch, b=bend: synth.pitch_bend(ch, b.pitch)))
    for control in instrument.control_changes:
        if control.number not in _BANK_SELECT:  # the preset is already selected
            events.append((control.time, _CONTROL, lambda synth, ch, c=control: synth.cc(ch, c.number, c.value)))
    return [(time, send) for time, _, send in sorted(events, key=lambda event: event[:2])]
