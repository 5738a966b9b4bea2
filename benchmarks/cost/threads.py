"""Measure what waiting costs: a minute of music, alone and beside programs that keep cores busy.

    python benchmarks/cost/threads.py --beside 0 3 --songs 1 2

Each way of waiting in turn, several times: clock and CPU seconds until all songs are separated, medians. `spinning` is
OpenMP's own choice, `sleeping` that of OMP_WAIT_POLICY=PASSIVE, `chosen` what `stemtree separate` decides by itself.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from separation import write_song

WAITING = {
    "spinning": {"GOMP_SPINCOUNT": "300000"},  # libgomp's default where OMP_WAIT_POLICY is not set
    "sleeping": {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"},
    "chosen": {},
}
BUSY = "while True: pass"


def separate(songs: list[Path], folder: Path, settings: dict[str, str]) -> tuple[float, float]:
    """Clock and CPU seconds of one command for each song, all at once."""
    unset = {name: value for name, value in os.environ.items() if name not in WAITING["sleeping"]}
    command = [str(Path(sys.executable).with_name("stemtree")), "separate", "--overwrite", "-o", str(folder)]
    start, before = time.perf_counter(), os.times()
    running = [
        subprocess.Popen([*command, str(song)], env=unset | settings, stdout=subprocess.DEVNULL) for song in songs
    ]
    assert not any([process.wait() for process in running])
    clock, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return clock, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beside", type=int, nargs="+", default=[0, 3], help="how many busy programs beside")
    parser.add_argument("--songs", type=int, nargs="+", default=[1, 2], help="how many songs at once")
    parser.add_argument("--seconds", type=int, default=60, help="length of a song")
    parser.add_argument("--runs", type=int, default=3, help="how often each way of waiting is measured")
    options = parser.parse_args()
    print(f"load before: {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory() as place:
        songs = [write_song(Path(place) / f"{number}.wav", options.seconds) for number in range(max(options.songs))]
        for beside in options.beside:
            others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(beside)]
            try:
                for count in options.songs:
                    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in WAITING}
                    for _ in range(options.runs):  # in turn: what else the machine does changes slowly
                        for name, settings in WAITING.items():
                            figures[name].append(separate(songs[:count], Path(place) / "stems", settings))
                    for name, runs in figures.items():
                        clock, cpu = (statistics.median(column) for column in zip(*runs, strict=True))
                        print(f"{beside} beside, {count} at once, {name}: {clock:.1f} s, CPU {cpu:.1f} s", flush=True)
            finally:
                for other in others:
                    other.kill()
                    other.wait()


if __name__ == "__main__":
    main()
