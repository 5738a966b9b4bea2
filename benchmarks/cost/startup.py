"""Measure how long the command line takes to start.

    python benchmarks/cost/startup.py

``stemtree --help`` and the help of every command, and the answers to names, trees and songs that do not exist, each in
a new process: the median of some runs, which on a machine that does other things too is nearer the truth in CPU seconds
than in wall seconds.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = (
    (), ("separate",), ("query",), ("view",), ("export",), ("train",), ("evaluate",), ("corpus",), ("curate",)
)  # fmt: skip


ANSWERS = (
    ("separate", "none.wav"),
    ("separate", "none.wav", "--node", "gitar"),
    ("separate", "none.wav", "--hierarchy", "moisesdb", "--node", "tuba"),
    ("separate", "none.wav", "--splitter", "demix"),
    ("separate", __file__, "--format", "mp4"),
    ("separate", "--list"),
    ("query", "none.wav", "--like", "none.wav", "--model", "none"),
)
"""Mistakes, and what tells about nodes without loading weights."""


def measure(*command: object) -> tuple[float, float]:
    """CPU and wall seconds of one run."""
    before, start = os.times(), time.perf_counter()
    subprocess.run([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    wall, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu, wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9, help="how many times each command is run")
    runs = parser.parse_args().runs
    stemtree = Path(sys.executable).with_name("stemtree")
    for command in (*((*command, "--help") for command in COMMANDS), *ANSWERS):
        cpu, wall = zip(*(measure(stemtree, *command) for _ in range(runs)), strict=True)
        name = " ".join(("stemtree", *command))
        print(f"{name}: {statistics.median(cpu):.3f} s CPU, {statistics.median(wall):.3f} s wall (median of {runs})")


if __name__ == "__main__":
    main()
