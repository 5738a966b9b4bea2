"""From MIDI files to a corpus in Slakh's layout (Manilow et al. 2019)."""

import os
import shutil
import zlib
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml

from stemtree.audio.samples import Samples
from stemtree.corpora.layout import read_metadata
from stemtree.corpora.slakh import METADATA
from stemtree.corpora.track import Problem
from stemtree.errors import CorpusError, HierarchyError, OptionError, StemtreeError
from stemtree.hierarchy import load
from stemtree.processes import map_in_processes
from stemtree.rendering.effects import Effect, apply_effects, draw_effects
from stemtree.rendering.fluidsynth import Preset, Synthesizer, duration_of
from stemtree.rendering.midi import MidiPart, cut_out, double, read_parts, redraw, vary
from stemtree.rendering.packages import render_package
from stemtree.rendering.settings import RenderSettings, worker_count
from stemtree.staging import staging

_LONGEST = 1800
"""Seconds of a song: all its stems are in memory at once."""

LOUDNESS, PEAK = -13.0, -1.0
"""Slakh's: integrated loudness of each stem in LUFS, and the highest peak in dBFS that the common gain leaves."""


@dataclass(frozen=True, slots=True)
class StemPlan:
    """Everything that was drawn for one stem."""

    part: MidiPart
    leaf: str
    preset: Preset
    pan: int
    effects: list[Effect]


def render_corpus(
    midis: Iterable[str | os.PathLike[str]],
    root: str | os.PathLike[str],
    rendering: RenderSettings,
    *,
    workers: int | None = None,
    skip_bad: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Problem]:
    """Render MIDI files; songs that are there already, whole, are left as they are.

    Parameters
    ----------
    midis : iterable of path-like
        General MIDI files, of different names.
    root : path-like
        The corpus's folder.
    rendering : RenderSettings
        How.
    workers : int, optional
        Processes, by default one for each core. What comes out does not depend on it.
    skip_bad : bool
        Go on after a file that cannot be rendered, and return what was wrong with it.
    progress : callable, optional
        Told how many songs of how many are done.

    Returns
    -------
    list of Problem
        One for each song left out.

    Raises
    ------
    CorpusError
        If FluidSynth, a soundfont or (unless `skip_bad`) a MIDI file cannot be used, two files have one name, or there
        is no room left.
    OptionError
        If `workers` is less than 1, or songs are there that were rendered with other settings.
    """
    workers = worker_count(workers)
    files = list(dict.fromkeys(Path(midi) for midi in midis))
    names: dict[str, Path] = {}
    for file in files:
        if (other := names.setdefault(file.stem, file)) != file:
            raise CorpusError(f"'{file}' and '{other}' would both become the song '{file.stem}': rename one")
    for soundfont in (*rendering.soundfonts, *rendering.drum_soundfonts):
        if not soundfont.is_file():
            raise CorpusError(f"there is no soundfont '{soundfont}': check the path")
    folder = Path(root, rendering.split or "")
    songs = [
        (file, take, _place(folder, file, take, rendering), rendering)
        for file in files
        for take in range(rendering.takes)
    ]
    jobs = [song for song in songs if not _is_rendered(song[2], rendering)]
    problems = []
    # A forked FluidSynth would share its state. Each process keeps its soundfonts loaded.
    outcomes = map_in_processes(_render_job, jobs, workers, spawn_single=True)
    for done, problem in enumerate(outcomes, start=len(songs) - len(jobs) + 1):
        if problem and not skip_bad:
            raise CorpusError(problem.message)
        problems += [problem] if problem else []
        if progress:
            progress(done, len(songs))
    return problems


def plan_stems(file: Path, parts: Sequence[MidiPart], take: int, rendering: RenderSettings) -> list[StemPlan]:
    """Draw instruments, sounds, places and effects; the same for the same file name, take and seed."""
    random = np.random.default_rng((rendering.seed, zlib.crc32(file.stem.encode()), take))
    hierarchy, plans = load(rendering.hierarchy), []
    if rendering.redraw:
        parts = redraw(parts, random, basses_too=rendering.redraw_bass)
    if rendering.double:
        parts = double(parts, random, basses_too=rendering.redraw_bass)
    for part in vary(parts, random) if rendering.vary else parts:
        try:
            leaf = hierarchy.leaf(part.name)
        except HierarchyError:
            continue
        preset = _draw_preset(part, rendering, random)
        low = part.is_drum or leaf.endswith("bass")
        pan = 64 if low or not rendering.stereo else int(np.clip(random.normal(64, 25), 0, 127))
        effects = draw_effects(leaf, random) if rendering.effects else []
        plans.append(StemPlan(part, leaf, preset, pan, effects))
    return plans


