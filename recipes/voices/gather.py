"""What voices are rendered from: the singing of a song without its silences, shifted to the intervals of harmonies."""

import sys
from pathlib import Path

import librosa
import numpy as np
import python_stretch
import soundfile
import soxr
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, median_filter, uniform_filter1d

from stemtree.audio import read
from stemtree.staging import staging

RATE = 44100
HOP = 512
"""Samples between two pitches of a melody."""
SHIFTS = (-12, -9, -8, -7, -5, -4, -3, 0, 3, 4, 5, 7, 8, 9, 12)
"""Semitones that the leading voices are shifted by: what thirds to sixths and octaves of a key take."""
STEPS = (-7, -5, -4, -3, -2, 2, 3, 4, 5, 7)
"""Degrees of a key between two voices."""
MAJOR = np.array([0, 2, 4, 5, 7, 9, 11])

Audio = NDArray[np.float32]


def gather(clone: Path, song: str, place: Path) -> None:
    """Write what songs are rendered from: the voices as produced, and each without its silences."""
    stems: dict[str, Path] = {}
    for file in sorted((clone / "src" / song).glob("*VOX*.m4a"), key=lambda file: "_mobile" not in file.stem):
        name = file.stem.partition("_Stem_")[2].removesuffix("_mobile")
        stems[name] = file  # of the coarser coding where there is no other
    if "VOX LEAD" not in stems:
        sys.exit(f"'{clone / 'src' / song}' holds no leading voice: give a clone of ichbinsoftware/everythingisremixed")
    voices = {name: read(file) for name, file in stems.items()}
    audio = {
        name: soxr.resample(np.asarray(voice, np.float32).T, rate, RATE).T for name, (voice, rate) in voices.items()
    }
    length = min(voice.shape[1] for voice in audio.values())
    lead = audio.pop("VOX LEAD")[:, :length]
    with staging(place) as folder:
        write(folder / "produced_lead.flac", lead)
        write(folder / "produced_backing.flac", sum(voice[:, :length] for voice in audio.values()))
        for number, voice in enumerate(audio.values()):
            write(folder / f"backing_{number}.flac", _sung(voice))
        mono = _sung(lead.mean(axis=0, keepdims=True))
        for shift in SHIFTS:
            write(folder / f"lead_{shift}.flac", _shifted(mono, shift))
        np.save(folder / "intervals.npy", intervals(mono[0]))
        folder.rename(place)


def _sung(voice: Audio) -> Audio:
    """A voice without its silences, which become half a second long."""
    power = uniform_filter1d((voice**2).mean(axis=0), RATE // 10)
    loud = maximum_filter1d(power, RATE // 2) > 1e-5
    return np.ascontiguousarray(voice[:, loud])


def _shifted(mono: Audio, semitones: int) -> Audio:
    if semitones == 0:
        return mono
    stretch = python_stretch.Signalsmith.Stretch()
    stretch.preset(1, float(RATE))
    stretch.setTransposeSemitones(float(semitones))
    return np.asarray(stretch.process(np.ascontiguousarray(mono, np.float32)), np.float32)[:, : mono.shape[1]]


def intervals(mono: Audio) -> NDArray[np.int8]:
    """For each of STEPS and each pitch of a melody, how many semitones away that degree of the key is."""
    pitches = librosa.yin(mono, fmin=80, fmax=900, sr=RATE, frame_length=4096, hop_length=HOP)
    level = librosa.feature.rms(y=mono, frame_length=4096, hop_length=HOP)[0][: len(pitches)]
    notes = np.rint(librosa.hz_to_midi(median_filter(pitches, 9))).astype(int)
    counts = np.bincount(notes[level > np.median(level)] % 12, minlength=12)
    key = max(range(12), key=lambda tonic: counts[(MAJOR + tonic) % 12].sum())
    scale = np.add.outer(12 * np.arange(12), MAJOR + key - 12).ravel()
    degree = np.abs(notes[:, None] - scale).argmin(axis=1)
    away = [scale[np.clip(degree + step, 0, len(scale) - 1)] - scale[degree] for step in STEPS]
    there = np.array(SHIFTS)
    nearest = there[np.abs(np.stack(away)[..., None] - there).argmin(axis=-1)]
    return median_filter(nearest, (1, 25)).astype(np.int8)


def write(file: Path, audio: Audio) -> None:
    """Write ``(channel, sample)`` audio as 16-bit WAV or FLAC."""
    soundfile.write(file, np.clip(audio, -1, 1).T, RATE, "PCM_16")
