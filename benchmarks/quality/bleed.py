"""Measure the detection of leakage between microphones.

    python benchmarks/quality/bleed.py CORPUS... [options]
    python benchmarks/quality/bleed.py MIDI... --soundfont SF2 [options]

The tracks are the stems of rendered songs in Slakh's layout, with their sample rate and channels. Or MIDI files are
rendered to mono tracks at 16 kHz, with three added parts that must not be taken for leakage: another instrument in
unison with one part, another a third or fifth above, and a wood block on every snare.

Leakage is simulated: a distance of 0.5 to 8 m, early reflections, reverberation, less treble; the microphones of a
stereo track are up to 20 cm apart. There are two kinds of session. In `some`, one or two tracks of other instruments
leak into half of the tracks. In `live`, two thirds of the tracks are recorded in one room, and each of them leaks into
all others there. `--levels` is the loudness in dB of everything that leaks into a track, relative to the track. Sources
and distances are drawn once for each kind of session, so that rows of one kind differ in this loudness alone.
"""

import argparse
import copy
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pretty_midi
import soundfile
from scipy.signal import butter, lfilter, oaconvolve

from stemtree.corpora.load import load_corpus
from stemtree.curation.bleed.measure import measure_bleed
from stemtree.curation.bleed.table import Leak
from stemtree.curation.sessions.sessions import read_session
from stemtree.hierarchy import load
from stemtree.rendering.render import render_corpus
from stemtree.rendering.settings import RenderSettings

SPEED_OF_SOUND = 343.0  # m/s
MS21 = load("ms21")


@dataclass(frozen=True)
class Song:
    """Files, gains and labels of a song's tracks."""

    files: list[str]
    gains: list[float]
    names: list[str]
    seconds: float

    def read(self) -> tuple[np.ndarray, int]:
        """Read ``(track, channel, sample)`` audio and its sample rate."""
        rate = soundfile.info(self.files[0]).samplerate
        tracks = [
            gain * soundfile.read(file, int(self.seconds * rate), dtype="float32", always_2d=True)[0].T
            for file, gain in zip(self.files, self.gains, strict=True)
        ]
        return np.array(tracks), rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path, nargs="+")
    parser.add_argument("--soundfont", type=Path)
    parser.add_argument("--levels", default="-6,-14,-20,-26,-32,-40")
    parser.add_argument("--sessions", default="some,live")
    parser.add_argument("--seconds", type=float, default=75)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpora = [rendered(options.soundfont, options.songs, Path(folder))] if options.soundfont else options.songs
        songs = [song for corpus in corpora for song in load_songs(corpus, options.seconds)]
        tracks = sum(len(song.names) for song in songs)
        seconds = sum(song.seconds * len(song.names) for song in songs)
        print(f"{len(songs)} songs, {tracks} tracks, {seconds / 60:.0f} minutes")
        clean = [detect(*song.read(), song.names, Path(folder)) for song in songs]
        false = sum(leak.leaks for leaks, _ in clean for leak in leaks)
        print(f"no leakage at all: {false} of {tracks} tracks flagged")
        print("session  level  leaking  precision  recall    F1  right instrument  level off by (median, dB)")
        cpu, runs = sum(of_song for _, of_song in clean), 1
        for kind in (globals()[name] for name in options.sessions.split(",")):
            for level in map(float, options.levels.split(",")):
                cpu += measure_level(kind, level, songs, options.seed, Path(folder))
                runs += 1
        print(f"{runs * seconds / cpu:.0f} seconds of track per CPU second")


def measure_level(kind, level: float, songs: Sequence[Song], seed: int, folder: Path) -> float:
    """Print the figures of one kind of session and loudness of leakage; return the CPU seconds."""
    right = wrong = missed = instrument = 0
    cpu, errors, random = 0.0, [], np.random.default_rng(seed)
    for song in songs:
        audio, rate = song.read()
        leaves = [MS21.leaf(name) for name in song.names]
        sources_of = kind(leaves, random)
        mixed = np.array(
            [with_leakage(audio, rate, track, sources_of.get(track, []), level, random) for track in range(len(leaves))]
        )
        leaks, seconds = detect(mixed, rate, song.names, folder)
        cpu += seconds
        for track, leak in enumerate(leaks):
            sources = {leaves[source] for source in sources_of.get(track, [])}
            right += leak.leaks and bool(sources)
            wrong += leak.leaks and not sources
            missed += bool(sources) and not leak.leaks
            if leak.leaks and sources:
                instrument += MS21.leaf(leak.from_label) in sources
                errors.append(abs(leak.leak_db - 10 * np.log10(1 / (1 + 10 ** (-level / 10)))))
    precision, recall = right / max(1, right + wrong), right / max(1, right + missed)
    score = 2 * precision * recall / max(1e-9, precision + recall)
    print(
        f"{kind.__name__:7} {level:6.0f} {right + missed:8} {precision:10.3f} {recall:7.3f} {score:5.3f} "
        f"{instrument / max(1, right):17.3f} {np.median(errors or [np.nan]):12.1f}",
        flush=True,
    )
    return cpu


def some(leaves: Sequence[str], random: np.random.Generator) -> dict[int, list[int]]:
    """Draw the tracks that leak into half of the tracks, by number."""
    sources_of = {}
    for track in random.permutation(len(leaves))[: max(1, round(len(leaves) / 2))]:
        others = [other for other, leaf in enumerate(leaves) if leaf != leaves[track]]
        if others:
            count = min(len(others), int(random.integers(1, 3)))
            sources_of[int(track)] = random.choice(others, count, replace=False).tolist()
    return sources_of