def _excerpt(file: Path, parts: Sequence[MidiPart], take: int, length: float, seed: int) -> list[MidiPart]:
    """Cut out a drawn place that has notes."""
    random = np.random.default_rng((seed, zlib.crc32(file.stem.encode()), take, 1))
    notes = [note.start for part in parts for note in part.instrument.notes]
    latest = max(min(notes), max(notes) - length)
    start = float(random.uniform(min(notes), latest))
    return cut_out(parts, start, start + length)


def _draw_preset(part: MidiPart, rendering: RenderSettings, random: np.random.Generator) -> Preset:
    """First a soundfont, then one of its sounds for the program, so that large soundfonts do not win."""
    pools = []
    for soundfont in (part.is_drum and rendering.drum_soundfonts) or rendering.soundfonts:
        presets = _synthesizer(soundfont, rendering.sample_rate)[1]
        if part.is_drum:
            fitting = presets if rendering.drum_soundfonts else [preset for preset in presets if preset.bank == 128]
        else:
            fitting = [preset for preset in presets if preset.bank < 128 and preset.program == part.program]
        pools += [fitting] if fitting else []
    if not pools:
        raise CorpusError(f"no soundfont given has a sound for '{part.name}': add a General MIDI one")
    pool = pools[random.integers(len(pools))]
    return pool[random.integers(len(pool))]


@cache
def _synthesizer(soundfont: Path, sample_rate: int) -> tuple[Synthesizer, list[Preset]]:
    synthesizer = Synthesizer(soundfont, sample_rate)
    return synthesizer, synthesizer.presets()


def _place(folder: Path, file: Path, take: int, rendering: RenderSettings) -> Path:
    return folder / (f"{file.stem}_{take + 1}" if rendering.takes > 1 else file.stem)


def _is_rendered(place: Path, rendering: RenderSettings) -> bool:
    """Whether a song is there; raises OptionError if it was rendered with other settings, so that none are mixed."""
    if not (place / METADATA).exists():
        return False
    recorded, asked = read_metadata(place / METADATA).get("rendering"), rendering.as_dict()
    if not isinstance(recorded, dict):
        raise OptionError(f"'{place}' was not rendered by this command: choose another folder")
    for key, value in asked.items():
        if recorded.get(key) != value:
            raise OptionError(
                f"'{place}' was rendered with {key} {recorded.get(key)}, not {value}: give that, or another folder"
            )
    return True


def _render_job(job: tuple[Path, int, Path, RenderSettings]) -> Problem | None:
    file, take, place, rendering = job
    try:
        parts = read_parts(file)
        if rendering.excerpt is not None:
            parts = _excerpt(file, parts, take, rendering.excerpt, rendering.seed)
        if (duration := duration_of(parts)) > _LONGEST:
            raise CorpusError(f"'{file}' lasts {duration:.0f} s and at most {_LONGEST} s are rendered: cut it")
        plans = plan_stems(file, parts, take, rendering)
        if not plans:
            raise CorpusError(f"'{rendering.hierarchy}' has no leaf for any part of '{file}': leave it out")
        _write_song(place, plans, duration, rendering, f"{file.stem}:{zlib.crc32(file.read_bytes()):08x}")
    except soundfile.LibsndfileError:
        return Problem(place.name, "render", f"cannot write to '{place.parent}': make room or choose another folder")
    except StemtreeError as error:
        return Problem(place.name, "render", str(error))
    except MemoryError:
        return Problem(place.name, "render", f"'{file}' does not fit into memory: cut it, or give a lower rate")
    return None


