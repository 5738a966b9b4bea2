"""New songs for rendering: accompaniment by MMA (Musical MIDI Accompaniment), and melodies.

Each song draws, in this order: mode, key, chords, a style for the accompaniment, a bass, and melodies.
"""

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
from stemtree.rendering.arrange import bass_programs, melody_classes
from stemtree.rendering.packages import render_package
from stemtree.rendering.settings import check_seed, worker_count
from stemtree.staging import whole_file, write_failure

_LIBRARIES = (Path("/usr/share/mma/lib/stdlib"), Path("/usr/local/share/mma/lib/stdlib"))
_NO_STYLE = re.compile(r"intro|end|fill|count|metronome", re.IGNORECASE)
"""Grooves that are parts of a style, such as its ending."""

_MAX_TRIES, _TIMEOUT = 10, 60.0
"""Styles to try for a song, and seconds for each."""

_BASS_TRACKS = ("Bass", "Walk")
"""MMA's names of tracks that hold bass lines."""

_MIDDLE_C, _OCTAVE = 60, 12
_BARS_PER_SECTION = 8

_TONICS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
_SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
_SEVENTHS = {
    "major": ("M7", "m7", "m7", "M7", "7", "m7", "m7b5"),
    "minor": ("m7", "m7b5", "M7", "m7", "7", "M7", "7"),
}
_TRIAD_NAMES = {"major": ("", "m", "m", "", "", "m", "dim"), "minor": ("m", "dim", "", "m", "", "", "")}
"""Suffixes of the chords on the degrees of the scale, as MMA writes them."""

_TRIADS = {"": (0, 4, 7), "m": (0, 3, 7), "dim": (0, 3, 6)}
"""Semitones above the root."""

_SUCCESSORS = ((3, 4, 5, 1, 2), (4, 6, 3), (5, 3, 1), (4, 0, 1, 6), (0, 5, 3), (3, 1, 4, 2), (0, 4))
"""For each degree of the scale, from 0, the degrees that may follow it; the first is twice as likely."""

_FORMS = ("AABA", "ABAB", "AAB", "ABA", "ABBA", "AABB")


def compose_songs(
    count: int,
    folder: str | os.PathLike[str],
    seed: int = 0,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Compose songs as General MIDI files; existing ones are left as they are.

    Each song has a key, a mode, a tempo, a form of two sections of chords, one of MMA's some 2,000 styles, a bass where
    the style has a line for one, and one or two melodies on instruments of MS21 classes that the style does not use, so
    that rare classes occur.

    Parameters
    ----------
    count : int
        Number of songs; the first ones are the same for any number.
    folder : path-like
        Gets ``song_00000.mid`` and so on.
    seed : int
        Seed of the random choices; the result also depends on the version of MMA.
    workers : int, optional
        Songs at a time, by default one for each core.
    progress : callable, optional
        Called with the number of songs that are complete and the number of all.

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
    _grooves()  # raises where MMA is missing, before the folder is made
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
        recorded = _recorded_seed(place / "composed.yaml", seed)
    except OSError as error:
        raise CorpusError(write_failure(place, error)) from None
    if recorded != seed:
        raise OptionError(f"'{place}' holds songs of the seed {recorded}, not {seed}: give that, or another folder")
    files = [place / f"song_{number:05}.mid" for number in range(count)]
    with ThreadPoolExecutor(workers) as pool:  # the work is done in MMA's processes
        jobs = pool.map(_compose, range(count), files, [seed] * count)
        for done, _ in enumerate(jobs, start=1):
            if progress:
                progress(done, count)
    return files


def _recorded_seed(file: Path, seed: int) -> int:
    """The seed of the songs in a folder; in a new folder `seed` is recorded, one with other songs is refused."""
    if not file.exists():
        if any(file.parent.glob("song_*.mid")):
            raise OptionError(f"'{file.parent}' holds songs of an unknown seed: give another folder")
        file.write_text(f"seed: {seed}\n", "utf-8")
    return int(required(read_metadata(file), "seed", file, int))


def _compose(number: int, file: Path, seed: int) -> None:
    if file.exists():
        return
    random = np.random.default_rng((seed, number))
    mode = str(random.choice(["major", "minor"]))
    key = int(random.integers(12))
    degrees = _draw_chords(random)
    song = _draw_accompaniment(degrees, key, mode, random)
    _add_bass(song, random)
    harmony = [_harmony(degree, key, mode) for degree in degrees]
    for leaf in _draw_unused_classes(song, random):
        song.instruments.append(_draw_melody(song, leaf, harmony, random))
    with whole_file(file) as partial:
        song.write(str(partial))


def _draw_chords(random: np.random.Generator) -> list[int]:
    """The degree of each bar's chord, from 0: sections of eight bars in one of the usual forms, then the tonic."""

    def section() -> list[int]:
        degrees = [int(random.choice([0, 0, 3, 5]))]
        while len(degrees) < _BARS_PER_SECTION - 1:
            following = _SUCCESSORS[degrees[-1]]
            degrees.append(int(random.choice((following[0], *following))))
        return [*degrees, 4]  # ends on the dominant, which leads to the next section

    sections = {"A": section(), "B": section()}
    return [degree for letter in str(random.choice(_FORMS)) for degree in sections[letter]] + [0]


def _draw_accompaniment(degrees: list[int], key: int, mode: str, random: np.random.Generator) -> Any:
    """Let MMA play the chords in a random style; styles that fail are replaced by others."""
    pretty_midi = render_package("pretty_midi")

    tempo = int(random.integers(70, 170))
    suffixes = _TRIAD_NAMES[mode] if random.random() < 0.5 else _SEVENTHS[mode]
    chords = [_TONICS[(key + _SCALES[mode][degree]) % 12] + suffixes[degree] for degree in degrees]
    for _ in range(_MAX_TRIES):
        groove = str(random.choice(_grooves()))
        lines = [f"RndSeed {int(random.integers(1 << 30))}", f"Tempo {tempo}", f"Groove {groove}", *chords]
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "song.mma")
            source.write_text("\n".join(lines) + "\n", "utf-8")
            if _run_mma(source):
                song = pretty_midi.PrettyMIDI(str(source.with_suffix(".mid")))
                song.text_events = []  # folder and date
                if len([part for part in song.instruments if part.notes]) >= 2:
                    return song
    raise CorpusError(
        f"MMA cannot play a song in any of {_MAX_TRIES} styles, the last being '{groove}': check `mma -v`"
    )