def live(leaves: Sequence[str], random: np.random.Generator) -> dict[int, list[int]]:
    """Draw the tracks of one room, each of which leaks into those of other instruments there."""
    room = random.permutation(len(leaves))[: max(2, round(len(leaves) * 2 / 3))].tolist()
    found = {track: [other for other in room if leaves[other] != leaves[track]] for track in room}
    return {track: others for track, others in found.items() if others}


def with_leakage(
    audio: np.ndarray, rate: int, track: int, sources: Sequence[int], level: float, random: np.random.Generator
) -> np.ndarray:
    """Add what leaks into a track: the sum of its sources, `level` dB relative to the track."""
    if not sources:
        return audio[track]
    total = np.zeros(audio[track].shape, np.float32)
    for source in sources:
        distance, played = random.uniform(0.5, 8), audio[source].mean(axis=0)
        distances = distance + np.append(0, random.uniform(-0.2, 0.2, len(total) - 1))
        responses = np.array([room_response(one, rate, random) for one in distances], np.float32)
        leakage = oaconvolve(played[None], responses, axes=1)[:, : total.shape[1]]
        total += leakage / np.sqrt(np.mean(leakage**2) + 1e-20) * 10 ** (random.uniform(-3, 0) / 20)
    gain = 10 ** (level / 20) * np.sqrt(np.mean(audio[track] ** 2) / np.mean(total**2))
    return audio[track] + gain * total


def room_response(distance: float, rate: int, random: np.random.Generator) -> np.ndarray:
    """Simulate the impulse response of half a second from an instrument to a microphone `distance` m away."""
    response = np.zeros(rate // 2)

    def add_arrival(way: float, gain: float) -> None:
        place = way / SPEED_OF_SOUND * rate
        whole = int(place)
        response[whole] += gain * (1 - place + whole)
        response[whole + 1] += gain * (place - whole)

    add_arrival(distance, 1 / distance)
    for _ in range(6):
        way = distance + random.uniform(1, 8)
        add_arrival(way, random.uniform(0.5, 0.9) / way)
    decay = 10 ** (-3 * np.arange(len(response)) / rate / random.uniform(0.15, 0.5))
    tail = random.standard_normal(len(response)) * decay
    tail[: int((distance + 2) / SPEED_OF_SOUND * rate)] = 0
    tail *= np.sqrt(10 ** (-random.uniform(0, 10) / 10) / np.sum(tail**2)) / distance
    duller = lfilter(*butter(1, random.uniform(3000, 7500) / (rate / 2)), response + tail)
    return 0.6 * duller + 0.4 * (response + tail)


def detect(audio: np.ndarray, rate: int, names: Sequence[str], folder: Path) -> tuple[list[Leak], float]:
    """Write tracks to files and measure leakage in them; return findings and CPU seconds."""
    place = folder / "session"
    place.mkdir(exist_ok=True)
    rows = [(f"{number:02}.wav", name) for number, name in enumerate(names)]
    for (file, _), track in zip(rows, audio, strict=True):
        soundfile.write(place / file, np.clip(track.T, -1, 1), rate, "PCM_24")
    start = time.process_time()
    found = measure_bleed(read_session(place, "session", rows, MS21))
    return [found[file] for file, _ in rows], time.process_time() - start


def load_songs(corpus: Path, seconds: float) -> list[Song]:
    """List the tracks of every song without silent ones, each attenuated by 0 to 12 dB."""
    random, songs = np.random.default_rng(0), []
    for track in load_corpus(corpus, "slakh", MS21).tracks:
        length = min(seconds, track.duration)
        num_samples = int(length * soundfile.info(track.stems[0].file.path).samplerate)
        audible = [
            stem
            for stem in track.stems
            if np.mean(soundfile.read(stem.file.path, num_samples, dtype="float32")[0] ** 2) > 1e-9
        ]
        if len({stem.leaf for stem in audible}) > 1:
            gains = 10 ** (random.uniform(-12, 0, len(audible)) / 20)
            songs.append(
                Song([str(stem.file.path) for stem in audible], gains.tolist(), [s.label for s in audible], length)
            )
    return songs


def rendered(soundfont: Path, midis: Sequence[Path], folder: Path) -> Path:
    """Render a corpus of mono tracks."""
    (folder / "midi").mkdir()
    for midi in midis:
        with_added_parts(midi).write(str(folder / "midi" / midi.name))
    rendering = RenderSettings((soundfont,), sample_rate=16000, stereo=False)
    render_corpus(sorted((folder / "midi").iterdir()), folder / "corpus", rendering, workers=1, skip_bad=True)
    return folder / "corpus"


def with_added_parts(midi: Path) -> pretty_midi.PrettyMIDI:
    """Read a song and add parts that play along with others."""
    song, random = pretty_midi.PrettyMIDI(str(midi)), np.random.default_rng(sum(midi.name.encode()))
    melodic = [part for part in song.instruments if not part.is_drum and len(part.notes) > 40]
    for programs, steps in (((0, 48, 56, 65, 73, 11), (0,)), ((4, 19, 60, 66, 80, 24), (4, 7))):
        if melodic:
            part = copy.deepcopy(melodic[random.integers(len(melodic))])
            part.program = int(random.choice(programs))
            for note in part.notes:
                note.pitch = min(127, note.pitch + int(random.choice(steps)))
            song.instruments.append(part)
    block = pretty_midi.Instrument(115)
    for part in song.instruments:
        if part.is_drum:
            snares = [note for note in part.notes if note.pitch in (38, 40)]
            block.notes += [pretty_midi.Note(note.velocity, 60, note.start, note.end) for note in snares]
    if len(block.notes) > 20:
        song.instruments.append(block)
    return song


if __name__ == "__main__":
    main()
