"""Standard MIDI files as other programs play them, with all that pretty-midi needs for the same notes.

pretty-midi takes tempi from the first track alone, and a channel's programs, controls and bends from the track of its
notes alone; it ends notes only at note-offs, and knows ticks as parts of a beat. A file that means the same is made of
one in which these stand otherwise; other files stay as they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

from stemtree.errors import CorpusError, counted
from stemtree.rendering.midi_bytes import parse_midi

if TYPE_CHECKING:
    import mido

_STATE = ("program_change", "control_change", "pitchwheel")
"""Messages that hold for a channel, whatever track they stand on."""

_ALL_OFF = (120, 123)
"""Controllers that end all notes of a channel."""

_MICROSECONDS = 1_000_000
_DROP_FRAMES = 29
"""The SMPTE rate of 30 frames in 1.001 s."""

_MOST_TICKS = 9_999_999
"""pretty-midi makes a table of the times of all ticks, and refuses files with more."""

_FEWEST_TICKS = 240
"""Coarsest division of a beat that ticks are brought to where there are more of them."""


def read_midi(content: bytes) -> mido.MidiFile:
    """Read the tracks of a standard MIDI file, also inside of a RIFF file (RMID) or behind another header.

    Parameters
    ----------
    content : bytes
        The file.

    Returns
    -------
    mido.MidiFile
        In which beats are divided into at most as many ticks as pretty-midi takes, tempi stand on the first track, the
        state of a channel on every track that plays on it, and every note has a note-off.

    Raises
    ------
    CorpusError
        If it is not a whole MIDI file, or too long; the message lacks the file's name in front.
    """
    import mido

    kind, division, tracks = parse_midi(content)
    file = mido.MidiFile(
        type=kind, ticks_per_beat=division, tracks=[mido.MidiTrack(track) for track in tracks if track]
    )
    _use_beats(file)
    _gather_tempi(file)
    _end_notes(file)
    _share_channels(file)
    _limit_ticks(file)
    return file


def _use_beats(file: mido.MidiFile) -> None:
    """Turn ticks that are parts of SMPTE frames into parts of a beat of a second, whatever the tempi say."""
    import mido

    if file.ticks_per_beat > 0:
        return
    frames, ticks = -(file.ticks_per_beat >> 8), file.ticks_per_beat & 0xFF
    is_drop = frames == _DROP_FRAMES
    file.ticks_per_beat = (_DROP_FRAMES + 1 if is_drop else frames) * ticks
    for track in file.tracks:
        _keep(track, [event for event in _absolute(track) if event[1].type != "set_tempo"])
    tempo = round(_MICROSECONDS * 1.001) if is_drop else _MICROSECONDS
    file.tracks[0].insert(0, mido.MetaMessage("set_tempo", tempo=tempo, time=0))


def _gather_tempi(file: mido.MidiFile) -> None:
    """Move tempi from other tracks to the first."""
    moved: list[tuple[int, Any]] = []
    for track in file.tracks[1:]:
        if any(event.type == "set_tempo" for event in track):
            timed = list(_absolute(track))
            moved += [event for event in timed if event[1].type == "set_tempo"]
            _keep(track, [event for event in timed if event[1].type != "set_tempo"])
    if moved:
        _keep(file.tracks[0], sorted([*_absolute(file.tracks[0]), *moved], key=lambda event: event[0]))


def _share_channels(file: mido.MidiFile) -> None:
    """Copy what other tracks say of a channel to the tracks that play on it, before what these say at the same time."""
    timed = [list(_absolute(track)) for track in file.tracks]
    said = [[event for event in events if event[1].type in _STATE] for events in timed]
    for number, (track, events) in enumerate(zip(file.tracks, timed, strict=True)):
        played = {event.channel for _, event in events if event.type == "note_on"}
        others = [
            event
            for other, states in enumerate(said)
            if other != number
            for event in states
            if event[1].channel in played
        ]
        if others:
            _keep(track, sorted([*others, *events], key=lambda event: event[0]))


def _end_notes(file: mido.MidiFile) -> None:
    """Add note-offs: where all notes of a channel are ended, and to notes that are never ended.

    The latter end where their key is struck again, or with the song.
    """
    import mido

    timed = [list(_absolute(track)) for track in file.tracks]
    ends = _ends_of_channels(timed)
    last = max(events[-1][0] for events in timed)
    for track, events in zip(file.tracks, timed, strict=True):
        missing = [
            (tick, mido.Message("note_off", channel=channel, note=key, velocity=0))
            for (channel, key), tick in _missing_offs(events, ends, last, file.ticks_per_beat)
        ]
        if missing:  # before what happens at the same time, as a note that is struck then is another one
            _keep(track, sorted([*missing, *events], key=lambda event: event[0]))


def _ends_of_channels(tracks: Sequence[Sequence[tuple[int, Any]]]) -> dict[int, list[int]]:
    """Ticks at which all notes of a channel are ended, in order."""
    ends: dict[int, list[int]] = defaultdict(list)
    for events in tracks:
        for tick, event in events:
            if event.type == "control_change" and event.control in _ALL_OFF:
                ends[event.channel].append(tick)
    return {channel: sorted(ticks) for channel, ticks in ends.items()}


def _missing_offs(
    events: Sequence[tuple[int, Any]], ends: dict[int, list[int]], last: int, beat: int
) -> Iterator[tuple[tuple[int, int], int]]:
    """Channel and key, and tick, of the note-offs that a track lacks."""
    struck: dict[tuple[int, int], list[int]] = {}  # since the last note-off
    stray: dict[tuple[int, int], int] = {}  # note-offs of no note: of one of no length, which is struck after them

    def first_end(channel: int, start: int) -> list[int]:
        """The tick after `start` at which all notes of the channel are ended, if there is one."""
        return [tick for tick in ends.get(channel, ()) if tick > start][:1]

    for tick, event in events:
        if event.type not in ("note_on", "note_off"):
            continue
        key = (event.channel, event.note)
        if event.type == "note_on" and event.velocity:
            if stray.get(key) != tick:
                struck.setdefault(key, []).append(tick)
        else:
            if key not in struck:
                stray[key] = tick
            starts = struck.pop(key, [])
            for start in starts:
                yield from ((key, end) for end in first_end(event.channel, start) if end < tick)
            if tick in starts and any(start < tick for start in starts):
                struck[key] = [tick]  # pretty-midi keeps it on: the note-off is that of the notes before
    for key, starts in struck.items():
        for start in starts:
            possible = first_end(key[0], start) + [following for following in starts if following > start]
            yield key, min(possible, default=last if last > start else start + beat)


def _limit_ticks(file: mido.MidiFile) -> None:
    """Bring ticks to a coarser division of the beat where there are more than pretty-midi takes."""
    sounding = [
        max((tick for tick, event in _absolute(track) if not event.is_meta), default=0) for track in file.tracks
    ]
    last = max(sounding)
    everything = max((sum(event.time for event in track) for track in file.tracks), default=0)
    if everything < _MOST_TICKS:
        return
    beat = min(file.ticks_per_beat, file.ticks_per_beat * _MOST_TICKS // (last + 1))
    if beat < min(_FEWEST_TICKS, file.ticks_per_beat):
        raise CorpusError(f"has an event after {counted(last // file.ticks_per_beat, 'beat')}: cut it")
    scale = beat / file.ticks_per_beat
    for track in file.tracks:
        _keep(track, [(min(round(tick * scale), ceil(last * scale)), event) for tick, event in _absolute(track)])
    file.ticks_per_beat = beat


def _absolute(track: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Each message with the tick at which it happens."""
    tick = 0
    for event in track:
        tick += event.time
        yield tick, event


def _keep(track: list[Any], events: Sequence[tuple[int, Any]]) -> None:
    """Make a track of messages at ticks, in order."""
    before = 0
    messages = []
    for tick, event in events:
        messages.append(event.copy(time=tick - before))
        before = tick
    track[:] = messages
