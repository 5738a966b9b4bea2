"""Songs of a few seconds, with which the whole suite is tried out in a minute."""

from pathlib import Path

import numpy as np
import soundfile
import yaml

from stemtree.staging import staging

RATE = 8000
SECONDS = 3
SONGS = {"train": 4, "validation": 2, "test": 12}

INSTRUMENTS = {
    "Distortion Guitar": 330,
    "Acoustic Guitar (nylon)": 440,
    "Acoustic Grand Piano": 520,
    "Drawbar Organ": 600,
    "Violin": 660,
    "Trumpet": 700,
    "Flute": 780,
    "Electric Bass (finger)": 90,
    "Drums": 0,
    "Choir Aahs": 250,
}
"""General MIDI's name, and the pitch in Hz; 0 for noise."""

_FOUR = {"vocals": 250, "drums": 0, "bass": 90, "other": 440}


def make_tiny_corpora(root: Path) -> None:
    """Write ``songs`` in Slakh's layout and ``four_stems`` in MUSDB18-HQ's, unless they are there.

    Raises
    ------
    AudioError
        If they cannot be written.
    """
    if root.exists():
        return
    root.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    with staging(root) as partial:
        for split, count in SONGS.items():
            for number in range(count):
                _write_song(partial / "songs" / split / f"Track{number:05}_{split}", random)
                _write_four(partial / "four_stems" / split / f"Song {number} {split}", random)
        partial.rename(root)


def _write_song(place: Path, random: np.random.Generator) -> None:
    (place / "stems").mkdir(parents=True)
    stems = {}
    for number, (name, pitch) in enumerate(INSTRUMENTS.items()):
        soundfile.write(place / "stems" / f"S{number:02}.wav", _tone(pitch, random), RATE, "PCM_16")
        program = {"plugin_name": "tone", "is_drum": not pitch, "midi_program_name": name}
        stems[f"S{number:02}"] = program
    (place / "metadata.yaml").write_text(yaml.safe_dump({"stems": stems}), "utf-8")


def _write_four(place: Path, random: np.random.Generator) -> None:
    place.mkdir(parents=True)
    stems = {name: _tone(pitch, random) for name, pitch in _FOUR.items()}
    stems["mixture"] = np.sum(list(stems.values()), axis=0)
    for name, samples in stems.items():
        soundfile.write(place / f"{name}.wav", samples, RATE, "PCM_16")


def _tone(pitch: int, random: np.random.Generator) -> np.ndarray:
    time = np.arange(SECONDS * RATE) / RATE
    tone = np.sin(2 * np.pi * pitch * random.uniform(0.95, 1.05) * time) if pitch else random.uniform(-1, 1, len(time))
    beats = np.repeat(random.uniform(0.2, 1, 12), len(time) // 12)
    return np.asarray(0.1 * tone * beats)
