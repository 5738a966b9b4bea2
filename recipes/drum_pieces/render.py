"""Render Groove MIDI with many drum kits into a corpus of drum pieces: kick, snare, toms, hi-hat, cymbals.

    python recipes/drum_pieces/render.py GROOVE SOUNDS OUT --songs 500 --validation 60

GROOVE is the folder of Groove MIDI (info.csv and one folder a drummer), SOUNDS holds the kits of kits.yaml. Each song
is a stretch of one performance with one kit: ``OUT/<split>/<song>/<piece>.flac``, the layout ``folder``. Kits with
``split: validation`` and the performances of Groove MIDI's test and validation splits are kept for validation; most of
its drummers are in all its splits. Songs that are there are left; a run that was stopped goes on. Needs the extras
render, sfz and train.
"""

import argparse
import csv
import re
import sys
import zlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import fluidsynth
import mido
import numpy as np
import pysfizz
import soundfile
import soxr
import yaml
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from stemtree.memory import keep_freed_memory
from stemtree.processes import map_in_processes
from stemtree.rendering.sfz import check_sfz
from stemtree.staging import staging

RATE = 44100
TAIL = 4.0  # seconds of a hit that are kept
PIECES = {
    "kick": ("kick",),
    "snare": ("snare", "rim"),
    "toms": ("tom_high", "tom_mid", "tom_low"),
    "hi_hat": ("hat_closed", "hat_open", "hat_pedal"),
    "cymbals": ("crash", "ride", "bell"),
}
GENERAL_MIDI = {
    "kick": [36], "snare": [38], "rim": [37], "tom_high": [48, 50], "tom_mid": [47, 45], "tom_low": [43, 41],
    "hat_closed": [42], "hat_pedal": [44], "hat_open": [46], "crash": [49, 57], "ride": [51], "bell": [53],
}  # fmt: skip
GROOVE = {
    36: "kick", 38: "snare", 40: "snare", 37: "rim", 48: "tom_high", 50: "tom_high", 45: "tom_mid", 47: "tom_mid",
    43: "tom_low", 58: "tom_low", 46: "hat_open", 26: "hat_open", 42: "hat_closed", 22: "hat_closed", 44: "hat_pedal",
    49: "crash", 55: "crash", 57: "crash", 52: "crash", 51: "ride", 59: "ride", 53: "bell",
}  # fmt: skip
FILES = {
    "kick": r"kick|^bd|bass_hard|bass_soft", "rim": r"rim|stick", "snare": r"snare|^sd|^sn_|-sd|shortsn",
    "tom_high": r"tom[-_]?(1|h|hi|high)|hitom|^ht|hi-tom", "tom_low": r"tom[-_]?(3|l|lo|low)|lowtom|^lt",
    "tom_mid": r"tom[-_]?(2|m|mid)|mid-?tom|^mt|tom", "hat_open": r"open|^oh|-oh|ohihat",
    "hat_pedal": r"pedal", "hat_closed": r"hi?hat|hithat|^hh|-ch\b|shorthi|cymbal_closed", "ride": r"ride|^rd",
    "crash": r"crash|^cr\b|cymbal|splash",
}  # fmt: skip
LIKE = {"hat_pedal": "hat_closed", "hat_open": "hat_closed", "bell": "ride", "rim": "snare", "tom_mid": "tom_high"}
"""What stands in where a kit lacks a sound."""

Audio = NDArray[np.float32]


