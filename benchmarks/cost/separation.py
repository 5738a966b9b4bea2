"""Measure the cost of separation: CPU seconds, peak memory and start-up, and HTDemucs on the same machine.

    python benchmarks/cost/separation.py

Run it with nothing else on the machine. HTDemucs has random weights, which cost the same as trained ones.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import torch

from stemtree.separation.splitters.spleeter_weights import example_song

TWO_STEMS = ("--depth", "1")

HTDEMUCS = """
import sys, soundfile, torch
from demucs.apply import apply_model
from demucs.htdemucs import HTDemucs
torch.manual_seed(0)
network = HTDemucs(["drums", "bass", "other", "vocals"], bottom_channels=512).eval()
print(sum(parameter.numel() for parameter in network.parameters()))
audio = torch.from_numpy(soundfile.read(sys.argv[1], dtype="float32")[0].T.copy())[None]
with torch.inference_mode():
    apply_model(network, audio, shifts=0, split=True, overlap=0.25)
"""


def run(*command: str | Path) -> tuple[float, float, float]:
    """Run a command; return CPU seconds, wall seconds and peak memory in MB."""
    start = time.perf_counter()
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - start, usage.ru_maxrss / 1024


def median(runs: int, *command: str | Path) -> tuple[float, float, float]:
    """Run a command several times; return the median of each figure of `run`."""
    figures = [run(*command) for _ in range(runs)]
    return tuple(statistics.median(column) for column in zip(*figures, strict=True))  # type: ignore[return-value]


def write_song(path: Path, seconds: int) -> Path:
    """Write a 16-bit WAV file that repeats the example song."""
    audio, rate = soundfile.read(example_song(), dtype="int16")
    with soundfile.SoundFile(path, "w", rate, 2, "PCM_16") as file:
        missing = seconds * rate
        while missing > 0:
            file.write(audio[:missing])
            missing -= len(audio)
    return path


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    stemtree = Path(sys.executable).with_name("stemtree")
    print(f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}, numpy {np.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out")
        sizes = (("two stems", 5, 5), ("two stems", 60, 1), ("the tree of MS21", 5, 3), ("the whole tree", 5, 3))
        for what, minutes, runs in sizes:
            song = write_song(Path(folder, f"{minutes}.wav"), 60 * minutes)
            options = {"two stems": TWO_STEMS, "the tree of MS21": ("--hierarchy", "ms21")}.get(what, ())
            cpu, wall, memory = median(runs, stemtree, "separate", song, "-o", out, "--overwrite", *options)
            seconds = 60 * minutes
            print(
                f"{what} of {minutes} min: {cpu / seconds:.4f} CPU s per s, {wall / seconds:.4f} wall s per s, "
                f"peak {memory:.0f} MB (median of {runs})"
            )
        song = write_song(Path(folder, "1.wav"), 60)
        cpu, wall, memory = median(3, sys.executable, "-c", HTDEMUCS, song)
        print(f"HTDemucs, 1 min: {cpu / 60:.4f} CPU s per s, {wall / 60:.4f} wall s per s, peak {memory:.0f} MB")
        ours, *_ = median(3, stemtree, "separate", song, "-o", out, "--overwrite", *TWO_STEMS)
        print(f"two stems, the same minute: {ours / 60:.4f} CPU s per s; HTDemucs costs {cpu / ours:.1f} times as much")


if __name__ == "__main__":
    main()
