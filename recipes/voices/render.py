"""Render the singing of five CC0 songs into a corpus of lead and backing voices, as productions arrange them.

    python recipes/voices/render.py CLONE OUT --songs 700 --validation 60

CLONE is a clone of ichbinsoftware/everythingisremixed. Of each song the leading voice is shifted to all intervals of
the harmonies, once (``OUT_sources``); ``OUT/<split>/<song>/{lead_vocal,backing_vocal}.wav`` then is

- a leading voice in the centre, and behind it doubles, diatonic harmonies, echoes, other voices of the songs, on both
  sides, at drawn levels, in one room (`arrange`), or
- a stretch of the song as its producer made it.

``OUT/test`` holds the songs of songs.yaml that are kept for validation, whole, as their producer made them. `--all`
learns from these too, for weights that nothing here measures any more; ``OUT/train`` alone is made then. What is there
is left; a run that was stopped goes on. Needs the extra train, and
``pip install -c constraints.txt python-stretch``.
"""

import argparse
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import librosa
import numpy as np
import soundfile
import soxr
import yaml
from gather import HOP, RATE, STEPS, Audio, gather, write
from scipy.ndimage import map_coordinates, uniform_filter1d
from scipy.signal import fftconvolve, istft, stft

from stemtree.memory import keep_freed_memory
from stemtree.processes import map_in_processes
from stemtree.staging import staging, whole_file


