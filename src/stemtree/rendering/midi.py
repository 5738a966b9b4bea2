"""General MIDI files as parts, each played by one instrument."""

import os
import warnings
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stemtree.errors import CorpusError
from stemtree.rendering.midi_file import read_midi
from stemtree.rendering.packages import render_package

DRUMS = 128
"""Slakh's program number for drums."""

_PARAMETER_CONTROLS = (6, 38, *range(96, 102))
"""Controllers that choose a parameter, such as the range of bends, and set it."""

_DECAY = 2.0
"""Seconds that are rendered after the last note."""


@dataclass(frozen=True, slots=True)
class MidiPart:
    """One instrument's notes.

    Parameters
    ----------
    program : int
        General MIDI program from 0, or `DRUMS`.
    instrument : pretty_midi.Instrument
        Its notes, bends and controls.
    size : int
        Semitones by which resonances are moved up, as in a smaller instrument, or down; the pitch stays.
    """

    program: int
    instrument: Any
    size: int = 0

    @property
    def is_drum(self) -> bool:
        """Whether its keys are drums instead of pitches."""
        return self.program == DRUMS

    @property
    def name(self) -> str:
        """The program's General MIDI name."""
        pretty_midi = render_package("pretty_midi")

        return "Drums" if self.is_drum else str(pretty_midi.program_to_instrument_name(self.program))

    @property
    def family(self) -> str:
        """The program's General MIDI family."""
        pretty_midi = render_package("pretty_midi")

        return "Drums" if self.is_drum else str(pretty_midi.program_to_instrument_class(self.program))


def read_parts(file: Path) -> list[MidiPart]:
    """Read the parts of a MIDI file that have notes.

    Raises
    ------
    CorpusError
        If it cannot be read as MIDI or has no notes.
    """
    pretty_midi = render_package("pretty_midi")

    try:
        with warnings.catch_warnings():  # about keys on other tracks than the first, which do not matter
            warnings.simplefilter("ignore")
            song = pretty_midi.PrettyMIDI(mido_object=read_midi(file.read_bytes()))
    except OSError as error:
        raise CorpusError(f"cannot read the MIDI file '{file}': {error.strerror or error}; check the path") from None
    except CorpusError as error:
        raise CorpusError(f"'{file}' {error}") from None
    except Exception as error:  # mido and pretty-midi raise many types for a damaged file
        raise CorpusError(f"'{file}' is not a whole MIDI file ({error}): copy it again") from None
    parts = [MidiPart(DRUMS if part.is_drum else int(part.program), part) for part in song.instruments if part.notes]
    if not parts:
        raise CorpusError(f"the MIDI file '{file}' has no notes: leave it out")
    return parts


def song_name(midi: Path) -> str:
    """A song's name: its file's without the dot that hides it; bytes that are not UTF-8 stand as ``%FF``.

    Raises
    ------
    CorpusError
        If nothing is left of the file's name.
    """
    name = midi.stem.lstrip(".")
    if not name:
        raise CorpusError(f"no song can be named after '{midi}': rename the file")
    try:
        name.encode()
        return name
    except UnicodeEncodeError:
        return "".join(chr(byte) if byte < 128 else f"%{byte:02X}" for byte in os.fsencode(name))


def duration_of(parts: Sequence[MidiPart]) -> float:
    """Seconds until the last note has decayed."""
    return float(max(part.instrument.get_end_time() for part in parts)) + _DECAY


def cut_out(parts: Sequence[MidiPart], start: float, end: float) -> list[MidiPart]:
    """Keep what sounds between two times in seconds, and shift `start` to 0; parts without notes are dropped.

    Notes that began earlier begin at 0. Bends and controls keep the values that they have at `start`.
    """
    cut = []
    for part in parts:
        instrument = copy(part.instrument)
        instrument.notes = [
            changed(note, start=max(note.start, start) - start, end=min(note.end, end) - start)
            for note in instrument.notes
            if note.start < end and note.end > start
        ]
        instrument.pitch_bends = _events_between(instrument.pitch_bends, start, end, lambda bend: 0)
        instrument.control_changes = _events_between(
            instrument.control_changes, start, end, lambda control: control.number
        )
        if instrument.notes:
            cut.append(replace(part, instrument=instrument))
    return cut


def _events_between(events: Sequence[Any], start: float, end: float, kind: Callable[[Any], int]) -> list[Any]:
    """The events between two times, preceded at time 0 by the last earlier event of each kind.

    Of controls that set parameters all earlier ones are kept, since each means what those before it chose.
    """
    ordered = sorted(events, key=lambda event: float(event.time))
    before = [changed(event, time=0.0) for event in ordered if event.time < start]
    last = {kind(event): number for number, event in enumerate(before)}
    in_force = [
        event
        for number, event in enumerate(before)
        if kind(event) in _PARAMETER_CONTROLS or last[kind(event)] == number
    ]
    return [*in_force, *(changed(event, time=event.time - start) for event in ordered if start <= event.time < end)]


def changed(event: Any, **values: float) -> Any:
    """A copy of a note or another event with other values."""
    other = copy(event)
    vars(other).update(values)
    return other
