"""Record sounds of a synthesiser, Vital, that are drawn at random, as instruments in SFZ.

    pip install -c constraints.txt vita
    python recipes/soundfonts/synthesisers.py OUT --sounds 60 --basses 15

Writes `OUT/keys_NN/keys_NN.sfz` and `OUT/bass_NN/bass_NN.sfz` with every fourth key. Keys are struck, held, or swell
slowly; basses are one voice with a low filter. A number always gives the same settings. What a program of the GPL plays
is its user's.
"""

import argparse
import base64
import json
from pathlib import Path

import numpy as np
import soundfile
import vita
from scipy.signal import butter, sosfilt

from stemtree.staging import staging

RATE, HELD, TAIL, APART = 44100, 5.0, 1.0, 4
RMS = 0.1
"""Of the loudest half second of a note, mean over the keys of a sound."""

RUMBLE = butter(2, 20, "highpass", fs=RATE, output="sos")
"""Removes what lies below what is heard."""

Random = np.random.Generator


def waves(random: Random) -> list[np.ndarray]:
    """One period of 2048 samples each: two waveforms between which the oscillator may stand."""
    return [_wave(random) for _ in range(2)]


def _wave(random: Random) -> np.ndarray:
    harmonics = np.arange(1, 200)
    match random.choice(["saw", "pulse", "triangle", "sine", "drawbars", "drawn"], p=[0.25, 0.2, 0.1, 0.1, 0.15, 0.2]):
        case "saw":
            amplitudes = 1 / harmonics
        case "pulse":
            amplitudes = np.sin(np.pi * harmonics * random.uniform(0.08, 0.5)) / harmonics
        case "triangle":
            amplitudes = np.where(harmonics % 2, (-1.0) ** (harmonics // 2) / harmonics**2, 0)
        case "sine":
            amplitudes = (harmonics == 1).astype(float)
        case "drawbars":
            amplitudes = np.where(np.isin(harmonics, [1, 2, 3, 4, 6, 8, 10, 12, 16]), random.uniform(0, 1, 199) ** 2, 0)
        case _:
            amplitudes = random.exponential(size=199) / harmonics ** random.uniform(0.6, 2)
    phases = 2 * np.pi * np.outer(harmonics, np.arange(2048)) / 2048
    wave = amplitudes @ np.sin(phases)
    return (wave / np.abs(wave).max()).astype(np.float32)


def settings(kind: str, random: Random) -> dict[str, float]:
    """Settings of the synthesiser; times are fourth roots of seconds, cutoffs semitones."""
    touch = "bass" if kind == "bass" else str(random.choice(["struck", "held", "slow"], p=[0.4, 0.35, 0.25]))
    attack, decay, sustain, release = {
        "struck": (0.0, random.uniform(0.95, 1.5), random.choice([0, 0, 0.3]), random.uniform(0.4, 0.8)),
        "held": (random.uniform(0, 0.45), 1.0, random.uniform(0.6, 1), random.uniform(0.3, 0.65)),
        "slow": (random.uniform(0.5, 1), 1.0, random.uniform(0.8, 1), random.uniform(0.7, 1.1)),
        "bass": (random.uniform(0, 0.25), random.uniform(0.8, 1.1), random.choice([0.2, 0.7, 1]), 0.45),
    }[touch]
    chosen = {
        "env_1_attack": attack,
        "env_1_decay": decay,
        "env_1_sustain": sustain,
        "env_1_release": release,
        "env_2_attack": random.choice([0, attack, 0.8]),
        "env_2_decay": random.uniform(0.5, 1.2),
        "env_2_sustain": random.uniform(0, 0.7),
        "filter_1_on": float(kind == "bass" or random.random() < 0.85),
        "filter_1_model": random.integers(5),
        "filter_1_style": random.integers(2),
        "filter_1_cutoff": random.uniform(35, 80) if kind == "bass" else random.uniform(55, 115),
        "filter_1_resonance": random.uniform(0.05, 0.65),
        "filter_1_keytrack": random.uniform(0.3, 1),
        "filter_1_drive": random.choice([0, random.uniform(0, 12)]),
        "chorus_on": float(random.random() < (0.1 if kind == "bass" else 0.35)),
        "phaser_on": float(random.random() < 0.12),
        "distortion_on": float(random.random() < 0.15),
        "distortion_drive": random.uniform(0, 15),
    }
    for number in (1, 2):
        many = kind != "bass" and random.random() < 0.45
        chosen |= {
            f"osc_{number}_on": float(number == 1 or random.random() < 0.6),
            f"osc_{number}_level": random.uniform(0.4, 0.8),
            f"osc_{number}_wave_frame": random.uniform(0, 256),
            f"osc_{number}_unison_voices": random.integers(2, 9) if many else 1,
            f"osc_{number}_unison_detune": random.uniform(1, 5),
            f"osc_{number}_stereo_spread": random.uniform(0, 1),
            f"osc_{number}_spectral_morph_type": random.choice([0, 0, 0, *range(1, 9)]),
            f"osc_{number}_spectral_morph_amount": random.uniform(0.3, 0.7),
            f"osc_{number}_distortion_type": random.choice([0, 0, 0, 1, 2, 4, 5, 6, 7]),
            f"osc_{number}_distortion_amount": random.uniform(0.2, 0.7),
        }
    chosen["osc_2_transpose"] = random.choice([0, 0, 0, -12, 12, 12, 7, 19])
    chosen["osc_2_tune"] = random.normal(0, 0.06)
    return chosen


def synthesiser(kind: str, random: Random) -> vita.Synth:
    """A synthesiser with drawn settings."""
    synth = vita.Synth()
    preset = json.loads(synth.to_json())
    for table in preset["settings"]["wavetables"]:
        frames = zip((0, 256), waves(random), strict=True)
        table["groups"][0]["components"][0]["keyframes"] = [
            {"position": place, "wave_data": base64.b64encode(wave.tobytes()).decode()} for place, wave in frames
        ]
    synth.load_json(json.dumps(preset))
    controls = synth.get_controls()
    for name, value in settings(kind, random).items():
        controls[name].set(float(value))
    synth.connect_modulation("env_2", "filter_1_cutoff")
    controls["modulation_1_amount"].set(random.uniform(0, 0.5))
    if kind != "bass" and random.random() < 0.4:  # vibrato, or a sweep of the waveform
        synth.connect_modulation("lfo_1", str(random.choice(["osc_1_tune", "osc_1_wave_frame", "filter_1_cutoff"])))
        controls["modulation_2_amount"].set(random.uniform(0.02, 0.2))
        controls["lfo_1_sync"].set(0.0)
        controls["lfo_1_frequency"].set(random.uniform(-2, 2.6))  # powers of two
    return synth


def record(kind: str, number: int, folder: Path) -> None:
    """Write one instrument; drawn anew where a key is no more than a click."""
    keys = range(24, 61, APART) if kind == "bass" else range(28, 101, APART)
    random = np.random.default_rng((kind == "bass", number))
    notes, loudness = [], [0.0]
    while min(loudness) < 0.03:
        synth = synthesiser(kind, random)
        notes = [sosfilt(RUMBLE, synth.render(key, 0.8, HELD, HELD + TAIL)) for key in keys]
        loudness = [loudest(note) / max(float(np.abs(note).max()), 1e-9) for note in notes]
    gain = min(RMS / np.mean([loudest(note) for note in notes]), 0.9 / max(np.abs(note).max() for note in notes))
    release = synth.get_controls()["env_1_release"].value() ** 4
    lines = [f"<group> ampeg_release={release:.3f}"]
    with staging(folder) as place:
        for key, note in zip(keys, notes, strict=True):
            soundfile.write(place / f"{key}.flac", gain * note.T, RATE, "PCM_16")
            low, high = key - APART // 2, key + APART // 2 - 1
            lines.append(f"<region> sample={key}.flac lokey={low} hikey={high} pitch_keycenter={key}")
        (place / f"{folder.name}.sfz").write_text("\n".join(lines) + "\n", "utf-8")
        place.rename(folder)


def loudest(note: np.ndarray) -> float:
    """RMS of the loudest half second of a note, ``(channel, sample)``."""
    halves = note[:, : note.shape[1] // (RATE // 2) * (RATE // 2)].reshape(len(note), -1, RATE // 2)
    return float(np.sqrt((halves**2).mean(axis=(0, 2)).max()))


def main() -> None:
    """Write all instruments that are missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sounds", type=int, default=60)
    parser.add_argument("--basses", type=int, default=15)
    given = parser.parse_args()
    for kind, count in (("keys", given.sounds), ("bass", given.basses)):
        for number in range(count):
            folder = given.out / f"{kind}_{number:02}"
            if not folder.exists():
                record(kind, number, folder)


if __name__ == "__main__":
    main()