@dataclass
class Sources:
    """What was gathered of one song, read when it is first needed."""

    folder: Path
    kept: dict[str, Audio] = field(default_factory=dict)

    def audio(self, name: str) -> Audio:
        """``(channel, sample)``."""
        if name not in self.kept:
            self.kept[name] = soundfile.read(self.folder / f"{name}.flac", dtype="float32", always_2d=True)[0].T
        return self.kept[name]

    def voice(self, step: int, start: int, count: int) -> tuple[Audio, float]:
        """A stretch of the leading voice so many degrees of the key higher, and by how many semitones on average."""
        if step == 0:
            return self.audio("lead_0")[0, start : start + count], 0.0
        intervals = np.load(self.folder / "intervals.npy")[STEPS.index(step)]
        at = np.minimum(np.arange(start, start + count) // HOP, len(intervals) - 1)
        wanted, total = intervals[at], np.zeros(count, np.float32)
        for shift in np.unique(wanted):
            weight = uniform_filter1d((wanted == shift).astype(np.float32), RATE // 30)
            total += weight * self.audio(f"lead_{shift}")[0, start : start + count]
        return total, float(wanted.mean())

    @property
    def backing(self) -> list[str]:
        """Names of the voices behind the leading one that last 3 s at least."""
        names = sorted(file.stem for file in self.folder.glob("backing_*.flac"))
        return [name for name in names if self.audio(name).shape[1] > 3 * RATE]


@cache
def _sources(folder: Path) -> Sources:
    return Sources(folder)


@dataclass(frozen=True)
class Job:
    """One song: whose voices it has, and where it goes."""

    own: Path
    others: tuple[Path, ...]
    folder: Path
    seconds: float


def render(job: Job) -> None:
    """Write the two stems of one song."""
    random = np.random.default_rng(zlib.crc32(job.folder.name.encode()))
    count = round(job.seconds * RATE)
    stems = produced(job, count, random) if random.random() < 0.25 else None
    stems = stems or arrange(job, count, random)
    if random.random() < 0.5:  # other singers
        speed = 2 ** (random.uniform(-3, 3) / 12)
        stems = [soxr.resample(stem.T, RATE, RATE / speed).T for stem in stems]
    gain = 10 ** (-random.uniform(1, 12) / 20) / max(float(np.abs(sum(stems)).max()), 1e-6)
    with staging(job.folder) as place:
        for name, stem in zip(("lead_vocal", "backing_vocal"), stems, strict=True):
            write(place / f"{name}.wav", stem * gain)
        place.rename(job.folder)


def produced(job: Job, count: int, random: np.random.Generator) -> list[Audio] | None:
    """A stretch of the song as it is, of eight places that in which the softer of both is loudest; None if silent."""
    lead, backing = (_sources(job.own).audio(f"produced_{name}") for name in ("lead", "backing"))
    starts = random.integers(0, max(1, lead.shape[1] - count), size=8)
    softer = [min((stem[:, start : start + count] ** 2).mean() for stem in (lead, backing)) for start in starts]
    if max(softer) < 1e-6:
        return None
    start = starts[np.argmax(softer)]
    stems = [lead[:, start : start + count], backing[:, start : start + count]]
    return [_wider(stem, 2 ** random.uniform(-1, 1)) for stem in stems] if random.random() < 0.5 else stems


def arrange(job: Job, count: int, random: np.random.Generator) -> list[Audio]:
    """A leading voice in the centre, and one to three parts behind it."""
    own = _sources(job.own)
    start = int(random.integers(0, max(1, own.audio("lead_0").shape[1] - count)))
    count = min(count, own.audio("lead_0").shape[1] - start)
    leading = int(random.choice([0, 0, 0, *STEPS]))
    room = _room(random)
    lead = _placed(_take(own, leading, start, count, random), random.normal(0, 0.04 if random.random() < 0.8 else 0.2))
    if random.random() < 0.4:  # a chorus at the sides
        sides = _take(own, leading, start, count, random) * 10 ** (random.uniform(-20, -2) / 20) / 2**0.5
        lead += np.stack([sides, -sides])
    if random.random() < 0.25:  # sung twice
        second = _placed(_take(own, leading, start, count, random), random.normal(0, 0.15))
        lead += second * 10 ** (random.uniform(-8, -2) / 20)
    lead = _in_room(lead * _gate(count, 0.85, random), room, random.uniform(-28, -6))
    backing = np.zeros((2, count), np.float32)
    for _ in range(random.integers(1, 4)):
        part = _part(job, leading, start, count, random)
        part *= _gate(count, 0.65, random) * 10 ** (random.normal(0, 3) / 20) / max(_rms(part), 1e-6)
        backing += part
    backing = _wider(_in_room(backing, room, random.uniform(-22, -5)), 2 ** random.uniform(-0.5, 1))
    backing *= _rms(lead) / max(_rms(backing), 1e-6) * 10 ** (random.uniform(-12, 8) / 20)
    return [lead, backing]


def _part(job: Job, leading: int, start: int, count: int, random: np.random.Generator) -> Audio:
    """One part behind the leading voice: ``(2, count)``."""
    own = _sources(job.own)
    kind = random.choice(["double", "harmony", "echo", "recorded", "answer"], p=[0.2, 0.4, 0.1, 0.2, 0.1])
    other = _sources(job.others[random.integers(len(job.others))]) if job.others else own
    if kind == "recorded" and other.backing:
        return _looped(other.audio(str(random.choice(other.backing))), count, random)
    if kind == "answer":
        return _placed(_coloured(_looped(other.audio("lead_0"), count, random)[0], 0, random), _side(random))
    if kind == "echo":
        taken, delay = _take(own, leading, start, count, random), round(random.uniform(0.12, 0.6) * RATE)
        echo = np.zeros((2, count), np.float32)
        for number in range(1, 4):
            if number * delay < count:
                side = (-1) ** number * random.uniform(0.3, 1)
                echo[:, number * delay :] += 0.6**number * _placed(taken[: -number * delay], side)
        return echo
    step = leading
    while kind == "harmony" and step == leading:
        step = int(random.choice([0, *STEPS]))
    if random.random() < 0.6:  # two takes, one on each side
        width = random.uniform(0.4, 1)
        return sum(_placed(_take(own, step, start, count, random), side) for side in (-width, width))
    return _placed(_take(own, step, start, count, random), _side(random))


def _take(own: Sources, step: int, start: int, count: int, random: np.random.Generator) -> Audio:
    """A voice as it is sung once more: never quite at the same time and pitch, nor with the same colour."""
    voice, semitones = own.voice(step, start, count)
    knots = random.normal(0, 0.006, size=count // (RATE // 2) + 4)
    late = librosa.util.fix_length(np.repeat(knots, RATE // 2), size=count)
    late = uniform_filter1d(uniform_filter1d(late, RATE // 2), RATE // 2) + random.uniform(0, 0.025)
    at = np.arange(count) - late * RATE
    return _coloured(map_coordinates(voice, [at], order=1, prefilter=False).astype(np.float32), semitones, random)


def _coloured(voice: Audio, semitones: float, random: np.random.Generator) -> Audio:
    """Put the formants of a voice that was shifted by some semitones back, or near that, and tilt its spectrum."""
    _, _, spectrum = stft(voice, nperseg=2048, noverlap=1536)
    bins = np.arange(len(spectrum))
    logarithm = np.log(np.abs(spectrum) + 1e-7)
    cepstrum = np.fft.irfft(logarithm, axis=0)
    cepstrum[60:-60] = 0
    envelope = np.fft.rfft(cepstrum, axis=0).real
    wanted = np.minimum(bins * 2 ** (semitones / 12) / random.uniform(0.88, 1.14), bins[-1])
    low = wanted.astype(int)
    part = (wanted - low)[:, None]
    moved = (1 - part) * envelope[low] + part * envelope[np.minimum(low + 1, bins[-1])]
    tilt = random.normal(0, 2) * np.log2(np.maximum(bins, 8) / 46)[:, None] / 8.7  # dB an octave, around 1 kHz
    spectrum *= np.exp(np.clip(moved - envelope, -2, 2) + np.clip(tilt, -1, 1))
    return istft(spectrum, nperseg=2048, noverlap=1536)[1][: len(voice)].astype(np.float32)


def _looped(voice: Audio, count: int, random: np.random.Generator) -> Audio:
    """A stretch of a recording that begins anywhere, and begins anew where it ends."""
    return np.take(voice, int(random.integers(voice.shape[1])) + np.arange(count), axis=1, mode="wrap")


def _side(random: np.random.Generator) -> float:
    """Mostly to one side; one part of five stands where the leader stands."""
    return random.normal(0, 0.05) if random.random() < 0.2 else random.choice([-1, 1]) * random.uniform(0.2, 1)


def _wider(voice: Audio, factor: float) -> Audio:
    """A stereo voice whose side, half of left less right, is so many times louder."""
    middle = voice.mean(axis=0)
    return middle + (voice - middle) * np.float32(factor)


def _placed(voice: Audio, pan: float) -> Audio:
    angle = (np.clip(pan, -1, 1) + 1) * np.pi / 4
    return (np.array([[np.cos(angle)], [np.sin(angle)]]) * voice).astype(np.float32)


def _gate(count: int, share: float, random: np.random.Generator) -> Audio:
    """1 where a part sings, 0 where it rests, from phrase to phrase of 1.5 to 5 s."""
    pieces: list[Audio] = []
    while sum(map(len, pieces)) < count:
        pieces.append(np.full(round(random.uniform(1.5, 5) * RATE), random.random() < share, np.float32))
    gate = np.concatenate(pieces)[:count]
    return uniform_filter1d(gate if gate.any() else np.ones_like(gate), RATE // 20)


def _room(random: np.random.Generator) -> Audio:
    """A room's answer as decaying noise (Moorer 1979), darker as it decays."""
    decay = random.uniform(0.3, 2.2)
    time = np.arange(round(decay * RATE)) / RATE
    noise = random.normal(size=(2, len(time))) * np.exp(-6.9 * time / decay)
    smooth = random.integers(2, 14)
    return (fftconvolve(noise, np.ones((1, smooth)) / smooth, axes=1) / np.sqrt(RATE * decay)).astype(np.float32)


def _in_room(voice: Audio, room: Audio, wet: float) -> Audio:
    answer = fftconvolve(voice.mean(axis=0, keepdims=True), room, axes=1)[:, : voice.shape[1]]
    return (voice + answer * 10 ** (wet / 20) * _rms(voice) / max(_rms(answer), 1e-6)).astype(np.float32)


def _rms(audio: Audio) -> float:
    return float(np.sqrt((audio**2).mean()))


def _jobs(sources: Path, songs: dict[str, str], counts: dict[str, int], out: Path, seconds: float) -> Iterator[Job]:
    for split, count in counts.items():
        own = [sources / song for song, of in songs.items() if of == split]
        for number in range(count):
            singer = own[number % len(own)]
            folder = out / split / f"{singer.name.partition('.')[2]}_{number:04}"
            if not folder.exists():
                yield Job(singer, tuple(own), folder, seconds)


def main() -> None:
    """Parse the options and render what is missing."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("clone", type=Path)
    options.add_argument("out", type=Path)
    options.add_argument("--songs", type=int, default=700)
    options.add_argument("--validation", type=int, default=60)
    options.add_argument("--seconds", type=float, default=12)
    options.add_argument("--workers", type=int, default=1)
    options.add_argument("--all", action="store_true")
    given = options.parse_args()
    songs = yaml.safe_load(Path(__file__).with_name("songs.yaml").read_text("utf-8"))
    if given.all:
        songs, given.validation = dict.fromkeys(songs, "train"), 0
    sources = given.out.with_name(f"{given.out.name}_sources")
    for song, split in songs.items():
        if not (sources / song).exists():
            gather(given.clone, song, sources / song)
        whole = given.out / "test" / song
        if split == "validation" and not whole.exists():
            with staging(whole) as place:
                for name in ("lead", "backing"):
                    with whole_file(place / f"{name}_vocal.flac") as file:
                        file.write_bytes((sources / song / f"produced_{name}.flac").read_bytes())
                place.rename(whole)
    keep_freed_memory()
    jobs = list(_jobs(sources, songs, {"train": given.songs, "validation": given.validation}, given.out, given.seconds))
    for done, _ in enumerate(map_in_processes(render, jobs, given.workers), start=1):
        if done % 20 == 0:
            print(f"{done} of {len(jobs)} songs", flush=True)


if __name__ == "__main__":
    main()
