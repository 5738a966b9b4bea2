"""Electric guitars and basses through amplifiers: whole chords and lines are distorted together, as on recordings.

The distorted guitars of soundfonts are notes that were recorded one by one. An amplifier hears all strings at once:
what it adds to a chord are sums and differences of all partials, which no sum of distorted notes has.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from stemtree.audio.samples import Samples
from stemtree.extras import library
from stemtree.rendering.midi import MidiPart, changed
from stemtree.rendering.packages import render_package

AMPLIFIER = "Amplifier"
"""Name of the effect; its settings are the arguments of `amplify`."""

_JAZZ, _CLEAN, _MUTED, _OVERDRIVEN, _DISTORTED = 26, 27, 28, 29, 30
_BASSES = range(32, 38)
"""Programs of General MIDI, from 0: electric guitars, and basses that have pickups."""

_DRIVES = {_OVERDRIVEN: (0, 40), _DISTORTED: (10, 55)}
_DRIVE = (-12, 30)
"""Least and most drive in dB, by what a guitar is called, and of all others."""

_GUITAR_SHARE, _BASS_SHARE = 0.8, 0.4
"""Probability that a guitar, or a bass, is amplified."""

_POWER_CHORDS, _SHORT, _SHORTEST = 0.4, 0.2, 0.15
"""Probability that a line of a driven guitar becomes power chords; that its notes are short; their seconds then."""

_OVERSAMPLING = 4
_FIRST_STAGE = 0.35
"""Part of the gain, in dB, that the first of two stages has."""


@dataclass(frozen=True, slots=True)
class Amplified:
    """A part before an amplifier.

    Parameters
    ----------
    part : MidiPart
        What it is called: the program that General MIDI has for so much drive. Its notes may be more than before.
    played : MidiPart
        The same notes, with a program that sounds clean.
    settings : dict of str to float
        Of `amplify`.
    """

    part: MidiPart
    played: MidiPart
    settings: dict[str, float]


def draw_amplifier(part: MidiPart, random: np.random.Generator) -> Amplified | None:
    """Draw an amplifier for four of five electric guitars and two of five basses; None for all other parts.

    Guitars are clean to heavily distorted, mostly as they are called, basses up to overdriven. Of driven guitars some
    play short notes, and some that play one note at a time play power chords: a fifth and an octave more.
    """
    is_guitar = _JAZZ <= part.program <= _DISTORTED
    if not (is_guitar or part.program in _BASSES):
        return None
    if random.random() >= (_GUITAR_SHARE if is_guitar else _BASS_SHARE):
        return None
    if not is_guitar:
        return Amplified(part, part, _settings(random, drive=random.uniform(-12, 12), low=(30, 50), high=(2500, 6000)))
    drive = random.uniform(*_DRIVES.get(part.program, _DRIVE))
    if drive > 8:
        part = _as_rhythm_guitar(part, random)
    called = _OVERDRIVEN if drive > 4 else part.program if part.program < _OVERDRIVEN else _CLEAN
    called = _DISTORTED if drive > 16 else called
    played = int(random.choice([_CLEAN, _JAZZ, _MUTED], p=[0.7, 0.15, 0.15]))
    settings = _settings(random, drive=drive, low=(65, 120), high=(3500, 6000))
    if drive > 4 and random.random() < 0.4:  # the same once more, on the other side
        settings["twice"] = round(float(random.uniform(0.5, 1)), 2)
    return Amplified(replace(part, program=called), replace(part, program=played), settings)


def _settings(
    random: np.random.Generator, *, drive: float, low: tuple[float, float], high: tuple[float, float]
) -> dict[str, float]:
    drawn: dict[str, float] = {
        "drive_db": drive,
        "tight_hz": random.uniform(low[0] / 2, low[0] + 4 * max(drive, 0)),
        "bias": random.uniform(-0.3, 0.3),
        "middle_db": random.uniform(-12, 6),
        "low_hz": random.uniform(*low),
        "high_hz": random.uniform(*high),
        "cabinet": float(random.integers(1000)),
    }
    return {name: round(float(value), 3) for name, value in drawn.items()}


def _as_rhythm_guitar(part: MidiPart, random: np.random.Generator) -> MidiPart:
    """A part with short notes or, where it plays one note at a time, with power chords; or as it is."""
    notes = sorted(part.instrument.notes, key=lambda note: float(note.start))
    chords, short = random.random() < _POWER_CHORDS, random.random() < _SHORT
    if short:
        notes = [changed(note, end=min(note.end, note.start + _SHORTEST)) for note in notes]
    if chords and _is_a_line(notes):
        octaves = 12 * round((float(np.median([note.pitch for note in notes])) - 45) / 12)  # near the lowest string
        notes = [changed(note, pitch=int(np.clip(note.pitch - octaves, 28, 100))) for note in notes]
        added = (7, 12) if random.random() < 0.6 else (7,)
        notes += [changed(note, pitch=note.pitch + interval) for note in notes for interval in added]
    instrument = copy(part.instrument)
    instrument.notes = sorted(notes, key=lambda note: float(note.start))
    return replace(part, instrument=instrument)


def _is_a_line(notes: Sequence[Any]) -> bool:
    """Whether nine of ten notes begin when the one before has ended, or nearly."""
    overlapping = sum(bool(after.start < before.end - 0.05) for before, after in pairwise(notes))
    return overlapping <= 0.1 * len(notes)


def amplify(
    audio: Samples,
    sample_rate: int,
    *,
    drive_db: float,
    tight_hz: float = 40,
    bias: float = 0.0,
    middle_db: float = 0.0,
    low_hz: float = 80,
    high_hz: float = 5000,
    cabinet: float = 0,
    twice: float = 0.0,
) -> Samples:
    """Send a clean signal through an amplifier and a loudspeaker cabinet; the loudness is not kept.

    A high-pass filter, two saturating stages at four times the sample rate, so that few of the partials that they add
    are aliased (Parker, Zavalishin & Le Bivic 2016 name the problem), a filter for the middle of the spectrum, and a
    cabinet: a band-pass of 24 dB an octave upward with a few resonances.

    Parameters
    ----------
    audio : Samples
        ``(channel, sample)``; its channels are added before the amplifier, and it stands where they were loudest.
    sample_rate : int
        In Hz.
    drive_db : float
        Gain before saturation, relative to a signal whose loud moments have an RMS of 1: below -6 nearly clean, from 20
        heavily distorted.
    tight_hz : float
        High-pass before saturation, which keeps chords clear.
    bias : float
        Asymmetry, for even partials; up to about 0.5.
    middle_db : float
        Gain around 600 Hz after saturation; guitars of metal have little there.
    low_hz, high_hz : float
        Between these the cabinet sounds.
    cabinet : float
        Seed of its resonances.
    twice : float
        From 0 to 1: how far to both sides two takes of the part stand, which are never quite together; 0 for one take.

    Returns
    -------
    Samples
        Of the same shape.
    """
    signal = library("scipy.signal", "render", "amplifiers need")
    if not audio.any():
        return audio
    mono = audio.mean(axis=0)
    mono = mono / max(_loud(mono, sample_rate), 1e-9)
    takes = [mono]
    if twice and len(audio) == 2:
        takes.append(_once_more(mono, sample_rate, int(cabinet)))
    sides = np.sqrt((audio**2).mean(axis=1))
    sides = sides / max(float(sides.max()), 1e-9)
    edges = _edges(signal, sample_rate, low_hz, high_hz)
    tone = _tone(sample_rate, middle_db, low_hz, high_hz, int(cabinet))
    driven = (_saturate(signal, take, sample_rate, drive_db, tight_hz, bias) for take in takes)
    first, *second = (tone(signal.sosfilt(edges, take).astype(np.float32), sample_rate) for take in driven)
    if second:
        (other,) = second
        sides = np.ones(2)
        stands = np.stack([first + (1 - twice) * other, other + (1 - twice) * first])
    else:
        stands = np.broadcast_to(first, audio.shape)
    return np.ascontiguousarray(sides[:, None] * stands, np.float32)


def _loud(mono: Samples, sample_rate: int) -> float:
    """The RMS that one of twenty moments of 50 ms is above, of those that are not silent."""
    length = max(1, min(len(mono), sample_rate // 20))
    power = (mono[: len(mono) // length * length].reshape(-1, length) ** 2).mean(axis=1)
    return float(np.sqrt(np.quantile(power[power > 1e-4 * power.max()], 0.95)))


def _once_more(mono: Samples, sample_rate: int, seed: int) -> Samples:
    """The part as it is played a second time: up to 35 ms late, and never by as much as before."""
    random = np.random.default_rng(seed)
    places = np.linspace(0, len(mono) - 1, 2 + 2 * len(mono) // sample_rate)
    late = sample_rate * np.interp(np.arange(len(mono)), places, random.uniform(0.004, 0.03, len(places)))
    at = np.arange(len(mono)) - late
    return np.interp(at, np.arange(len(mono)), mono).astype(np.float32)


def _saturate(signal: Any, mono: Samples, sample_rate: int, drive_db: float, tight_hz: float, bias: float) -> Samples:
    """Two stages with a high-pass filter before each, the second the harder one."""
    tight = signal.butter(2, tight_hz, "highpass", fs=sample_rate, output="sos")
    driven = signal.resample_poly(signal.sosfilt(tight, mono), _OVERSAMPLING, 1).astype(np.float32)
    first, second = (10 ** (share * drive_db / 20) for share in (_FIRST_STAGE, 1 - _FIRST_STAGE))
    driven = np.tanh(first * driven + bias) - np.float32(np.tanh(bias))
    coupling = signal.butter(1, 20, "highpass", fs=_OVERSAMPLING * sample_rate, output="sos")
    driven = np.tanh(second * signal.sosfilt(coupling, driven) - bias / 2)
    shaped: Samples = signal.resample_poly(driven, 1, _OVERSAMPLING)[: len(mono)]
    return shaped


def _edges(signal: Any, sample_rate: int, low_hz: float, high_hz: float) -> np.ndarray:
    """Second-order sections of what the cabinet and the amplifier's end leave of the spectrum."""
    edges = (("highpass", low_hz, 2), ("lowpass", min(high_hz, 0.45 * sample_rate), 4), ("highpass", 20, 1))
    return np.concatenate([signal.butter(order, hz, kind, fs=sample_rate, output="sos") for kind, hz, order in edges])


def _tone(sample_rate: int, middle_db: float, low_hz: float, high_hz: float, cabinet: int) -> Any:
    """The peaks and dips of amplifier and cabinet."""
    pedalboard = render_package("pedalboard")
    random = np.random.default_rng(cabinet)
    resonances = [
        (600.0, middle_db, 0.7),
        (1.4 * low_hz, random.uniform(2, 7), 1.2),
        (random.uniform(0.4, 0.8) * high_hz, random.uniform(3, 10), 1.5),
        *((random.uniform(300, 3000), random.uniform(-6, 4), random.uniform(2, 5)) for _ in range(4)),
    ]
    return pedalboard.Pedalboard(
        [pedalboard.PeakFilter(min(hz, 0.4 * sample_rate), gain, q) for hz, gain, q in resonances]
    )
