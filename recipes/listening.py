"""Describe the nodes of a separated song in numbers, and draw their spectrograms.

    python recipes/listening.py FOLDER -o FIGURE.png

FOLDER was written by `stemtree separate`. For every node: loudness, the shares of its energy below 250 Hz, above 4 kHz
and in the percussive part of a median-filtered spectrogram (Fitzgerald 2010), and by how much its energy rises at the
onsets of the mixture: the energy in the 50 ms after them over that in the 50 ms before.
"""

import argparse
import json
from pathlib import Path

import librosa
import matplotlib.pyplot as plt
import numpy as np
import soundfile

WINDOW, HOP = 2048, 512


def measure(audio: np.ndarray, rate: int, onsets: np.ndarray) -> dict[str, float]:
    """Measure one node, ``(sample,)``."""
    magnitudes = np.abs(librosa.stft(audio, n_fft=WINDOW, hop_length=HOP))
    power = magnitudes**2
    frequencies = librosa.fft_frequencies(sr=rate, n_fft=WINDOW)
    total = power.sum()
    _, percussive = librosa.decompose.hpss(magnitudes)
    around = round(0.05 * rate)
    pairs = [(audio[max(0, at - around) : at], audio[at : at + around]) for at in onsets]
    before, after = (np.mean([np.mean(side**2) for side in sides if len(side)]) for sides in zip(*pairs, strict=True))
    return {
        "below 250 Hz": power[frequencies < 250].sum() / total,
        "above 4 kHz": power[frequencies > 4000].sum() / total,
        "percussive": (percussive**2).sum() / total,
        "rise at onsets, dB": 10 * np.log10(after / before),
    }


def draw(panels: dict[str, tuple[np.ndarray, int]], rate: int, file: Path) -> None:
    """Draw spectrograms of all nodes, titles indented as in the tree."""
    columns = 3
    rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(15, 2.1 * rows), sharex=True, sharey=True, squeeze=False)
    loudest = max(np.abs(librosa.stft(audio, n_fft=WINDOW, hop_length=HOP)).max() for audio, _ in panels.values())
    for axis, (path, (audio, depth)) in zip(axes.flat, panels.items(), strict=False):
        decibels = librosa.amplitude_to_db(np.abs(librosa.stft(audio, n_fft=WINDOW, hop_length=HOP)), ref=loudest)
        seconds = len(audio) / rate
        mesh = axis.imshow(
            decibels[:: WINDOW // 2048], origin="lower", aspect="auto", vmin=-70, vmax=0, cmap="magma",
            extent=(0, seconds, 0, rate / 2000),
        )  # fmt: skip
        axis.set_title("> " * depth + (path.rpartition("/")[2] or "mixture").replace("_", " "), fontsize=10, loc="left")
        axis.set_ylim(0, 11)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel("kHz")
    for axis in axes[-1]:
        axis.set_xlabel("s")
    figure.colorbar(mesh, ax=axes, label="dB", fraction=0.02, pad=0.01)
    figure.savefig(file, dpi=70, bbox_inches="tight")


def main() -> None:
    """Print a table in Markdown and write the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    manifest = json.loads((options.folder / "tree.json").read_text("utf-8"))
    rate, signals = manifest["sample_rate"], {}
    for row in manifest["nodes"]:
        samples, _ = soundfile.read(options.folder / row["file"], always_2d=True)
        signals[row["path"]] = samples.mean(axis=1)
    top = [path for path in signals if "/" not in path]
    mixture = np.sum([signals[path] for path in top], axis=0)
    onsets = librosa.onset.onset_detect(y=mixture, sr=rate, units="samples", backtrack=True)
    onsets = onsets[onsets > 0]
    names = ("below 250 Hz", "above 4 kHz", "percussive", "rise at onsets, dB")
    print("| node | dBFS | share | active |", " | ".join(names), "|\n|" + "---|" * (4 + len(names)))
    for row in manifest["nodes"]:
        figures = measure(signals[row["path"]], rate, onsets)
        cells = [f"{figures[name]:.1f}" if "dB" in name else f"{figures[name]:.0%}" for name in names]
        active = "yes" if row["active"] else "no"
        print(f"| {row['path']} | {row['rms_dbfs']} | {row['energy_share']:.1%} | {active} |", " | ".join(cells), "|")
    panels = {"": (mixture, 0)} | {path: (audio, path.count("/") + 1) for path, audio in signals.items()}
    draw(panels, rate, options.output)


if __name__ == "__main__":
    main()
