"""MIDI parts as sound, by FluidSynth with soundfonts."""

from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_int, c_void_p
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stemtree.audio.samples import Samples
from stemtree.errors import CorpusError
from stemtree.rendering.midi import MidiPart
from stemtree.rendering.packages import render_package

_DRUM_BANK, _DRUM_CHANNEL = 128, 9
_PAN, _TAIL, _GAIN = 10, 2.0, 0.2
_SETTINGS = {
    "synth.reverb.active": 0,
    "synth.chorus.active": 0,
    "synth.polyphony": 512,
    "synth.dynamic-sample-loading": 1,
}
_WRITE_FLOAT = (c_void_p, c_int, c_void_p, c_int, c_int, c_void_p, c_int, c_int)
"""Synthesizer, number of samples, then for each channel where to write, from which sample and how far apart."""


@dataclass(frozen=True, slots=True)
class Preset:
    """One sound of a soundfont."""

    soundfont: Path
    bank: int
    program: int
    name: str


class Synthesizer:
    """Plays parts with one soundfont.

    Each part gets a FluidSynth of its own, since one that is reset still sounds slightly different after other parts;
    samples are loaded as they are needed, so that this takes little.

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

    def presets(self) -> list[Preset]:
        """All sounds, drum kits in bank 128."""
        with self._loaded(float(self.sample_rate)) as (synth, font):
            names = (
                (bank, program, synth.sfpreset_name(font, bank, program))
                for bank in range(_DRUM_BANK + 1)
                for program in range(128)
            )
            return [Preset(self._soundfont, bank, program, name.strip()) for bank, program, name in names if name]

    def play(self, part: MidiPart, preset: Preset, pan: int, duration: float) -> Samples:
        """Render a part.

        Parameters
        ----------
        part : MidiPart
            What to play.
        preset : Preset
            One of `presets`.
        pan : int
            0 (left) to 127 (right), where the part does not pan itself.
        duration : float
            Seconds to render.

        Returns
        -------
        Samples
            ``(2, sample)``.
        """
        channel = _DRUM_CHANNEL if part.is_drum else 0
        # Played so much slower and lower, and taken to be at our rate, notes have their pitch and length again.
        rate = self.sample_rate * 2 ** (-part.size / 12)
        audio, done = np.zeros((2, round(duration * self.sample_rate)), np.float32), 0
        left, right = (side.ctypes.data_as(c_void_p) for side in audio)
        with self._loaded(rate) as (synth, font):
            synth.program_select(channel, font, preset.bank, preset.program)
            synth.cc(channel, _PAN, pan)
            for time, _, event in sorted(_events(part), key=lambda item: item[:2]):
                until = round(time * self.sample_rate)
                if until > audio.shape[1]:
                    break
                if until > done:
                    self._write(synth.synth, until - done, left, done, 1, right, done, 1)
                    done = until
                event(synth, channel)
            self._write(synth.synth, audio.shape[1] - done, left, done, 1, right, done, 1)
        return audio

    @contextmanager
    def _loaded(self, rate: float) -> Iterator[tuple[Any, int]]:
        synth = self._library.Synth(_GAIN, rate, 16, **_SETTINGS)
        try:
            font = synth.sfload(str(self._soundfont)) if self._soundfont.is_file() else -1
            if font < 0:
                raise CorpusError(f"cannot load the soundfont '{self._soundfont}': give an SF2 or SF3 file")
            yield synth, font
        finally:
            synth.delete()


def duration_of(parts: list[MidiPart]) -> float:
    """Seconds until the last note has died away."""
    return float(max(part.instrument.get_end_time() for part in parts)) + _TAIL


def _events(part: MidiPart) -> list[tuple[float, int, Any]]:
    """Everything that happens, with its time in seconds and its order among what happens at once."""
    instrument, lower = part.instrument, 0 if part.is_drum else part.size
    events: list[tuple[float, int, Any]] = []
    for note in instrument.notes:
        key = note.pitch - lower
        events.append((note.start, 2, lambda synth, channel, k=key, n=note: synth.noteon(channel, k, n.velocity)))
        events.append((note.end, 0, lambda synth, channel, k=key: synth.noteoff(channel, k)))
    for bend in instrument.pitch_bends:
        events.append((bend.time, 1, lambda synth, channel, b=bend: synth.pitch_bend(channel, b.pitch)))
    for control in instrument.control_changes:
        if control.number not in (0, 32):  # bank selection is ours
            events.append((control.time, 1, lambda synth, channel, c=control: synth.cc(channel, c.number, c.value)))
    return events
