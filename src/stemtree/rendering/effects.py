"""Effects that make a rendered stem sound more like a recorded one."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from stemtree.audio.formats import holds_rate
from stemtree.audio.samples import Samples
from stemtree.hierarchy import NodePath
from stemtree.rendering.amplifier import AMPLIFIER, amplify
from stemtree.rendering.packages import render_package


@dataclass(frozen=True, slots=True)
class Effect:
    """One effect by name and settings: pedalboard's, or `AMPLIFIER`, which comes first."""

    name: str
    settings: dict[str, float]


def draw_effects(leaf: NodePath, random: np.random.Generator, sample_rate: int) -> list[Effect]:
    """Draw a chain: equaliser always, then by chance saturation, compressor, chorus, room and poor copies.

    What a sample rate in Hz does not hold is left out, and no filter lies beyond 0.45 of the rate.
    """

    def between(low: float, high: float) -> float:
        return round(float(random.uniform(low, high)), 3)

    is_mp3_rate = holds_rate("mp3", sample_rate)
    chain = [
        Effect("LowShelfFilter", {"cutoff_frequency_hz": between(80, 300), "gain_db": between(-6, 6)}),
        Effect(
            "PeakFilter", {"cutoff_frequency_hz": between(300, 4000), "gain_db": between(-6, 6), "q": between(0.5, 2)}
        ),
        Effect("HighShelfFilter", {"cutoff_frequency_hz": between(3000, 7000), "gain_db": between(-6, 6)}),
    ]
    if leaf.endswith("electric_guitar") and random.random() < 0.6:
        chain.append(Effect("Distortion", {"drive_db": between(5, 30)}))
        chain.append(Effect("LowpassFilter", {"cutoff_frequency_hz": between(3500, 6000)}))  # the cabinet
    elif random.random() < 0.15:
        chain.append(Effect("Distortion", {"drive_db": between(2, 12)}))
    if random.random() < 0.4:
        chain.append(Effect("Compressor", {"threshold_db": between(-35, -15), "ratio": between(2, 6)}))
    if random.random() < 0.15:
        chain.append(
            Effect("Chorus", {"rate_hz": between(0.3, 2), "depth": between(0.1, 0.4), "mix": between(0.2, 0.5)})
        )
    if random.random() < 0.6:
        chain.append(Effect("Reverb", {"room_size": between(0.1, 0.7), "wet_level": between(0.03, 0.25)}))
    if random.random() < 0.1:  # what old samplers and lossy copies leave
        chain.append(Effect("Resample", {"target_sample_rate": between(12000, 24000)}))
    if random.random() < 0.1:
        chain.append(Effect("MP3Compressor", {"vbr_quality": between(2, 9)}))
    return [_within(effect, sample_rate) for effect in chain if effect.name != "MP3Compressor" or is_mp3_rate]


def _within(effect: Effect, sample_rate: int) -> Effect:
    """The same with its cutoff frequency, if it has one, within what the rate holds."""
    cutoff = "cutoff_frequency_hz"
    if effect.settings.get(cutoff, 0.0) <= 0.45 * sample_rate:
        return effect
    return Effect(effect.name, effect.settings | {cutoff: 0.45 * sample_rate})


def amplified(settings: dict[str, float], chain: list[Effect]) -> list[Effect]:
    """A chain after an amplifier, in place of what it has of one."""
    return [Effect(AMPLIFIER, settings), *(one for one in chain if one.name not in ("Distortion", "LowpassFilter"))]


def apply_effects(audio: Samples, sample_rate: int, chain: list[Effect]) -> Samples:
    """Send ``(channel, sample)`` audio through a chain; the same length comes back."""
    pedalboard = render_package("pedalboard")

    if chain and chain[0].name == AMPLIFIER:
        audio, chain = amplify(audio, sample_rate, **chain[0].settings), chain[1:]
    plugins: list[Any] = [getattr(pedalboard, effect.name)(**effect.settings) for effect in chain]
    processed: Samples = pedalboard.Pedalboard(plugins)(audio, sample_rate)
    return processed
