"""Measure how long the command line takes to start.

    python benchmarks/cost/startup.py

``stemtree --help`` and the help of every command, each in a new process: the median of some runs, which on a machine
that does other things too is nearer the truth in CPU seconds than in wall seconds.
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


def measure(*command: object) -> tuple[float, float]:
    """CPU and wall seconds of one run."""
    before, start = os.times(), time.perf_counter()
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu, wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9, help="how many times each command is run")
    runs = parser.parse_args().runs
    stemtree = Path(sys.executable).with_name("stemtree")
    for command in COMMANDS:
        cpu, wall = zip(*(measure(stemtree, *command, "--help") for _ in range(runs)), strict=True)
        name = " ".join(("stemtree", *command, "--help"))
        print(f"{name}: {statistics.median(cpu):.3f} s CPU, {statistics.median(wall):.3f} s wall (median of {runs})")


if __name__ == "__main__":
    main()
