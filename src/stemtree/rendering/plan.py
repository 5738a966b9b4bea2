"""What is drawn for a song before it is rendered: instruments, sounds, positions and effects."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stemtree.errors import CorpusError, HierarchyError
from stemtree.hierarchy import NodePath, load
from stemtree.rendering.amplifier import draw_amplifier
from stemtree.rendering.arrange import double, redraw, vary
from stemtree.rendering.effects import Effect, amplified, draw_effects
from stemtree.rendering.fluidsynth import DRUM_BANK, Preset
from stemtree.rendering.midi import MidiPart, cut_out, song_name
from stemtree.rendering.players import player
from stemtree.rendering.settings import RenderSettings
from stemtree.rendering.sfz import is_sfz

_CENTRE, _PAN_DEVIATION = 64, 25
"""Mean and standard deviation of pan positions, from 0 (left) to 127 (right)."""


@dataclass(frozen=True, slots=True)
class StemPlan:
    """Everything that was drawn for one stem.

    Parameters
    ----------
    part : MidiPart
        Its notes and instrument.
    leaf : NodePath
        Where the instrument belongs in the hierarchy.
    preset : Preset
        The sound.
    pan : int
        0 (left) to 127 (right).
    effects : list of Effect
        In the order in which they are applied.
    """

    part: MidiPart
    leaf: NodePath
    preset: Preset
    pan: int
    effects: list[Effect]


def plan_stems(midi: Path, parts: Sequence[MidiPart], take: int, settings: RenderSettings) -> list[StemPlan]:
    """Draw everything for a song; the result depends on the file's name, the take and the seed alone.

    Parameters
    ----------
    midi : pathlib.Path
        The song.
    parts : sequence of MidiPart
        Its parts.
    take : int
        Number of the take.
    settings : RenderSettings
        What is varied, and the seed.

    Returns
    -------
    list of StemPlan
        One for each part that the hierarchy has a leaf for, and, with `skip_parts`, a soundfont a sound.

    Raises
    ------
    CorpusError
        If no soundfont has a sound for a part, and parts are not skipped.
    """
    random = np.random.default_rng((settings.seed, zlib.crc32(song_name(midi).encode()), take))
    hierarchy, plans = load(settings.hierarchy), []
    if settings.redraw:
        parts = redraw(parts, random, basses_too=settings.redraw_bass)
    if settings.double:
        parts = double(parts, random, basses_too=settings.redraw_bass)
    if settings.vary:
        parts = vary(parts, random, settings.sample_rate)
    for drawn in parts:
        amplifier = draw_amplifier(drawn, random) if settings.amplifiers else None
        part = amplifier.part if amplifier else drawn
        try:
            leaf = hierarchy.leaf(part.name)
        except HierarchyError:
            continue
        try:
            preset = _draw_preset(amplifier.played if amplifier else part, leaf, settings, random)
        except CorpusError:
            if not settings.skip_parts:
                raise
            continue
        is_low = part.is_drum or leaf.endswith("bass")
        pan = _CENTRE if is_low or not settings.stereo else int(np.clip(random.normal(_CENTRE, _PAN_DEVIATION), 0, 127))
        effects = draw_effects(leaf, random, settings.sample_rate) if settings.effects else []
        if amplifier:
            effects = amplified(amplifier.settings, effects)
        plans.append(StemPlan(part, leaf, preset, pan, effects))
    return plans


def draw_excerpt(
    midi: Path, parts: Sequence[MidiPart], take: int, duration: float, settings: RenderSettings
) -> list[MidiPart]:
    """Cut `duration` seconds out of a song at a random position that has notes."""
    random = np.random.default_rng((settings.seed, zlib.crc32(song_name(midi).encode()), take, 1))
    onsets = [note.start for part in parts for note in part.instrument.notes]
    latest = max(min(onsets), max(onsets) - duration)
    start = float(random.uniform(min(onsets), latest))
    cut = cut_out(parts, start, start + duration)
    if not cut:  # in a pause
        start = onsets[random.integers(len(onsets))]
        cut = cut_out(parts, start, start + duration)
    return cut


def _draw_preset(part: MidiPart, leaf: NodePath, settings: RenderSettings, random: np.random.Generator) -> Preset:
    """Draw a soundfont, then one of its sounds for the program, so that large soundfonts are not preferred."""
    allowed = [soundfont for soundfont in settings.soundfonts if settings.may_play(soundfont, part.name, leaf)]
    soundfonts = (part.is_drum and settings.drum_soundfonts) or allowed
    fitting = [_presets_for(part, soundfont, settings) for soundfont in soundfonts]
    pools = [presets for presets in fitting if presets]
    if not pools:
        raise CorpusError(f"no soundfont given has a sound for '{part.name}': add a General MIDI one")
    pool = pools[random.integers(len(pools))]
    return pool[random.integers(len(pool))]


def _presets_for(part: MidiPart, soundfont: Path, settings: RenderSettings) -> list[Preset]:
    """A soundfont's sounds for a part's program; one of drum kits that has no bank for drums has kits in any bank."""
    presets = player(soundfont, settings.sample_rate).presets
    if is_sfz(soundfont):
        return presets
    if not part.is_drum:
        return [preset for preset in presets if preset.bank < DRUM_BANK and preset.program == part.program]
    kits = [preset for preset in presets if preset.bank == DRUM_BANK]
    return kits or (presets if settings.drum_soundfonts else [])
