"""New arrangements of songs: other instruments, doubled parts, other keys."""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from functools import cache

import numpy as np

from stemtree.hierarchy import NodePath, load
from stemtree.rendering.fluidsynth import PLAYABLE
from stemtree.rendering.midi import MidiPart, changed
from stemtree.rendering.packages import render_package

_MAX_SIZE, _OCTAVE_PROBABILITY = 3, 0.2
"""Largest shift of resonances in semitones, and the probability that a melodic part changes its octave."""

_DOUBLED, _DOUBLED_WITH_BASSES = 0.2, 0.5
"""Probability that a second instrument plays a part too: a melodic one, and any one where basses are redrawn."""

_BASS_REDRAWN = 0.5
"""Probability that a bass line gets any instrument where basses are redrawn."""

_NOT_MELODIC = ("accompaniment/bass", "accompaniment/percussion/drum_set")


def redraw(parts: Sequence[MidiPart], random: np.random.Generator, *, basses_too: bool = False) -> list[MidiPart]:
    """Give every part an instrument of any class; basses stay some bass, drums stay drums.

    Classes are the leaves of MS21 that General MIDI can play, all equally likely, so that rare instruments are as
    frequent as common ones: choirs, pitched drums such as timpani, and effects too. Only basses and drum sets are never
    drawn, since songs have them.

    With `basses_too` half of the bass lines get an instrument of any class, and basses are a class like the others, so
    that neither a bass nor another instrument can be recognised by its range alone.
    """
    classes, basses = list(melody_classes().values()), bass_programs()
    if basses_too:
        classes.append(basses)
    redrawn = []
    for part in parts:
        if part.is_drum:
            redrawn.append(part)
            continue
        stays_bass = part.program in basses and not (basses_too and random.random() >= _BASS_REDRAWN)
        programs = basses if stays_bass else classes[random.integers(len(classes))]
        redrawn.append(_played_by(part, programs, random))
    return redrawn


def double(parts: Sequence[MidiPart], random: np.random.Generator, *, basses_too: bool = False) -> list[MidiPart]:
    """Let a second instrument play a fifth of the melodic parts too, as arrangers do.

    Instruments then have to be told apart by their sounds where their notes are the same. The second instrument is of
    any class, all equally likely, basses included. Parts of basses and drums are not doubled; with `basses_too` half of
    all parts are, those of basses included.
    """
    classes, basses = [*melody_classes().values(), bass_programs()], bass_programs()
    probability, never = (_DOUBLED_WITH_BASSES, []) if basses_too else (_DOUBLED, basses)
    doubled = []
    for part in parts:
        doubled.append(part)
        if not part.is_drum and part.program not in never and random.random() < probability:
            doubled.append(_played_by(part, classes[random.integers(len(classes))], random))
    return doubled


def vary(parts: Sequence[MidiPart], random: np.random.Generator, sample_rate: int) -> list[MidiPart]:
    """Move a song to another key, some melodic parts by an octave, and change the sizes of all instruments.

    A class of instruments can then not be recognised by its range in the songs at hand, nor by the few recordings in
    soundfonts. Basses keep their octave, and drums change only their size. Parts whose notes would leave MIDI's range
    are not moved. Sizes keep to those that can be played at the sample rate in Hz, see `MidiPart.size`.
    """
    key, basses = int(random.integers(-5, 7)), bass_programs()
    varied = []
    for part in parts:
        size = _playable(int(random.integers(-_MAX_SIZE, _MAX_SIZE + 1)), sample_rate)
        moves = random.random() < _OCTAVE_PROBABILITY
        octave = 12 * int(random.choice([-1, 1])) if moves and part.program not in basses else 0
        shift = 0 if part.is_drum else key + octave
        varied.append(replace(_transposed(part, shift), size=size))
    return varied


def _playable(size: int, sample_rate: int) -> int:
    """The size nearest to the given one for which a player's rate lies within `PLAYABLE`."""
    while size and not PLAYABLE[0] <= sample_rate * 2 ** (-size / 12) <= PLAYABLE[1]:
        size -= 1 if size > 0 else -1
    return size


def _played_by(part: MidiPart, programs: list[int], random: np.random.Generator) -> MidiPart:
    return replace(part, program=int(programs[random.integers(len(programs))]))


def _transposed(part: MidiPart, shift: int) -> MidiPart:
    pitches = [note.pitch + shift for note in part.instrument.notes]
    if not shift or min(pitches) < _MAX_SIZE or max(pitches) > 127 - _MAX_SIZE:
        return part
    instrument = copy(part.instrument)
    instrument.notes = [changed(note, pitch=note.pitch + shift) for note in instrument.notes]
    return replace(part, instrument=instrument)


def melody_classes() -> dict[NodePath, list[int]]:
    """The leaves of MS21 that may play any line, each with its General MIDI programs."""
    return {leaf: programs for leaf, programs in _programs_by_leaf().items() if not leaf.startswith(_NOT_MELODIC)}


def bass_programs() -> list[int]:
    """The General MIDI programs that are basses in MS21."""
    return _programs_by_leaf()["accompaniment/bass"]


@cache
def _programs_by_leaf() -> dict[NodePath, list[int]]:
    pretty_midi = render_package("pretty_midi")

    ms21 = load("ms21")
    by_leaf: dict[NodePath, list[int]] = {}
    for program in range(128):
        by_leaf.setdefault(ms21.leaf(pretty_midi.program_to_instrument_name(program)), []).append(program)
    return by_leaf
