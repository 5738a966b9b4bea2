"""New songs for rendering: bands by MMA (Musical MIDI Accompaniment), melodies on instruments that they lack."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from stemtree.corpora.layout import read_metadata, required
from stemtree.errors import CorpusError, OptionError
from stemtree.hierarchy import NodePath, load
from stemtree.rendering.midi import bass_programs, melody_classes
from stemtree.rendering.packages import render_package
from stemtree.rendering.settings import check_seed, worker_count

_LIBRARIES = (Path("/usr/share/mma/lib/stdlib"), Path("/usr/local/share/mma/lib/stdlib"))
_SPECIAL = re.compile(r"intro|end|fill|count|metronome", re.IGNORECASE)
_TRIES, _PATIENCE = 10, 60.0
"""Styles to try for a song, and seconds for each."""
_BASS_LINES = ("Bass", "Walk")
"""What MMA calls them."""
_MIDDLE_C = 60

_KEYS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
_SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
_QUALITIES = {
    "major": ("M7", "m7", "m7", "M7", "7", "m7", "m7b5"),
    "minor": ("m7", "m7b5", "M7", "m7", "7", "M7", "7"),
}
_PLAIN = {"major": ("", "m", "m", "", "", "m", "dim"), "minor": ("m", "dim", "", "m", "", "", "")}
_TRIADS = {"": (0, 4, 7), "m": (0, 3, 7), "dim": (0, 3, 6)}
_NEXT = ((3, 4, 5, 1, 2), (4, 6, 3), (5, 3, 1), (4, 0, 1, 6), (0, 5, 3), (3, 1, 4, 2), (0, 4))
"""For each degree of the scale, from 0, those that may follow it; the first twice as often."""
_FORMS = ("AABA", "ABAB", "AAB", "ABA", "ABBA", "AABB")


def compose_songs(
    count: int,
    folder: str | os.PathLike[str],
    seed: int = 0,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Compose songs as General MIDI files; those that are there already are left.

    Each has a key, a mode, a tempo, a form of two sections of chords, a style of MMA's some 2,000, a bass wherever the
    style has a line for one, and one or two melodies on instruments of MS21 classes that the style lacks, so that rare
    ones are heard.

    Parameters
    ----------
    count : int
        How many; the first are the same whatever the number.
    folder : path-like
        Where to write ``song_00000.mid`` and so on.
    seed : int
        Decides everything, together with the version of MMA.
    workers : int, optional
        How many at a time, by default one for each core.
    progress : callable, optional
        Told how many of how many are done.

    Returns
    -------
    list of pathlib.Path
        The files.

    Raises
    ------
    OptionError
        If `count` or `workers` is less than 1, `seed` is negative, the folder holds songs of another seed, or a
        Python package is missing.
    CorpusError
        If MMA is not installed, or cannot play a song in any of ten styles, or the folder cannot be written to.
    """
    if count < 1:
        raise OptionError(f"{count} songs cannot be composed: give 1 or more")
    check_seed(seed)
    workers = worker_count(workers)
    _grooves()
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
        songs_of = _recorded_seed(place / "composed.yaml", seed)
    except OSError as error:
        raise CorpusError(f"cannot write to '{place}': {error.strerror}; choose another folder") from None
    if songs_of != seed:
        raise OptionError(f"'{place}' holds songs of the seed {songs_of}, not {seed}: give that, or another folder")
    files = [place / f"song_{number:05}.mid" for number in range(count)]
    with ThreadPoolExecutor(workers) as pool:  # the work is done in MMA's processes
        jobs = pool.map(_compose, range(count), files, [seed] * count)
        for done, _ in enumerate(jobs, start=1):
            if progress:
                progress(done, count)
    return files


def _recorded_seed(file: Path, seed: int) -> int:
    """The seed of the songs in a folder; where there are none yet, it is recorded, so that none are mixed."""
    if not file.exists():
        file.write_text(f"seed: {seed}\n", "utf-8")
    return int(required(read_metadata(file), "seed", file, int))


def _compose(number: int, file: Path, seed: int) -> None:
    if file.exists():
        return
    random = np.random.default_rng((seed, number))
    mode = str(random.choice(["major", "minor"]))
    key = int(random.integers(12))
    bars = _song(random)
    song = _band(bars, key, mode, random)
    _give_bass(song, random)
    harmony = [_harmony(degree, key, mode) for degree in bars]
    for leaf in _lacking(song, random):
        song.instruments.append(_melody(song, leaf, harmony, random))
    partial = file.with_name(f".{file.name}.partial")
    song.write(str(partial))
    partial.replace(file)


def _song(random: np.random.Generator) -> list[int]:
    """The degree of each bar's chord: sections of eight bars in one of the usual forms."""

    def section() -> list[int]:
        degrees = [int(random.choice([0, 0, 3, 5]))]
        while len(degrees) < 7:
            following = _NEXT[degrees[-1]]
            degrees.append(int(random.choice((following[0], *following))))
        return [*degrees, 4]  # ends on the dominant, which leads on

    sections = {"A": section(), "B": section()}
    return [degree for letter in str(random.choice(_FORMS)) for degree in sections[letter]] + [0]