def _write_song(place: Path, plans: list[StemPlan], duration: float, rendering: RenderSettings, origin: str) -> None:
    """Render all stems, level them as Slakh does, and write them, their mixture and what was drawn."""
    audio = [_render_stem(plan, duration, rendering) for plan in plans]
    loudness = [_loudness(samples, rendering.sample_rate) for samples in audio]
    gains = [10 ** ((LOUDNESS - loud) / 20) if np.isfinite(loud) else 0.0 for loud in loudness]
    peak = max(
        [np.abs(sum(g * a for g, a in zip(gains, audio, strict=True))).max()]
        + [g * np.abs(a).max() for g, a in zip(gains, audio, strict=True)]
    )
    common = min(1.0, 10 ** (PEAK / 20) / max(float(peak), 1e-9))
    ending = rendering.container
    with staging(place) as folder:
        (folder / "stems").mkdir()
        (folder / "MIDI").mkdir()
        stems, total = {}, np.zeros(audio[0].shape, np.int32)
        for number, (plan, samples, gain, loud) in enumerate(zip(plans, audio, gains, loudness, strict=True)):
            if gain == 0:
                continue  # a part that its instrument cannot play leaves silence
            name = f"S{number:02}"
            steps = np.rint(samples * (gain * common * 2**15)).astype(np.int16)
            total += steps
            soundfile.write(folder / "stems" / f"{name}.{ending}", steps.T, rendering.sample_rate, "PCM_16")
            _write_midi(folder / "MIDI" / f"{name}.mid", plan.part)
            stems[name] = _describe(plan, loud)
        if not stems:
            raise CorpusError(f"every part of '{place.name}' is silent: leave it out, or add a soundfont")
        soundfile.write(folder / f"mix.{ending}", total.astype(np.int16).T, rendering.sample_rate, "PCM_16")
        metadata = {
            "UUID": origin,
            "audio_dir": "stems",
            "hierarchy": rendering.hierarchy,
            "midi_dir": "MIDI",
            "normalization_factor": LOUDNESS,
            "normalized": True,
            "overall_gain": float(common),
            "rendering": rendering.as_dict(),
            "stems": stems,
            "target_peak": PEAK,
        }
        (folder / METADATA).write_text(yaml.safe_dump(metadata), "utf-8")
        if (place / "stems").is_dir():  # without metadata, else it would not be rendered: half a song
            shutil.rmtree(place)
        folder.rename(place)


def _render_stem(plan: StemPlan, duration: float, rendering: RenderSettings) -> Samples:
    synthesizer, _ = _synthesizer(plan.preset.soundfont, rendering.sample_rate)
    audio = synthesizer.play(plan.part, plan.preset, plan.pan, duration)
    if not rendering.stereo:
        audio = audio.mean(axis=0, keepdims=True)
    return apply_effects(audio, rendering.sample_rate, plan.effects) if plan.effects else audio


def _loudness(samples: Samples, sample_rate: int) -> float:
    """Integrated loudness in LUFS (ITU-R BS.1770-4); minus infinity for silence."""
    pyloudnorm = render_package("pyloudnorm")

    if not samples.any():
        return -np.inf
    return float(pyloudnorm.Meter(sample_rate).integrated_loudness(samples.T))


def _write_midi(file: Path, part: MidiPart) -> None:
    pretty_midi = render_package("pretty_midi")

    song, instrument = pretty_midi.PrettyMIDI(), copy(part.instrument)
    if not part.is_drum:
        instrument.program = part.program  # which may have been drawn
    song.instruments.append(instrument)
    song.write(str(file))


def _describe(plan: StemPlan, loudness: float) -> dict[str, Any]:
    """Slakh's keys, and what was drawn."""
    return {
        "audio_rendered": True,
        "effects": [asdict(effect) for effect in plan.effects],
        "inst_class": plan.part.family,
        "integrated_loudness": loudness,
        "is_drum": plan.part.is_drum,
        "midi_program_name": plan.part.name,
        "midi_saved": True,
        "pan": plan.pan,
        "plugin_name": f"{plan.preset.soundfont.name}:{plan.preset.bank}:{plan.preset.program} {plan.preset.name}",
        "program_num": plan.part.program,
        "size": plan.part.size,
    }
