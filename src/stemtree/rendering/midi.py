"""General MIDI files as parts to be rendered, each by one instrument."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from stemtree.errors import CorpusError
from stemtree.hierarchy import NodePath, load
from stemtree.rendering.packages import render_package

DRUMS = 128
"""Slakh's program number for drums."""

_LARGEST, _OCTAVES = 3, 0.2
"""Semitones that resonances are shifted by at most, and the share of melodic parts that change their octave."""

_DOUBLED, _MUCH_DOUBLED = 0.2, 0.5
"""The share of parts that a second instrument plays too: of melodic ones, and where basses change places."""

_LEFT = 0.5
"""The share of bass lines that stay with a bass where basses change places."""

_NOT_DRAWN = ("accompaniment/bass", "accompaniment/percussion/drum_set")


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
        Semitones by which its resonances lie higher than the sound's own, as those of a smaller instrument do, or
        lower; its pitch stays.
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
    import warnings

    pretty_midi = render_package("pretty_midi")

    try:
        with warnings.catch_warnings():  # about tempo events on odd tracks, which do no harm
            warnings.simplefilter("ignore")
            song = pretty_midi.PrettyMIDI(str(file))
    except OSError as error:
        raise CorpusError(f"cannot read the MIDI file '{file}': {error.strerror or error}; check the path") from None
    except Exception as error:  # whatever mido meets in a damaged file
        raise CorpusError(f"'{file}' is not a whole MIDI file ({error}): copy it again") from None
    parts = [MidiPart(DRUMS if part.is_drum else int(part.program), part) for part in song.instruments if part.notes]
    if not parts:
        raise CorpusError(f"the MIDI file '{file}' has no notes: leave it out")
    return parts


def cut_out(parts: Sequence[MidiPart], start: float, end: float) -> list[MidiPart]:
    """Keep what sounds between two times in seconds, the first of which becomes 0; parts without notes go.

    Notes that sound already begin at 0. Bends and controls stand there as they stood.
    """
    cut = []
    for part in parts:
        instrument = copy(part.instrument)
        instrument.notes = [
            _changed(note, start=max(note.start, start) - start, end=min(note.end, end) - start)
            for note in instrument.notes
            if note.start < end and note.end > start
        ]
        instrument.pitch_bends = _from(instrument.pitch_bends, start, end, lambda bend: 0)
        instrument.control_changes = _from(instrument.control_changes, start, end, lambda control: control.number)
        if instrument.notes:
            cut.append(replace(part, instrument=instrument))
    return cut


def _from(events: Sequence[Any], start: float, end: float, kind: Callable[[Any], int]) -> list[Any]:
    """The events between two times, after the last of each kind from before."""
    ordered = sorted(events, key=lambda event: float(event.time))
    standing = {kind(event): _changed(event, time=0.0) for event in ordered if event.time < start}
    inside = [_changed(event, time=event.time - start) for event in ordered if start <= event.time < end]
    return [*standing.values(), *inside]


def _changed(thing: Any, **values: float) -> Any:
    other = copy(thing)
    vars(other).update(values)
    return other


def redraw(parts: Sequence[MidiPart], random: np.random.Generator, *, basses_too: bool = False) -> list[MidiPart]:
    """Give every part an instrument of any class; bass stays some bass, drums stay drums.

    Classes are the leaves of MS21 that General MIDI can play, each as likely as the others, so that rare instruments
    are heard as often as common ones: choirs, pitched drums such as timpani, and effects too. Only basses and drum sets
    are never drawn, since songs have theirs. With `basses_too` half of the bass lines get an instrument of any class,
    and basses are a class like the others, so that a low line is not taken for a bass by its place alone, nor a bass
    for something else.
    """
    classes, basses = list(melody_classes().values()), bass_programs()
    if basses_too:
        classes.append(basses)
    redrawn = []
    for part in parts:
        if part.is_drum:
            redrawn.append(part)
            continue
        stays = part.program in basses and not (basses_too and random.random() >= _LEFT)
        programs = basses if stays else classes[random.integers(len(classes))]
        redrawn.append(_played_by(part, programs, random))
    return redrawn


def double(parts: Sequence[MidiPart], random: np.random.Generator, *, basses_too: bool = False) -> list[MidiPart]:
    """Let a fifth of the melodic parts be played by a second instrument too, as arrangers do.

    So that instruments are told apart by their sounds where their notes are the same. The second is of any class, each
    as likely as the others; here basses, too, may play a melody. Parts that basses or drums play are not doubled;
    with `basses_too` half of all parts are, those of basses among them.
    """
    classes, basses = [*melody_classes().values(), bass_programs()], bass_programs()
    share, alone = (_MUCH_DOUBLED, []) if basses_too else (_DOUBLED, basses)
    doubled = []
    for part in parts:
        doubled.append(part)
        if not part.is_drum and part.program not in alone and random.random() < share:
            doubled.append(_played_by(part, classes[random.integers(len(classes))], random))
    return doubled


def _played_by(part: MidiPart, programs: list[int], random: np.random.Generator) -> MidiPart:
    return replace(part, program=int(programs[random.integers(len(programs))]))


def vary(parts: Sequence[MidiPart], random: np.random.Generator) -> list[MidiPart]:
    """Play a song in another key, a fifth of its melodic parts an octave up or down, all on instruments of other sizes.

    So that a class of instruments is not known by the range that songs happen to use, nor by the few recordings that
    soundfonts hold of it. A bass stays in its octave, and drums are only tuned. Parts whose notes would leave MIDI's
    range stay where they are.
    """
    key, basses = int(random.integers(-5, 7)), bass_programs()
    varied = []
    for part in parts:
        size = int(random.integers(-_LARGEST, _LARGEST + 1))
        octave = 12 * int(random.choice([-1, 1])) if random.random() < _OCTAVES and part.program not in basses else 0
        shift = 0 if part.is_drum else key + octave
        varied.append(replace(_transposed(part, shift), size=size))
    return varied


def _transposed(part: MidiPart, shift: int) -> MidiPart:
    pitches = [note.pitch + shift for note in part.instrument.notes]
    if not shift or min(pitches) < _LARGEST or max(pitches) > 127 - _LARGEST:
        return part
    instrument = copy(part.instrument)
    instrument.notes = [_changed(note, pitch=note.pitch + shift) for note in instrument.notes]
    return replace(part, instrument=instrument)


def melody_classes() -> dict[NodePath, list[int]]:
    """The leaves of MS21 that may play any line, each with its General MIDI programs."""
    return {leaf: programs for leaf, programs in _programs().items() if not leaf.startswith(_NOT_DRAWN)}


def bass_programs() -> list[int]:
    """The General MIDI programs that are basses in MS21."""
    return _programs()["accompaniment/bass"]


@cache
def _programs() -> dict[NodePath, list[int]]:
    pretty_midi = render_package("pretty_midi")

    ms21 = load("ms21")
    by_leaf: dict[NodePath, list[int]] = {}
    for program in range(128):
        by_leaf.setdefault(ms21.leaf(pretty_midi.program_to_instrument_name(program)), []).append(program)
    return by_leaf