def _band(bars: list[int], key: int, mode: str, random: np.random.Generator) -> Any:
    """Let MMA play the chords in a style; some styles do not fit any song, so another is tried."""
    pretty_midi = render_package("pretty_midi")

    tempo = int(random.integers(70, 170))
    chords = _PLAIN[mode] if random.random() < 0.5 else _QUALITIES[mode]
    names = [_KEYS[(key + _SCALES[mode][degree]) % 12] + chords[degree] for degree in bars]
    for _ in range(_TRIES):
        groove = str(random.choice(_grooves()))
        lines = [f"RndSeed {int(random.integers(1 << 30))}", f"Tempo {tempo}", f"Groove {groove}", *names]
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "song.mma")
            source.write_text("\n".join(lines) + "\n", "utf-8")
            if _play(source):
                song = pretty_midi.PrettyMIDI(str(source.with_suffix(".mid")))
                song.text_events = []  # where and when it was made
                if len([part for part in song.instruments if part.notes]) >= 2:
                    return song
    raise CorpusError(f"MMA cannot play a song in any of {_TRIES} styles, the last being '{groove}': check `mma -v`")


def _play(source: Path) -> bool:
    """Whether MMA made a MIDI file, beside its input; some styles keep it busy for ever."""
    command = ["mma", str(source), "-f", str(source.with_suffix(".mid"))]
    try:
        played = subprocess.run(command, capture_output=True, check=False, timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        return False
    return played.returncode == 0 and source.with_suffix(".mid").exists()


def _give_bass(song: Any, random: np.random.Generator) -> None:
    """Let a bass play the lines that styles write for one, where a style has another low instrument play them."""
    basses = bass_programs()
    if any(part.program in basses and not part.is_drum for part in song.instruments):
        return
    program = int(basses[random.integers(len(basses))])
    for part in song.instruments:
        if part.name.startswith(_BASS_LINES) and np.median([note.pitch for note in part.notes]) < _MIDDLE_C - 12:
            part.program = program


def _lacking(song: Any, random: np.random.Generator) -> list[NodePath]:
    """One or two of the classes of instruments that a song has not."""
    pretty_midi = render_package("pretty_midi")

    ms21 = load("ms21")
    heard = {
        ms21.leaf("Drums" if part.is_drum else pretty_midi.program_to_instrument_name(part.program))
        for part in song.instruments
    }
    lacking = [leaf for leaf in melody_classes() if leaf not in heard]
    return [str(leaf) for leaf in random.choice(lacking, min(len(lacking), int(random.integers(1, 3))), replace=False)]


def _harmony(degree: int, key: int, mode: str) -> tuple[set[int], set[int]]:
    """Pitch classes of a chord's triad, and of the scale over it: in minor, the dominant has the leading tone."""
    scale = [(key + step) % 12 for step in _SCALES[mode]]
    triad = [(scale[degree] + step) % 12 for step in _TRIADS[_PLAIN[mode][degree]]]
    for number, tone in enumerate(triad):
        scale[(degree + 2 * number) % 7] = tone
    return set(triad), set(scale)


def _melody(song: Any, leaf: NodePath, harmony: list[tuple[set[int], set[int]]], random: np.random.Generator) -> Any:
    """A line that walks the scale and lands on the chord at each bar; it rests in some bars."""
    pretty_midi = render_package("pretty_midi")

    programs = melody_classes()[leaf]
    part = pretty_midi.Instrument(int(programs[random.integers(len(programs))]), name="Melody")
    place = 14  # in the middle of four octaves of a scale
    downbeats = song.get_downbeats()
    for (chord, scale), start, end in zip(harmony, downbeats, downbeats[1:], strict=False):
        steps = [12 * octave + pitch for octave in range(4, 8) for pitch in sorted(scale)]
        if random.random() < 0.2:
            continue
        count = int(random.choice([1, 2, 3, 4, 4, 6, 8]))
        for note in range(count):
            place = int(np.clip(place + random.integers(-2, 3), 4, len(steps) - 5))
            if note == 0:  # to the nearest tone of the chord
                tones = np.array([step for step in range(len(steps)) if steps[step] % 12 in chord])
                place = int(tones[np.argmin(np.abs(tones - place))])
            begin = start + (end - start) * note / count
            length = (end - start) / count * random.uniform(0.5, 1)
            part.notes.append(pretty_midi.Note(int(random.integers(70, 110)), steps[place], begin, begin + length))
    return part


@cache
def _grooves() -> tuple[str, ...]:
    """The names of the styles that the installed MMA can play, without introductions, fills and endings."""
    libraries = [folder for folder in _LIBRARIES if folder.is_dir()]
    if shutil.which("mma") is None or not libraries:
        raise CorpusError("composing needs MMA, which is not installed: install it (Debian: mma)")
    text = "\n".join(file.read_text("utf-8", "replace") for file in sorted(libraries[0].glob("*.mma")))
    names = re.findall(r"^\s*DefGroove\s+(\S+)", text, re.MULTILINE | re.IGNORECASE)
    return tuple(sorted({name for name in names if not _SPECIAL.search(name)}))
