"""One rendered song: synthesis, loudness normalisation, and its folder in Slakh's layout."""

from copy import copy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml

from stemtree.audio.samples import Samples
from stemtree.corpora.slakh import METADATA
from stemtree.errors import CorpusError
from stemtree.rendering.effects import apply_effects
from stemtree.rendering.midi import MidiPart
from stemtree.rendering.packages import render_package
from stemtree.rendering.plan import StemPlan
from stemtree.rendering.players import player
from stemtree.rendering.settings import RenderSettings
from stemtree.staging import staging

LOUDNESS, PEAK = -13.0, -1.0
"""Slakh's values: integrated loudness of each stem in LUFS, and highest peak in dBFS after the common gain."""


@dataclass(frozen=True, slots=True)
class RenderedStem:
    """The sound of one stem.

    Parameters
    ----------
    plan : StemPlan
        What it was rendered from.
    samples : Samples
        ``(channel, sample)``, before any gain.
    loudness : float
        Integrated loudness of the samples in LUFS (ITU-R BS.1770-4); minus infinity for silence.
    """

    plan: StemPlan
    samples: Samples
    loudness: float

    @property
    def gain(self) -> float:
        """The factor that brings it to `LOUDNESS`; 0 for silence."""
        return 10 ** ((LOUDNESS - self.loudness) / 20) if np.isfinite(self.loudness) else 0.0


def render_song(folder: Path, plans: list[StemPlan], duration: float, settings: RenderSettings, origin: str) -> None:
    """Render all stems of a song and write them, their sum and everything that was drawn.

    Parameters
    ----------
    folder : pathlib.Path
        The song's folder; it appears when it is complete.
    plans : list of StemPlan
        At least one.
    duration : float
        In seconds.
    settings : RenderSettings
        Sample rate, channels and format.
    origin : str
        Identifies the MIDI file.

    Raises
    ------
    CorpusError
        If every stem is silent, or a soundfont cannot be loaded.
    AudioError
        If the folder cannot be written to.
    """
    stems = [_render_stem(plan, duration, settings) for plan in plans]
    common = _common_gain(stems)
    with staging(folder) as partial:
        described = _write_audio(partial, stems, common, settings)
        if not described:
            raise CorpusError(f"every part of '{folder.name}' is silent: leave it out, or add a soundfont")
        metadata = {
            "UUID": origin,
            "audio_dir": "stems",
            "hierarchy": settings.hierarchy,
            "midi_dir": "MIDI",
            "normalization_factor": LOUDNESS,
            "normalized": True,
            "overall_gain": float(common),
            "rendering": settings.as_dict(),
            "stems": described,
            "target_peak": PEAK,
        }
        (partial / METADATA).write_text(yaml.safe_dump(metadata), "utf-8")
        if not (folder / METADATA).exists():  # else another process was first
            partial.rename(folder)


def _render_stem(plan: StemPlan, duration: float, settings: RenderSettings) -> RenderedStem:
    sounds = player(plan.preset.soundfont, settings.sample_rate)
    samples = sounds.play(plan.part, plan.preset, plan.pan, duration)
    if not settings.stereo:
        samples = samples.mean(axis=0, keepdims=True)
    if plan.effects:
        samples = apply_effects(samples, settings.sample_rate, plan.effects)
    if not np.isfinite(samples).all():
        names = ", ".join(effect.name for effect in plan.effects) or "no effect"
        raise CorpusError(f"'{plan.part.name}' is infinite at {settings.sample_rate} Hz after {names}: leave it out")
    return RenderedStem(plan, samples, _loudness(samples, settings.sample_rate))


def _loudness(samples: Samples, sample_rate: int) -> float:
    """Integrated loudness in LUFS (ITU-R BS.1770-4); minus infinity for silence."""
    pyloudnorm = render_package("pyloudnorm")

    if not samples.any():
        return -np.inf
    return float(pyloudnorm.Meter(sample_rate).integrated_loudness(samples.T))


def _common_gain(stems: list[RenderedStem]) -> float:
    """The gain, at most 1, that keeps the stems after their own gains and their sum below `PEAK`."""
    peak = max(
        [np.abs(sum(stem.gain * stem.samples for stem in stems)).max()]
        + [stem.gain * np.abs(stem.samples).max() for stem in stems]
    )
    return min(1.0, 10 ** (PEAK / 20) / max(float(peak), 1e-9))


def _write_audio(
    folder: Path, stems: list[RenderedStem], common: float, settings: RenderSettings
) -> dict[str, dict[str, Any]]:
    """Write all stems that sound, as audio and MIDI, and their sum in integers, and describe the stems by name."""
    (folder / "stems").mkdir()
    (folder / "MIDI").mkdir()
    described = {}
    mixture = np.zeros(stems[0].samples.shape, np.int32)
    for number, stem in enumerate(stems):
        if stem.gain == 0:
            continue  # the instrument cannot play the part
        name = f"S{number:02}"
        integers = np.rint(stem.samples * (stem.gain * common * 2**15)).astype(np.int16)
        mixture += integers
        _write_wave(folder / "stems" / f"{name}.{settings.container}", integers, settings.sample_rate)
        _write_midi(folder / "MIDI" / f"{name}.mid", stem.plan.part)
        described[name] = _describe(stem)
    if described:
        _write_wave(folder / f"mix.{settings.container}", mixture.astype(np.int16), settings.sample_rate)
    return described


def _write_wave(file: Path, integers: np.ndarray, sample_rate: int) -> None:
    soundfile.write(file, integers.T, sample_rate, "PCM_16")


def _write_midi(file: Path, part: MidiPart) -> None:
    pretty_midi = render_package("pretty_midi")

    song, instrument = pretty_midi.PrettyMIDI(), copy(part.instrument)
    if not part.is_drum:
        instrument.program = part.program  # which may have been drawn
    song.instruments.append(instrument)
    song.write(str(file))


def _describe(stem: RenderedStem) -> dict[str, Any]:
    """The keys of Slakh's metadata, and what was drawn."""
    plan = stem.plan
    preset = plan.preset
    return {
        "audio_rendered": True,
        "effects": [asdict(effect) for effect in plan.effects],
        "inst_class": plan.part.family,
        "integrated_loudness": stem.loudness,
        "is_drum": plan.part.is_drum,
        "midi_program_name": plan.part.name,
        "midi_saved": True,
        "pan": plan.pan,
        "plugin_name": f"{preset.soundfont.name}:{preset.bank}:{preset.program} {preset.name}",
        "program_num": plan.part.program,
        "size": plan.part.size,
    }