@dataclass
class Kit:
    """Hits of one kit, rendered when they are first needed."""

    what: dict[str, Any]
    sounds: Path
    kept: dict[tuple[object, ...], Audio] = field(default_factory=dict)

    def hit(
        self, sound: str, velocity: int, random: np.random.Generator
    ) -> tuple[tuple[object, ...], np.float32] | None:
        """The key in `kept` and the gain of one hit, or None where the kit has no such sound."""
        choices = self._choices.get(sound) or self._choices.get(LIKE.get(sound, ""))
        if not choices:
            return None
        choice = choices[random.integers(len(choices))]
        layered = self.what["kind"] != "samples"
        key = (choice, min(127, velocity // 8 * 8 + 4) if layered else 0, int(random.integers(3)) if layered else 0)
        if key not in self.kept:
            self.kept[key] = _trim(self._play(choice, int(key[1])))
        return key, np.float32(1 if layered else (velocity / 127) ** 1.7)

    @property
    def _choices(self) -> dict[str, list[Any]]:
        if self.what["kind"] == "samples":
            return _sample_files(self.sounds / self.what["folder"])
        return self.what.get("keys", GENERAL_MIDI)

    def _play(self, choice: Any, velocity: int) -> Audio:
        if self.what["kind"] == "samples":
            audio, rate = soundfile.read(choice, dtype="float32", always_2d=True)
            stereo = np.repeat(audio, 2, axis=1) if audio.shape[1] == 1 else audio[:, :2]
            return soxr.resample(stereo, rate, RATE).T
        file = str(self.sounds / self.what["file"])
        if self.what["kind"] == "sfz":
            synth = _sfz(file)
            synth.render_note(choice, 0, 0.1, TAIL)  # lets the hit before it die away
            return np.asarray(synth.render_note(choice, velocity, 1.0, TAIL), np.float32)
        player = _fluidsynth(file)
        channel, bank = (9, 128) if self.what.get("bank", 128) == 128 else (0, self.what["bank"])
        player.system_reset()
        player.program_select(channel, 1, bank, self.what["program"])
        player.noteon(channel, choice, velocity)
        return player.get_samples(round(TAIL * RATE)).reshape(-1, 2).T.astype(np.float32) / 32768


@cache
def _fluidsynth(file: str) -> fluidsynth.Synth:
    player = fluidsynth.Synth(samplerate=float(RATE), gain=0.6)
    player.setting("synth.reverb.active", 0)
    player.setting("synth.chorus.active", 0)
    player.sfload(file)
    return player


@cache
def _sfz(file: str) -> pysfizz.Synth:
    check_sfz(Path(file))
    synth = pysfizz.Synth(RATE, 1024)
    synth.load_sfz_file(file)
    return synth


@cache
def _sample_files(folder: Path) -> dict[str, list[Path]]:
    """Sort a folder's audio files by what their names, or their folders' names, say."""
    found: dict[str, list[Path]] = {}
    for file in sorted(file for file in folder.rglob("*") if file.suffix in (".wav", ".ogg", ".flac")):
        names = [file.stem.lower()] + ([file.parent.name.lower()] if file.parent != folder else [])
        for sound, pattern in FILES.items():
            if any(re.search(pattern, name) for name in names) and not re.search("conga|cowbell", " ".join(names)):
                found.setdefault(sound, []).append(file)
                break
    return found


def _trim(audio: Audio) -> Audio:
    """Cut what is more than 60 dB below the peak, with a short fade."""
    peak = np.abs(audio).max(axis=0)
    loud = np.flatnonzero(peak > 1e-3 * max(float(peak.max()), 1e-9))
    audio = audio[:, : min(int(loud[-1]) + 1 if len(loud) else 1, round(TAIL * RATE))].copy()
    fade = min(audio.shape[1], 256)
    audio[:, -fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return audio


@dataclass(frozen=True)
class Job:
    """One song: a performance, a kit and where it goes."""

    midi: Path
    kit: dict[str, Any]
    sounds: Path
    folder: Path
    seconds: float


def render(job: Job) -> None:
    """Write the stems of one song."""
    random = np.random.default_rng(zlib.crc32(job.folder.name.encode()))
    hits = _hits(job.midi, job.seconds, random)
    kit = _kits().setdefault(job.kit["name"], Kit(job.kit, job.sounds))
    stems = mix(hits, kit, job.seconds, random)
    peak = np.abs(sum(stems.values())).max()
    gain = 10 ** (-random.uniform(1, 12) / 20) / max(float(peak), 1e-6)
    with staging(job.folder) as place:
        for piece, audio in stems.items():
            soundfile.write(place / f"{piece}.flac", (audio * gain).T, RATE, "PCM_16")
        place.rename(job.folder)


@cache
def _kits() -> dict[str, Kit]:
    """The kits that this process has played, by their names."""
    return {}


def check_kit(kit: dict[str, Any], sounds: Path) -> None:
    """End unless a kit's sounds are there: what is missing would be silence."""
    place = sounds / kit["folder" if kit["kind"] == "samples" else "file"]
    if not (_sample_files(place) if kit["kind"] == "samples" else place.is_file()):
        sys.exit(f"the kit '{kit['name']}' has no sounds at '{place}': put them there, see kits.yaml")


def _hits(midi: Path, seconds: float, random: np.random.Generator) -> list[tuple[float, str, int]]:
    """Time, sound and velocity of the hits of a stretch drawn from a performance."""
    time, hits = 0.0, []
    for message in mido.MidiFile(midi):
        time += message.time
        if message.type == "note_on" and message.velocity and message.note in GROOVE:
            hits.append((time, GROOVE[message.note], message.velocity))
    latest = max(0.0, (hits[-1][0] if hits else 0) - seconds)
    stretches = []
    for start in random.uniform(0, latest, size=4):  # toms and cymbals are rare: of four places the richest
        cut = [(time - start, sound, velocity) for time, sound, velocity in hits if start <= time < start + seconds]
        rare = sum(sound in PIECES["toms"] + PIECES["cymbals"] for _, sound, _ in cut)
        stretches.append((min(rare, 12), len(stretches), cut))
    return max(stretches)[2]


def mix(hits: list[tuple[float, str, int]], kit: Kit, seconds: float, random: np.random.Generator) -> dict[str, Audio]:
    """Play hits: each piece with a gain, place, pitch and room of its own, so that kits are never twice the same."""
    length = round(seconds * RATE)
    room = _room(random)
    stems = {}
    for piece, sounds in PIECES.items():
        audio = np.zeros((2, length + round(TAIL * RATE)), np.float32)
        speed = 2 ** (random.normal(0, 1.5) / 12)
        open_until, turned = 0, {}
        for time, sound, velocity in hits:
            if sound not in sounds or (found := kit.hit(sound, velocity, random)) is None:
                continue
            key, gain = found
            if key not in turned:
                turned[key] = _at_speed(kit.kept[key], speed)
            played, at = turned[key], round(time * RATE)
            if piece == "hi_hat" and open_until > at:  # a closing hat ends the open one
                audio[:, at : at + 1024] *= np.linspace(1, 0, 1024, dtype=np.float32)
                audio[:, at + 1024 : open_until] = 0
            audio[:, at : at + played.shape[1]] += gain * played[:, : audio.shape[1] - at]
            open_until = at + played.shape[1] if sound == "hat_open" else 0
        pan = np.clip(random.normal(0, 0.1 if piece in ("kick", "snare") else 0.3), -0.9, 0.9)
        audio *= np.array([[min(1, 1 - pan)], [min(1, 1 + pan)]], np.float32) * 10 ** (random.normal(0, 3) / 20)
        wet = fftconvolve(audio, room, axes=1)[:, :length] * 10 ** (random.uniform(-30, -8) / 20)
        stems[piece] = (audio[:, :length] + wet).astype(np.float32)
    return stems


def _at_speed(audio: Audio, speed: float) -> Audio:
    places = np.arange(0, audio.shape[1] - 1, speed)
    return np.stack([np.interp(places, np.arange(audio.shape[1]), channel) for channel in audio]).astype(np.float32)


def _room(random: np.random.Generator) -> Audio:
    """A room's answer as decaying noise (Moorer 1979), darker as it decays."""
    decay = random.uniform(0.15, 0.9)
    time = np.arange(round(decay * RATE)) / RATE
    noise = random.normal(size=(2, len(time))) * np.exp(-6.9 * time / decay)
    smooth = random.integers(1, 12)
    return (fftconvolve(noise, np.ones((1, smooth)) / smooth, axes=1) / np.sqrt(RATE * decay)).astype(np.float32)


def main() -> None:
    """Parse the options and render what is missing."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("groove", "sounds", "out"):
        options.add_argument(name, type=Path)
    options.add_argument("--songs", type=int, default=500)
    options.add_argument("--validation", type=int, default=60)
    options.add_argument("--seconds", type=float, default=24)
    options.add_argument("--workers", type=int, default=1)
    options.add_argument("--without-share-alike", action="store_true", help="leave out kits of share-alike licences")
    given = options.parse_args()
    kits = yaml.safe_load(Path(__file__).with_name("kits.yaml").read_text())
    with (given.groove / "info.csv").open(newline="") as file:
        performances = [
            row for row in csv.DictReader(file) if row["beat_type"] == "beat" and float(row["duration"]) > 6
        ]
    random = np.random.default_rng(0)
    jobs = []
    for split, count in (("train", given.songs), ("validation", given.validation)):
        own = {
            name: kit | {"name": name} for name, kit in kits.items()
            if kit.get("split", "train") == split and not (given.without_share_alike and "SA" in kit["licence"])
        }  # fmt: skip
        weights = np.array([kit.get("weight", 1) for kit in own.values()], float)
        plays = [row for row in performances if (row["split"] == "train") == (split == "train")]
        for number in range(count):
            row = plays[random.integers(len(plays))]
            kit = own[random.choice(list(own), p=weights / weights.sum())]
            folder = given.out / split / f"{kit['name']}_{number:04}"
            if not folder.exists():
                check_kit(kit, given.sounds)
                jobs.append(Job(given.groove / row["midi_filename"], kit, given.sounds, folder, given.seconds))
    keep_freed_memory()
    jobs.sort(key=lambda job: job.kit["name"])
    for done, _ in enumerate(map_in_processes(render, jobs, given.workers), start=1):
        if done % 20 == 0:
            print(f"{done} of {len(jobs)} songs", flush=True)


if __name__ == "__main__":
    main()
