"""Recorded stems in songs: stretches of them take the place of a leaf's stems."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from stemtree.audio import read
from stemtree.audio.resample import resample
from stemtree.corpora.layout import read_metadata
from stemtree.hierarchy import load
from stemtree.staging import staging

RATE = 44100
Audio = NDArray[np.float32]


def stretches(file: Path, seconds: float, most: int | None, random: np.random.Generator) -> Iterator[Audio]:
    """Stretches of a recording that are not silent, or `most` of them: ``(channel, sample)``."""
    audio, rate = read(file)
    audio = np.asarray(resample(audio, rate, RATE) if rate != RATE else audio, np.float32)
    audio = np.repeat(audio, 2, axis=0) if len(audio) == 1 else audio
    length = round(seconds * RATE)
    starts = np.arange(0, audio.shape[1] - length + 1, length)
    loud = [start for start in starts if (audio[:, start : start + length] ** 2).mean() > 10**-4.5]
    if most is not None and len(loud) > most:
        loud = sorted(random.choice(loud, most, replace=False))
    for start in loud:
        yield audio[:, start : start + length]


def mix_in(stretch: Audio, leaf: str, band: Path, place: Path, level: float) -> None:
    """Make a song of a stretch and of all but its leaf of a rendered song, so many dB above the band's mean stem."""
    described = read_metadata(band / "metadata.yaml")["stems"]
    ms21, powers, length = load("ms21"), [], stretch.shape[1]
    with staging(place) as folder:
        for number, (name, stem) in enumerate(described.items()):
            of = ms21.leaf(stem["midi_program_name"]).rpartition("/")[2]
            source = band / "stems" / f"{name}.flac"
            if of != leaf and not of.endswith("vocal"):
                audio = soundfile.read(source, dtype="float32")[0]
                powers.append(float((audio**2).mean()))
                length = len(audio)
                target = folder / f"{number:02}_{of}.flac"
                try:
                    os.link(source, target)
                except OSError:
                    shutil.copy(source, target)
        stretch = np.pad(stretch, ((0, 0), (0, max(0, length - stretch.shape[1]))))[:, :length]
        gain = 10 ** (level / 20) * np.sqrt((np.mean(powers) if powers else 0.01) / (stretch**2).mean())
        gain = min(gain, 0.99 / float(np.abs(stretch).max()))
        soundfile.write(folder / f"90_{leaf}.flac", (gain * stretch).T, RATE, "PCM_16")
        place.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(place)