def _run_mma(source: Path) -> bool:
    """Whether MMA made a MIDI file beside its input in time; some styles never end."""
    command = ["mma", str(source), "-f", str(source.with_suffix(".mid"))]
    try:
        played = subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT)
    except subprocess.TimeoutExpired:
        return False
    return played.returncode == 0 and source.with_suffix(".mid").exists()


def _add_bass(song: Any, random: np.random.Generator) -> None:
    """In songs without a bass, let one play the low lines that MMA's style wrote for a bass."""
    basses = bass_programs()
    if any(part.program in basses and not part.is_drum for part in song.instruments):
        return
    program = int(basses[random.integers(len(basses))])
    for part in song.instruments:
        if part.name.startswith(_BASS_TRACKS) and np.median([note.pitch for note in part.notes]) < _MIDDLE_C - _OCTAVE:
            part.program = program


def _draw_unused_classes(song: Any, random: np.random.Generator) -> list[NodePath]:
    """One or two of the classes of instruments that do not occur in a song."""
    pretty_midi = render_package("pretty_midi")

    ms21 = load("ms21")
    used = {
        ms21.leaf("Drums" if part.is_drum else pretty_midi.program_to_instrument_name(part.program))
        for part in song.instruments
    }
    unused = [leaf for leaf in melody_classes() if leaf not in used]
    count = min(len(unused), int(random.integers(1, 3)))
    return [str(leaf) for leaf in random.choice(unused, count, replace=False)]


def _harmony(degree: int, key: int, mode: str) -> tuple[set[int], set[int]]:
    """Pitch classes of a chord's triad and of the scale over it; in minor the dominant contains the leading tone."""
    scale = [(key + step) % 12 for step in _SCALES[mode]]
    triad = [(scale[degree] + step) % 12 for step in _TRIADS[_TRIAD_NAMES[mode][degree]]]
    for number, tone in enumerate(triad):
        scale[(degree + 2 * number) % 7] = tone
    return set(triad), set(scale)


def _draw_melody(
    song: Any, leaf: NodePath, harmony: list[tuple[set[int], set[int]]], random: np.random.Generator
) -> Any:
    """A line that walks the scale and begins each bar with a tone of the chord; some bars are rests."""
    pretty_midi = render_package("pretty_midi")

    programs = melody_classes()[leaf]
    part = pretty_midi.Instrument(int(programs[random.integers(len(programs))]), name="Melody")
    step = 14  # in the middle of four octaves of a scale
    downbeats = song.get_downbeats()
    for (chord, scale), start, end in zip(harmony, downbeats, downbeats[1:], strict=False):
        pitches = [_OCTAVE * octave + pitch for octave in range(4, 8) for pitch in sorted(scale)]
        if random.random() < 0.2:
            continue
        count = int(random.choice([1, 2, 3, 4, 4, 6, 8]))
        for note in range(count):
            step = int(np.clip(step + random.integers(-2, 3), 4, len(pitches) - 5))
            if note == 0:  # move to the nearest tone of the chord
                tones = np.array([number for number, pitch in enumerate(pitches) if pitch % _OCTAVE in chord])
                step = int(tones[np.argmin(np.abs(tones - step))])
            onset = start + (end - start) * note / count
            length = (end - start) / count * random.uniform(0.5, 1)
            velocity = int(random.integers(70, 110))
            part.notes.append(pretty_midi.Note(velocity, pitches[step], onset, onset + length))
    return part


@cache
def _grooves() -> tuple[str, ...]:
    """The styles of the installed MMA, without introductions, fills and endings; raises CorpusError without MMA."""
    libraries = [folder for folder in _LIBRARIES if folder.is_dir()]
    if shutil.which("mma") is None or not libraries:
        raise CorpusError("composing needs MMA, which is not installed: install it (Debian: mma)")
    text = "\n".join(file.read_text("utf-8", "replace") for file in sorted(libraries[0].glob("*.mma")))
    names = re.findall(r"^\s*DefGroove\s+(\S+)", text, re.MULTILINE | re.IGNORECASE)
    return tuple(sorted({name for name in names if not _NO_STYLE.search(name)}))
